"""Two at once: one wins, the other changes nothing. Homes, permissions and tokens."""

from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from base.refusal import Refused
from dr_events import operations
from dr_events.models import Dispatch, OptOut
from dr_events.states import Delivery, OptOutVia
from enrollments import operations as homes
from enrollments import queries, vendor_session
from enrollments.models import CarrierGrant, Consent, Enrollment, LinkAttempt, Program
from enrollments.rules import ASKED_SCOPES
from enrollments.states import EnrollmentState
from people.models import ActivityEntry
from people.operations import Actor
from tests import cast
from tests.integration.at_once import at_once, before_the_first_commits
from tests.integration.conftest import Vendor

pytestmark = pytest.mark.django_db(transaction=True)
OLGA = Actor("user:olga")
NOW, HOUR = cast.MORNING, timedelta(hours=1)
SEND_AT = NOW + 5 * HOUR


@pytest.fixture
def summer() -> Program:
    return cast.program()


# --- people pressing twice ----------------------------------------------------------------------
def test_twenty_times_no_at_once_is_one_no(summer: Program) -> None:
    cast.neighborhood(summer, 1)
    row = Dispatch.objects.get(event=cast.scheduled(summer))
    say_no = partial(
        operations.opt_out, dispatch_id=row.pk, via=OptOutVia.HOME_PAGE, actor=OLGA, now=NOW
    )
    answers = at_once([say_no] * 20, gate="SELECT 1 FROM dr_events_dispatch FOR UPDATE")
    assert answers == [True] * 20
    assert OptOut.objects.values_list("dispatch", "in_time").get() == (row.pk, True)
    assert ActivityEntry.objects.filter(verb="opt-out").count() == 1
    row.refresh_from_db()
    assert (row.delivery, row.holds_slot) == (Delivery.SKIPPED, False)


def test_the_loser_of_a_move_moves_nothing(summer: Program) -> None:
    cast.neighborhood(summer, 1)
    enrollment = Enrollment.objects.get()
    press = partial(homes.pause, enrollment_id=enrollment.pk, actor=OLGA, now=NOW)
    moved = at_once([press] * 5, gate="SELECT 1 FROM enrollments_enrollment FOR UPDATE")
    assert sorted(moved) == [0, 0, 0, 0, 1]
    assert ActivityEntry.objects.filter(verb="pause").count() == 1


def test_two_different_moves_of_one_row_one_wins(summer: Program) -> None:
    cast.neighborhood(summer, 1)
    Enrollment.objects.update(state=EnrollmentState.PAUSED)
    (row,) = Enrollment.objects.all()
    mine = Enrollment.objects.pick(pk=row.pk)
    moves = [partial(mine.move, EnrollmentState.PAUSED, state) for state in ("ACTIVE", "WITHDRAWN")]
    won = at_once(moves, gate="SELECT 1 FROM enrollments_enrollment FOR UPDATE")
    assert sorted(won) == [0, 1]
    row.refresh_from_db()
    assert row.state == ("ACTIVE", "WITHDRAWN")[won.index(1)]


def test_one_answer_from_carrier_is_used_by_one(summer: Program) -> None:
    hanna = cast.homeowner()
    cast.agreement(hanna, summer)
    who: dict[str, Any] = {"user": hanna, "state": "s", "session": "t", "real_now": NOW}
    homes.begin_link(**who, program=summer, verifier="v" * 64)
    taken = at_once(
        [partial(homes.take_link_attempt, **who)] * 8,
        gate="SELECT 1 FROM enrollments_linkattempt FOR UPDATE",
    )
    assert sum(attempt is not None for attempt in taken) == 1
    assert LinkAttempt.objects.get().used_at == NOW


def test_two_people_connect_one_account_at_once_one_has_it() -> None:
    people = [cast.homeowner(f"{name}@home.example") for name in ("hanna", "otto", "ida")]
    tokens = homes.Tokens("access", "refresh", None, ASKED_SCOPES)
    links = [
        partial(
            homes.link,
            user=person,
            carrier_username="shared",
            tokens=tokens,
            actor=Actor.person(person),
            now=NOW,
            real_now=NOW,
        )
        for person in people
    ]
    results = at_once(links, gate="LOCK TABLE enrollments_carriergrant IN SHARE MODE")
    refused = [result for result in results if isinstance(result, homes.LinkedElsewhere)]
    assert len(refused) == 2
    grant = CarrierGrant.objects.get()
    (won,) = [result for result in results if result not in refused]
    assert won.pk == grant.pk
    assert list(ActivityEntry.objects.values_list("actor", flat=True)) == [f"user:{grant.user_id}"]


