"""A pause with dates: plan, claim, last look and settling go by the time of the event."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from base.refusal import Refused
from dr_events import dispatch, operations, queries
from dr_events.models import Dispatch, Event
from dr_events.states import Delivery, Reason
from dr_events.tasks import due
from enrollments import operations as homes
from enrollments.models import Enrollment, Program, System
from enrollments.rules import Pause
from enrollments.states import EnrollmentState
from people.models import ActivityEntry
from people.operations import Actor
from tests import cast
from tests.integration.conftest import Vendor
from tests.integration.sending import SEND_AT, posts, sent

pytestmark = pytest.mark.django_db(transaction=True)
HANNA = Actor("user:hanna")
NOW = cast.MORNING
HOUR = timedelta(hours=1)
START, END = NOW + 6 * HOUR, NOW + 8 * HOUR  # the cast's event; sending begins an hour before
ALWAYS = NOW - 300 * HOUR

# (from, until, does it touch the event?)
PAUSES: list[tuple[datetime | None, datetime | None, bool]] = [
    (None, None, True),
    (None, START, False),
    (None, START + timedelta(minutes=1), True),
    (NOW + HOUR, NOW + 2 * HOUR, False),
    (END - timedelta(minutes=1), None, True),
    (START + HOUR / 2, START + HOUR, True),
    (END, None, False),
    (NOW + 24 * HOUR, NOW + 48 * HOUR, False),
]


@pytest.fixture
def summer() -> Program:
    return cast.program()


def rest(
    system: System, since: datetime | None, until: datetime | None, now: datetime = NOW
) -> int:
    mine = Enrollment.objects.get(system=system)
    return homes.pause(enrollment_id=mine.pk, actor=HANNA, now=now, since=since, until=until)


def touching(systems: list[System]) -> set[int]:
    return {system.pk for system, (_, _, touches) in zip(systems, PAUSES, strict=True) if touches}


@pytest.mark.parametrize(("since", "until", "touches"), PAUSES)
def test_the_rule_in_python(since: datetime | None, until: datetime | None, touches: bool) -> None:
    assert Pause(since, until).touches(START, END) is touches


def test_preview_and_plan_leave_out_who_is_away_then(summer: Program) -> None:
    systems = cast.neighborhood(summer, len(PAUSES))
    for system, (since, until, _) in zip(systems, PAUSES, strict=True):
        assert rest(system, since, until) == 1
    away = touching(systems)
    preview = queries.candidates.preview(operations.unsaved(summer, cast.wish()))
    assert (preview.targeted, preview.left_out) == (
        len(PAUSES) - len(away),
        ((Reason.PAUSED, len(away)),),
    )
    event = cast.scheduled(summer)
    left_out = Dispatch.objects.filter(event=event, reason=Reason.PAUSED, holds_slot=False)
    assert set(left_out.values_list("system_id", flat=True)) == away


def test_a_pause_made_after_the_plan_is_asked_when_it_is_sent(
    vendor: Vendor, summer: Program
) -> None:
    systems, event = sent(vendor, summer, len(PAUSES))
    systems = systems[: len(PAUSES)]
    Enrollment.objects.exclude(system__in=systems).update(state=EnrollmentState.WITHDRAWN)
    for system, (since, until, _) in zip(systems, PAUSES, strict=True):
        assert rest(system, since, until) == 1
    away = touching(systems)
    dispatch.send_wave(event.pk)
    assert set(posts(vendor)) == {system.serial for system in systems if system.pk not in away}
    rows = Dispatch.objects.filter(event=event, system__in=systems)
    left = rows.filter(delivery=Delivery.SKIPPED, reason=Reason.PAUSED, holds_slot=False)
    assert set(left.values_list("system_id", flat=True)) == away
    others = rows.exclude(system__in=away)
    assert set(others.values_list("delivery", flat=True)) == {Delivery.ACCEPTED}


def test_who_resumes_in_time_gets_it(vendor: Vendor, summer: Program) -> None:
    systems, event = sent(vendor, summer, 1)
    for system in systems:
        rest(system, None, NOW + 100 * HOUR)
        mine = Enrollment.objects.get(system=system)
        assert homes.resume(enrollment_id=mine.pk, actor=HANNA, now=SEND_AT) == 1
    dispatch.send_wave(event.pk)
    assert posts(vendor) == {system.serial: 1 for system in systems}


def test_the_last_look_sees_it_too(summer: Program) -> None:
    systems = cast.neighborhood(summer, len(PAUSES))
    event = cast.scheduled(summer)
    Dispatch.objects.filter(event=event).update(delivery=Delivery.SENDING)
    for system, (since, until, _) in zip(systems, PAUSES, strict=True):
        rest(system, since, until)
    _, said_no, _ = queries.work.stop_signals(event_id=event.pk)
    rows = Dispatch.objects.filter(event=event, system__in=touching(systems))
    assert said_no == set(rows.values_list("id", flat=True))


def test_a_lost_permission_of_a_home_that_is_back_by_then_is_named(summer: Program) -> None:
    back, away = cast.neighborhood(summer, 2)
    event = cast.scheduled(summer)
    rest(back, None, START)
    rest(away, None, None)
    for system in (back, away):
        type(system.grant).objects.filter(pk=system.grant_id).update(state="NEEDS_RELINK")
    operations.settle(event_id=event.pk, last_send=END, ends_at=END, now=SEND_AT)
    rows = Dispatch.objects.filter(event=event)
    found = {system: rest for system, *rest in rows.values_list("system", "delivery", "reason")}
    assert found == {back.pk: ["UNAUTHORIZED", "NO_PERMISSION"], away.pk: ["SKIPPED", "PAUSED"]}


def test_a_cap_tightened_while_a_home_rests_holds_when_it_is_back(summer: Program) -> None:
    """Nothing is asked of a home beyond its cap because it rested when the cap was tightened."""
    (system,) = cast.neighborhood(summer, 1)
    summer.max_per_week = 2
    summer.min_rest_minutes = 0
    summer.save()
    cast.scheduled(summer)
    day = timedelta(days=1)
    event = cast.scheduled(summer, starts_at=START + day, ends_at=END + day)
    rest(system, None, None)
    summer.max_per_week = 1
    summer.save()
    assert operations.recheck_limits(event_id=event.pk, now=NOW) == 1
    row = Dispatch.objects.get(event=event)
    assert (row.delivery, row.reason) == (Delivery.SKIPPED, Reason.WEEK_CAP)


# --- the state follows ------------------------------------------------------------------------
def look(system: System) -> tuple[Any, ...]:
    mine = Enrollment.objects.get(system=system)
    return mine.state, mine.paused_from, mine.paused_until


def test_the_sweep_begins_and_ends_pauses_and_says_so_in_the_log(summer: Program) -> None:
    (system,) = cast.neighborhood(summer, 1)
    since, until = NOW + HOUR, NOW + 3 * HOUR
    assert rest(system, since, until) == 1
    assert rest(system, since, until) == 0, "pressed twice"
    assert look(system) == ("ACTIVE", since, until)
    assert (homes.pauses_turn(now=NOW), homes.turn_pauses(now=NOW)) == (False, 0)
    assert (homes.pauses_turn(now=since), homes.turn_pauses(now=since)) == (True, 1)
    assert look(system) == ("PAUSED", since, until)
    assert homes.turn_pauses(now=since) == 0
    assert homes.turn_pauses(now=until) == 1
    assert look(system) == ("ACTIVE", None, None)
    verbs = ActivityEntry.objects.order_by("id").values_list("verb", "actor")
    assert list(verbs) == [
        ("pause", "user:hanna"),
        ("pause-begins", "system"),
        ("pause-over", "system"),
    ]


def test_a_pause_nobody_swept_while_it_lasted_is_cleared(summer: Program) -> None:
    (system,) = cast.neighborhood(summer, 1)
    rest(system, NOW + HOUR, NOW + 2 * HOUR)
    assert homes.turn_pauses(now=NOW + 5 * HOUR) == 1
    assert look(system) == ("ACTIVE", None, None)


def test_the_sweep_rings_for_it(summer: Program) -> None:
    (system,) = cast.neighborhood(summer, 1)
    name = "enrollments.tasks.turn_pauses"
    assert name not in [ring.task.name for ring in due()]
    Enrollment.objects.filter(system=system).update(
        state=EnrollmentState.PAUSED, paused_from=ALWAYS, paused_until=NOW - 99 * HOUR
    )
    assert name in [ring.task.name for ring in due()]


def test_times_that_make_no_sense_are_refused(summer: Program) -> None:
    (system,) = cast.neighborhood(summer, 1)
    year = timedelta(days=367)
    for since, until, field in (
        (None, NOW, "until"),
        (NOW + 2 * HOUR, NOW + HOUR, "until"),
        (None, NOW + year, "until"),
        (NOW + year, None, "since"),
    ):
        with pytest.raises(Refused) as no:
            rest(system, since, until)
        assert no.value.field == field
    assert look(system) == ("ACTIVE", None, None)
    assert not ActivityEntry.objects.exists()


def test_leaving_ends_it(summer: Program) -> None:
    (system,) = cast.neighborhood(summer, 1)
    rest(system, NOW + HOUR, NOW + 2 * HOUR)
    mine = Enrollment.objects.get()
    homes.withdraw(enrollment_id=mine.pk, actor=HANNA, now=NOW)
    assert homes.turn_pauses(now=NOW + HOUR) == 0
    assert rest(system, None, None) == 0
    assert homes.resume(enrollment_id=mine.pk, actor=HANNA, now=NOW) == 0


def test_open_pauses_from_before_dates_still_hold(summer: Program) -> None:
    """Rows that were paused before pauses had dates have none."""
    cast.neighborhood(summer, 1)
    Enrollment.objects.update(state=EnrollmentState.PAUSED)
    assert homes.turn_pauses(now=NOW) == 0
    event: Event = operations.draft(program=summer, wish=cast.wish(), actor=HANNA, now=NOW)
    assert queries.candidates.preview(event).targeted == 0
    assert homes.resume(enrollment_id=Enrollment.objects.get().pk, actor=HANNA, now=NOW) == 1
    assert queries.candidates.preview(event).targeted == 1
