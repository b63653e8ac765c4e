"""When an event's homes are looked at before and after, and when no longer."""

from datetime import UTC, datetime, timedelta

import pytest

from dr_events.rules.around import is_in_time, looks, next_look

START = datetime(2026, 7, 14, 20, 0, tzinfo=UTC)
END = START + timedelta(hours=2)
MINUTE = timedelta(minutes=1)


def test_four_looks_before_and_eight_after() -> None:
    found = looks(START, END)
    assert [(at - START) // MINUTE for at in found[:4]] == [-120, -90, -60, -30]
    assert [(at - END) // MINUTE for at in found[4:]] == [30, 60, 90, 120, 150, 180, 210, 240]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (START - timedelta(days=1), START - 120 * MINUTE),
        (START - 120 * MINUTE, START - 90 * MINUTE),
        (START - 45 * MINUTE, START - 30 * MINUTE),
        (START - 30 * MINUTE, END + 30 * MINUTE),
        (START + MINUTE, END + 30 * MINUTE),
        (END + 200 * MINUTE, END + 210 * MINUTE),
        (END + 240 * MINUTE, None),
        (END + timedelta(days=3), None),
    ],
)
def test_the_next_one(now: datetime, expected: datetime | None) -> None:
    assert next_look(now=now, starts_at=START, ends_at=END) == expected


@pytest.mark.parametrize(
    ("due", "late", "in_time"),
    [
        (START - 30 * MINUTE, 0, True),
        (START - 30 * MINUTE, 14, True),
        (START - 30 * MINUTE, 15, False),
        (END + 30 * MINUTE, 14, True),
        (END + 30 * MINUTE, 15, False),
        (END + 240 * MINUTE, 0, True),
    ],
)
def test_a_look_that_comes_too_late_is_left_out(due: datetime, late: int, in_time: bool) -> None:
    assert is_in_time(due, due + late * MINUTE, starts_at=START) is in_time


def test_no_look_once_the_others_look() -> None:
    due = START - 20 * MINUTE
    assert is_in_time(due, START - 11 * MINUTE, starts_at=START)
    assert not is_in_time(due, START - 10 * MINUTE, starts_at=START)