def test_one_system_joins_once_however_often_it_is_pressed(summer: Program) -> None:
    hanna = cast.homeowner()
    cast.agreement(hanna, summer)
    system = cast.system(cast.grant(hanna))
    press = partial(
        homes.enroll, user=hanna, program=summer, system_ids=[system.pk], actor=OLGA, now=NOW
    )
    results = at_once([press] * 4, gate="SELECT 1 FROM enrollments_system FOR UPDATE")
    assert sum(isinstance(result, Refused) for result in results) == 3
    assert (Enrollment.objects.count(), Consent.objects.filter(system=system).count()) == (1, 1)


def test_the_last_two_systems_leaving_at_once_end_the_agreement_too(summer: Program) -> None:
    """Each sees the other one still enrolled unless they take turns."""
    hanna = cast.homeowner()
    cast.agreement(hanna, summer)
    grant = cast.grant(hanna)
    pair = [cast.system(grant, serial) for serial in ("2319W000001", "2319W000002")]
    made = homes.enroll(
        user=hanna,
        program=summer,
        system_ids=[system.pk for system in pair],
        actor=OLGA,
        now=NOW,
    )
    leave = [
        partial(homes.withdraw, enrollment_id=row.pk, actor=OLGA, now=NOW + HOUR) for row in made
    ]
    first, last = before_the_first_commits(leave[0], leave[1])
    assert first == homes.Left(None)
    assert (last.forgotten.grant_id, CarrierGrant.objects.get().state) == (grant.pk, "REVOKED")
    assert queries.agreed(hanna, summer) is None
    withdrawn = Consent.objects.filter(act="WITHDRAWN").values_list("system", flat=True)
    assert Counter(withdrawn) == {pair[0].pk: 1, pair[1].pk: 1, None: 1}


def test_nobody_joins_on_an_agreement_that_is_being_taken_back(summer: Program) -> None:
    hanna = cast.homeowner()
    cast.agreement(hanna, summer)
    grant = cast.grant(hanna)
    first, second = (cast.system(grant, serial) for serial in ("2319W000001", "2319W000002"))
    join = partial(homes.enroll, user=hanna, program=summer, actor=OLGA, now=NOW)
    (row,) = join(system_ids=[first.pk])
    left, refused = before_the_first_commits(
        partial(homes.withdraw, enrollment_id=row.pk, actor=OLGA, now=NOW + HOUR),
        partial(join, system_ids=[second.pk]),
    )
    assert (left is not None, str(refused)) == (
        True,
        "Please read and agree to the program terms first.",
    )
    assert Enrollment.objects.filter(system=second).count() == 0


# --- tokens -------------------------------------------------------------------------------------
def test_a_token_is_renewed_by_one_call_however_many_ask(vendor: Vendor, summer: Program) -> None:
    """A replayed refresh token costs the homeowner the permission (RFC 9700, 4.14)."""
    vendor.enroll(summer, vendor.homes()[:1])
    CarrierGrant.objects.update(access_expires_at=timezone.now())
    vendor.admin(
        "PUT",
        "faults",
        rules=[
            {"kind": "delay", "seconds": 0.5, "match": {"operation": "POST oauth/token"}},
        ],
    )
    (grant,) = CarrierGrant.objects.all()
    usable = at_once([partial(vendor_session.refresh, grant.pk)] * 8)
    assert usable.count(vendor_session.Refreshed.USABLE) >= 1
    assert vendor_session.Refreshed.FAILED not in usable, "those who found it busy did not fail"
    assert len(vendor.entries("POST oauth/token")) == 1
    consents = vendor.admin("GET", "counts")["consents"]
    assert (consents["refreshes"], consents["revoked_by_reuse"]) == (1, 0)
    grant.refresh_from_db()
    assert grant.state == "ACTIVE"
    assert grant.access_expires_at is not None
    assert grant.access_expires_at > timezone.now()
    assert vendor_session.refresh(grant.pk) is vendor_session.Refreshed.USABLE
    assert len(vendor.entries("POST oauth/token")) == 1, "a fresh token is left alone"
