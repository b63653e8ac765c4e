"""What a home did, judged from what was seen."""

from datetime import UTC, datetime, timedelta

import pytest

from dr_events.rules.participation import Sight, next_look, verdict
from dr_events.states import OPTED_OUT, Participation

START = datetime(2026, 7, 14, 20, 0, tzinfo=UTC)
END = START + timedelta(hours=2)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
BEFORE, DURING, AFTER = START - SECOND, START, END
UNKNOWN, SCHEDULED, ACTIVE, UNREACHABLE = (
    Participation.UNKNOWN,
    Participation.SCHEDULED,
    Participation.ACTIVE,
    Participation.UNREACHABLE,
)
ABSENT = Sight(listed=False, online=True)
LISTED = Sight(listed=True, status="far", online=True)
RUNNING = Sight(listed=True, status="active", online=True)


def judged(
    sight: Sight, now: datetime, before: Participation = UNKNOWN, seen_active: bool = False
) -> Participation:
    return verdict(before, sight, starts_at=START, ends_at=END, seen_active=seen_active, now=now)


@pytest.mark.parametrize(
    ("before", "sight", "expected"),
    [
        (UNKNOWN, LISTED, SCHEDULED),
        (UNKNOWN, ABSENT, UNKNOWN),
        (SCHEDULED, ABSENT, SCHEDULED),
        (UNKNOWN, Sight(listed=True, status="active", online=True), SCHEDULED),
        (UNKNOWN, Sight(listed=True, online=False), SCHEDULED),
        (UNKNOWN, Sight(listed=True, online=None), SCHEDULED),
    ],
)
def test_before_the_start_a_listed_event_waits(
    before: Participation, sight: Sight, expected: Participation
) -> None:
    assert judged(sight, BEFORE, before) == expected


@pytest.mark.parametrize("now", [DURING, END - SECOND])
@pytest.mark.parametrize(
    ("before", "sight", "expected"),
    [
        (SCHEDULED, RUNNING, ACTIVE),
        (UNREACHABLE, RUNNING, ACTIVE),
        (SCHEDULED, LISTED, SCHEDULED),
        (SCHEDULED, ABSENT, SCHEDULED),
        (SCHEDULED, Sight(listed=False, status="active", online=True), SCHEDULED),
        (SCHEDULED, Sight(listed=True, status="active", online=False), UNREACHABLE),
        (ACTIVE, Sight(listed=True, status="active", online=False), UNREACHABLE),
        (SCHEDULED, Sight(listed=True, status="active", online=None), SCHEDULED),
        (ACTIVE, Sight(listed=True, status="completed", online=True), ACTIVE),
        (UNKNOWN, Sight(listed=False, online=False), UNREACHABLE),
    ],
)
def test_while_it_runs_only_an_online_active_home_takes_part(
    now: datetime, before: Participation, sight: Sight, expected: Participation
) -> None:
    assert judged(sight, now, before) == expected


@pytest.mark.parametrize("now", [AFTER, AFTER + timedelta(hours=1)])
@pytest.mark.parametrize("before", [UNKNOWN, SCHEDULED, ACTIVE, UNREACHABLE])
@pytest.mark.parametrize(
    "sight", [RUNNING, LISTED, ABSENT, Sight(listed=True, status="completed", online=False)]
)
def test_afterwards_taking_part_needs_evidence(
    now: datetime, before: Participation, sight: Sight
) -> None:
    assert judged(sight, now, before, seen_active=True) == Participation.COMPLETED
    assert judged(sight, now, before, seen_active=False) == UNREACHABLE


@pytest.mark.parametrize(
    ("opted_at", "now", "expected"),
    [
        (START - SECOND, DURING, Participation.OPTED_OUT_BEFORE),
        (START, DURING, Participation.OPTED_OUT_DURING),
        (END - SECOND, AFTER, Participation.OPTED_OUT_DURING),
        (None, BEFORE, Participation.OPTED_OUT_BEFORE),
        (None, DURING, Participation.OPTED_OUT_DURING),
    ],
)
def test_a_no_at_the_wall_control_is_before_or_during(
    opted_at: datetime | None, now: datetime, expected: Participation
) -> None:
    sight = Sight(listed=True, status="active", opt="optOut", opted_at=opted_at, online=True)
    assert judged(sight, now, ACTIVE, seen_active=True) == expected


def test_a_no_needs_our_event_in_the_list() -> None:
    sight = Sight(listed=False, opt="optOut", online=True)
    assert judged(sight, DURING, SCHEDULED) == SCHEDULED


def test_opting_in_is_no_opting_out() -> None:
    sight = Sight(listed=True, status="active", opt="optIn", online=True)
    assert judged(sight, DURING, SCHEDULED) == ACTIVE


@pytest.mark.parametrize("before", sorted(OPTED_OUT))
@pytest.mark.parametrize("now", [BEFORE, DURING, AFTER])
def test_a_no_is_never_taken_back_by_a_look(before: Participation, now: datetime) -> None:
    assert judged(RUNNING, now, before, seen_active=True) == before


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (START - timedelta(hours=5), START - 10 * MINUTE),
        (START - 10 * MINUTE - SECOND, START - 10 * MINUTE),
        (START - 10 * MINUTE, START - 5 * MINUTE),
        (START - 4 * MINUTE, START + MINUTE),
        (START - 3 * MINUTE, START + MINUTE),
        (START - SECOND, START + MINUTE),
        (START, START + 5 * MINUTE),
        (END - MINUTE, END + 4 * MINUTE),
        (END, END + 5 * MINUTE),
        (END + 6 * MINUTE, END + 10 * MINUTE),
        (END + 10 * MINUTE - SECOND, END + 10 * MINUTE),
        (END + 10 * MINUTE, None),
        (END + timedelta(hours=3), None),
    ],
)
def test_when_to_look_again(now: datetime, expected: datetime | None) -> None:
    found = next_look(now=now, starts_at=START, ends_at=END, every=5 * MINUTE)
    assert found == expected


def test_the_looks_come_to_an_end_and_the_last_is_ten_minutes_after_the_end() -> None:
    now, looks = START - timedelta(hours=6), []
    while following := next_look(now=now, starts_at=START, ends_at=END, every=7 * MINUTE):
        assert following > now
        looks.append(following)
        now = following
    assert looks[0] == START - 10 * MINUTE
    assert looks[-1] == END + 10 * MINUTE
    assert START + MINUTE in looks
