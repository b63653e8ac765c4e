"""Two at once, on PostgreSQL, with real threads: one wins, the other changes nothing.

Nothing here sleeps and hopes. Where it matters that everybody is inside at the same moment, the
test holds a lock they all need, waits until PostgreSQL itself says that they stand in line, and
then lets go.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from base.refusal import Refused
from dr_events import dispatch, operations
from dr_events.models import Dispatch, Event, OptOut
from dr_events.operations import planning
from dr_events.states import Delivery, EventState, OptOutVia, Reason
from enrollments import operations as homes
from enrollments import queries, vendor_session
from enrollments.models import CarrierGrant, Consent, Enrollment, LinkAttempt, Program, System
from enrollments.rules import ASKED_SCOPES
from enrollments.states import EnrollmentState
from people.models import ActivityEntry
from people.operations import Actor
from tests import cast
from tests.integration.conftest import Vendor

pytestmark = pytest.mark.django_db(transaction=True)
Job = Callable[[], Any]
OLGA = Actor("user:olga")
NOW, HOUR = cast.MORNING, timedelta(hours=1)
SEND_AT = NOW + 5 * HOUR
PATIENCE_S = 4.0  # less than the lock time-out of the product's own connections


@pytest.fixture
def summer() -> Program:
    return cast.program()


# --- how to be at the same place at the same time -----------------------------------------------
def in_line() -> int:
    """How many sessions stand in line for a lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
        (count,) = cursor.fetchone()
    return int(count)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.005)


def at_once(jobs: Sequence[Job], *, gate: str = "") -> list[Any]:
    """Each job on a thread and a connection of its own; what it gave back, or its Refused.

    ``gate`` is a statement that takes a lock all of them need; it is let go when all stand in
    line for it.
    """
    together = threading.Barrier(len(jobs))

    def run(job: Job) -> Any:
        try:
            connection.ensure_connection()
            together.wait(PATIENCE_S)
            return job()
        except Refused as no:
            return no
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        if not gate:
            return [future.result() for future in [pool.submit(run, job) for job in jobs]]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(gate)
            futures = [pool.submit(run, job) for job in jobs]
            until(lambda: in_line() == len(jobs))
    return [future.result() for future in futures]


def before_the_first_commits(first: Job, second: Job) -> tuple[Any, Any]:
    """``first`` has done everything but commit when ``second`` begins; it commits as soon as
    ``second`` is through, or stands in line for it."""

    def run() -> Any:
        try:
            return second()
        except Refused as no:
            return no
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            done = first()
            future: Future[Any] = pool.submit(run)
            until(lambda: future.done() or in_line() == 1)
        return done, future.result()


# --- claims -------------------------------------------------------------------------------------
def claim(event: Event, *, limit: int = 500, now: datetime = SEND_AT) -> list[int]:
    """Ids of the rows handed out. The claim's session lock goes with the thread's connection."""
    claimed = operations.claim(
        event_id=event.pk,
        after=0,
        limit=limit,
        lease=timedelta(seconds=60),
        token_margin=timedelta(seconds=60),
        last_send=event.ends_at - timedelta(minutes=30),
        now=now,
    )
    return [row.id for row in claimed.rows]


def claim_all(event: Event, limit: int) -> list[int]:
    found: list[int] = []
    while more := claim(event, limit=limit):
        found += more
    return found


def deliveries(event: Event) -> Counter[str]:
    return Counter(Dispatch.objects.filter(event=event).values_list("delivery", flat=True))


def test_claims_at_once_never_hand_out_a_row_twice(summer: Program) -> None:
    cast.neighborhood(summer, 60)
    event = cast.scheduled(summer)
    claims = at_once(
        [partial(claim, event, limit=20)] * 4, gate="LOCK TABLE dr_events_dispatch IN SHARE MODE"
    )
    handed_out = [row for rows in claims for row in rows]
    assert len(handed_out) == len(set(handed_out))
    rest = claim_all(event, 20)
    everything = Dispatch.objects.filter(event=event).values_list("id", flat=True)
    assert sorted(handed_out + rest) == sorted(everything)
    rows = Dispatch.objects.filter(event=event)
    assert set(rows.values_list("delivery", "attempts")) == {(Delivery.SENDING, 1)}
    numbers = Counter(rows.filter(id__in=handed_out).values_list("claim", flat=True))
    assert sorted(numbers.values()) == sorted(len(rows) for rows in claims if rows)


