"""Two at once: one wins, the other changes nothing. Claims, cancels and plans."""

from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from base.refusal import Refused
from dr_events import dispatch, operations
from dr_events.models import Dispatch, Event
from dr_events.operations import scheduling
from dr_events.states import Delivery, EventState, OptOutVia, Reason
from enrollments.models import Program, System
from people.models import ActivityEntry
from people.operations import Actor
from tests import cast
from tests.integration import sending
from tests.integration.at_once import at_once, before_the_first_commits
from tests.integration.conftest import Vendor

pytestmark = pytest.mark.django_db(transaction=True)
OLGA = Actor("user:olga")
NOW, HOUR = cast.MORNING, timedelta(hours=1)
SEND_AT = NOW + 5 * HOUR


@pytest.fixture
def summer() -> Program:
    return cast.program()


# --- claims -------------------------------------------------------------------------------------
def claim(event: Event, *, limit: int = 500, now: datetime = SEND_AT) -> list[int]:
    """Ids of the rows handed out. The claim's session lock goes with the thread's connection."""
    return [row.id for row in sending.claim(event, now, limit=limit).rows]


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
        return scheduling._freeze_targets(event)

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