def test_a_row_that_is_being_claimed_is_passed_over_not_waited_for(summer: Program) -> None:
    cast.neighborhood(summer, 4)
    event = cast.scheduled(summer)
    first, second, *others = Dispatch.objects.filter(event=event).order_by("system_id")

    def hold() -> None:
        list(Dispatch.objects.select_for_update().filter(id__in=[first.pk, second.pk]))

    _, claimed = before_the_first_commits(hold, partial(claim, event))
    assert claimed == [row.pk for row in others]


def test_a_claim_inside_a_transaction_is_refused(summer: Program) -> None:
    """Its rows would be free again before the bytes leave."""
    cast.neighborhood(summer, 1)
    event = cast.scheduled(summer)
    with transaction.atomic(), pytest.raises(RuntimeError, match="must be committed"):
        claim(event)
    assert deliveries(event) == {Delivery.PLANNED: 1}


def test_two_waves_at_once_post_once_to_each_home(vendor: Vendor, summer: Program) -> None:
    systems = vendor.enroll(summer, vendor.homes())
    event = cast.scheduled(summer)
    vendor.at(SEND_AT)
    answered = at_once([partial(dispatch.send_wave, event.pk)] * 3)
    assert sum(answered) == len(systems)
    posts = Counter(entry["serial"] for entry in vendor.entries("POST utility_events"))
    assert posts == Counter({system.serial: 1 for system in systems})
    assert deliveries(event) == {Delivery.ACCEPTED: len(systems)}


# --- cancel and stop against claims -------------------------------------------------------------
def test_while_an_event_is_being_cancelled_nothing_is_handed_out(summer: Program) -> None:
    cast.neighborhood(summer, 5)
    event = cast.scheduled(summer)
    spared, claimed = before_the_first_commits(
        partial(operations.cancel, event_id=event.pk, actor=OLGA, now=SEND_AT),
        partial(claim, event),
    )
    assert (spared, claimed) == (5, [])
    assert deliveries(event) == {Delivery.CANCELLED: 5}


def test_cancel_in_the_middle_of_claiming_splits_the_homes_cleanly(summer: Program) -> None:
    cast.neighborhood(summer, 60)
    event = cast.scheduled(summer)
    *claims, spared = at_once(
        [
            *[partial(claim_all, event, 4)] * 3,
            partial(operations.cancel, event_id=event.pk, actor=OLGA, now=SEND_AT),
        ]
    )
    handed_out = [row for rows in claims for row in rows]
    assert len(handed_out) == len(set(handed_out))
    assert len(handed_out) + spared == 60
    found = deliveries(event)
    assert (found[Delivery.SENDING], found[Delivery.CANCELLED]) == (len(handed_out), spared)
    assert sum(found.values()) == 60
    assert claim(event) == [], "nothing more after the cancel"


def test_two_cancels_at_once_one_counts(summer: Program) -> None:
    cast.neighborhood(summer, 3)
    event = cast.scheduled(summer)
    results = at_once(
        [partial(operations.cancel, event_id=event.pk, actor=OLGA, now=SEND_AT)] * 4,
        gate="SELECT 1 FROM dr_events_event FOR UPDATE",
    )
    spared = [result for result in results if not isinstance(result, Refused)]
    refused = [str(result) for result in results if isinstance(result, Refused)]
    assert (spared, refused) == ([3], ["This event is cancelled already."] * 3)
    assert ActivityEntry.objects.filter(verb="cancel").count() == 1


# --- plans --------------------------------------------------------------------------------------
def drafted(program: Program, **fields: Any) -> Event:
    return operations.draft(program=program, wish=cast.wish(**fields), actor=OLGA, now=NOW)


def submit(event: Event) -> Event:
    return dispatch.submit(event_id=event.pk, actor=OLGA, now=NOW)


def most_slots_at_once() -> int:
    """The most events that hold the same moment of one home."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT max(n) FROM (
                SELECT count(*) AS n FROM dr_events_dispatch a
                JOIN dr_events_dispatch b ON b.system_id = a.system_id
                    AND b.window && a.window AND b.holds_slot
                WHERE a.holds_slot GROUP BY a.id) AS counted"""
        )
        (most,) = cursor.fetchone()
    return int(most)


PROGRAM_GATE = "SELECT 1 FROM enrollments_program FOR UPDATE"


def test_two_overlapping_plans_at_once_one_gets_the_homes(summer: Program) -> None:
    cast.neighborhood(summer, 6)
    early = drafted(summer)
    late = drafted(summer, starts_at=NOW + 7 * HOUR, ends_at=NOW + 9 * HOUR)
    results = at_once([partial(submit, early), partial(submit, late)], gate=PROGRAM_GATE)
    assert sorted(isinstance(result, Refused) for result in results) == [False, True]
    (refused,) = [result for result in results if isinstance(result, Refused)]
    assert refused.code == "empty-target"
    assert Counter(Event.objects.values_list("state", flat=True)) == {
        EventState.SCHEDULED: 1,
        EventState.DRAFT: 1,
    }
    assert Dispatch.objects.filter(event__state=EventState.DRAFT).count() == 0
    assert deliveries(Event.objects.get(state=EventState.SCHEDULED)) == {Delivery.PLANNED: 6}
    assert most_slots_at_once() == 1


def test_two_plans_at_once_stay_inside_the_daily_cap_together(summer: Program) -> None:
    """They do not overlap, so only taking turns keeps them inside."""
    Program.objects.update(max_per_day=1, min_rest_minutes=0)
    cast.neighborhood(summer, 4)
    noon = drafted(summer, starts_at=NOW + 4 * HOUR, ends_at=NOW + 5 * HOUR)
    evening = drafted(summer, starts_at=NOW + 9 * HOUR, ends_at=NOW + 10 * HOUR)
    results = at_once([partial(submit, noon), partial(submit, evening)], gate=PROGRAM_GATE)
    assert sorted(isinstance(result, Refused) for result in results) == [False, True]
    assert Dispatch.objects.filter(holds_slot=True).count() == 4


def test_one_draft_submitted_twice_at_once_is_scheduled_once(summer: Program) -> None:
    cast.neighborhood(summer, 3)
    event = drafted(summer)
    results = at_once([partial(submit, event)] * 3, gate="SELECT 1 FROM dr_events_event FOR UPDATE")
    assert sum(isinstance(result, Refused) for result in results) == 2
    assert deliveries(event) == {Delivery.PLANNED: 3}
    assert ActivityEntry.objects.filter(verb="schedule").count() == 1


def test_who_loses_the_same_hour_to_an_uncommitted_plan_is_left_out(summer: Program) -> None:
    """Past the lock that makes plans take turns: the constraint itself settles it."""
    first_home, *_ = cast.neighborhood(summer, 3)
    early = drafted(summer, postal_codes=("62701",))
    late = drafted(summer, starts_at=NOW + 7 * HOUR, ends_at=NOW + 9 * HOUR)
    System.objects.exclude(pk=first_home.pk).update(location=elsewhere(first_home))

    @transaction.atomic
    def freeze(event: Event) -> int:
        return planning._freeze_targets(event)

    assert before_the_first_commits(partial(freeze, early), partial(freeze, late)) == (1, 2)
    assert (
        list(
            Dispatch.objects.filter(event=late).values_list("delivery", "reason", "holds_slot")
        ).count((Delivery.SKIPPED, Reason.OVERLAP, False))
        == 1
    )
    assert most_slots_at_once() == 1


def elsewhere(system: System) -> Any:
    return system.grant.locations.create(carrier_id="elsewhere", postal="99999")


def plant(of: Dispatch, event: Event, starts_at: datetime, **fields: Any) -> Dispatch:
    return Dispatch.objects.create(
        event=event,
        system=of.system,
        enrollment=of.enrollment,
        window=(starts_at, starts_at + 2 * HOUR),
        **fields,
    )


def test_the_constraint_refuses_a_planted_overlapping_row(summer: Program) -> None:
    cast.neighborhood(summer, 1)
    event, other = cast.scheduled(summer), drafted(summer)
    row = Dispatch.objects.get(event=event)
    for hours in (-2 + 1 / 3600, 0, 2 - 1 / 3600):
        with pytest.raises(IntegrityError, match="no_overlapping_events"):
            plant(row, other, event.starts_at + hours * HOUR)
    assert Dispatch.objects.count() == 1
    plant(row, other, event.starts_at, holds_slot=False).delete()
    plant(row, other, event.ends_at).delete()
    plant(row, other, event.starts_at - 2 * HOUR).delete()
    with pytest.raises(IntegrityError, match="one_dispatch_per_system"):
        plant(row, event, event.ends_at + HOUR)


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


def test_a_no_against_a_claim_is_in_time_or_it_is_not(summer: Program) -> None:
    """Never both: a home that was told "in time" is not handed out."""
    cast.neighborhood(summer, 1)
    event = cast.scheduled(summer)
    row = Dispatch.objects.get(event=event)
    answer, claimed = before_the_first_commits(
        partial(
            operations.opt_out, dispatch_id=row.pk, via=OptOutVia.HOME_PAGE, actor=OLGA, now=SEND_AT
        ),
        partial(claim, event),
    )
    assert (answer, claimed) == (True, [])
    assert claim(event) == []


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
