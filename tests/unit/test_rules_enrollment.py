"""Who can take part and why not; how long to wait; which season a day lies in."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dr_events.operations import limits_of
from dr_events.rules import limits
from dr_events.rules.limits import in_season
from enrollments.models import Program
from enrollments.rules import (
    ASKED_SCOPES,
    NEEDED_SCOPES,
    REMEDIES,
    SCOPE_SENTENCES,
    SystemFacts,
    missing_scopes,
    sync_delay_s,
    why_not,
)
from enrollments.states import Ineligible

READY = SystemFacts(
    was_read=True,
    has_outdoor_unit=True,
    dr_enabled=True,
    is_online=True,
    scopes=frozenset(NEEDED_SCOPES),
)
HOPELESS = SystemFacts(
    was_read=False, has_outdoor_unit=False, dr_enabled=None, is_online=False, scopes=frozenset()
)
# What is wrong with the hopeless one, in the order it is said, and what mends it.
ORDER: list[tuple[Ineligible, dict[str, Any]]] = [
    (Ineligible.SCOPE_MISSING, {"scopes": frozenset(NEEDED_SCOPES)}),
    (Ineligible.NOT_READ, {"was_read": True}),
    (Ineligible.NO_OUTDOOR_UNIT, {"has_outdoor_unit": True}),
    (Ineligible.DR_UNKNOWN, {"dr_enabled": False}),
    (Ineligible.DR_OFF, {"dr_enabled": True}),
    (Ineligible.OFFLINE, {"is_online": True}),
]


def test_a_ready_system_can_take_part() -> None:
    assert why_not(READY) is None
    assert why_not(replace(READY, scopes=frozenset(ASKED_SCOPES))) is None


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"was_read": False}, Ineligible.NOT_READ),
        ({"has_outdoor_unit": False}, Ineligible.NO_OUTDOOR_UNIT),
        ({"dr_enabled": None}, Ineligible.DR_UNKNOWN),
        ({"dr_enabled": False}, Ineligible.DR_OFF),
        ({"is_online": False}, Ineligible.OFFLINE),
    ],
)
def test_each_thing_alone_stands_in_the_way(wrong: dict[str, Any], reason: Ineligible) -> None:
    assert why_not(replace(READY, **wrong)) == reason


@pytest.mark.parametrize("scope", NEEDED_SCOPES)
def test_every_needed_scope_is_needed(scope: str) -> None:
    held = frozenset(ASKED_SCOPES) - {scope}
    assert why_not(replace(READY, scopes=held)) == Ineligible.SCOPE_MISSING
    assert missing_scopes(held) == (scope,)


def test_the_first_thing_is_said_first() -> None:
    facts = HOPELESS
    for reason, mended in ORDER:
        assert why_not(facts) == reason
        facts = replace(facts, **mended)
    assert why_not(facts) is None


def test_every_reason_has_a_remedy_and_every_scope_a_sentence() -> None:
    assert set(REMEDIES) == set(Ineligible) == {reason for reason, _ in ORDER}
    assert set(SCOPE_SENTENCES) == set(ASKED_SCOPES)
    assert missing_scopes(()) == NEEDED_SCOPES


def test_a_home_that_cannot_be_read_is_tried_less_and_less_often() -> None:
    waits = [sync_delay_s(failures) for failures in range(9)]
    assert waits == [5, 5, 10, 20, 40, 80, 160, 300, 300]
    assert sync_delay_s(100_000) == 300


# --- the season of a day -------------------------------------------------------------------------
CHICAGO = ZoneInfo("America/Chicago")


def season(first: str, last: str, day: datetime) -> tuple[datetime, datetime]:
    return limits.season(first, last, at=day, zone=CHICAGO)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=CHICAGO)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("first", "last", "day", "begin", "end"),
    [
        ("06-01", "09-30", at(2026, 6, 1), at(2026, 6, 1), at(2026, 10, 1)),
        ("06-01", "09-30", at(2026, 9, 30, 23), at(2026, 6, 1), at(2026, 10, 1)),
        ("01-01", "12-31", at(2026, 7, 14), at(2026, 1, 1), at(2027, 1, 1)),
        ("11-15", "02-28", at(2026, 11, 15), at(2026, 11, 15), at(2027, 3, 1)),
        ("11-15", "02-28", at(2026, 12, 31), at(2026, 11, 15), at(2027, 3, 1)),
        ("11-15", "02-28", at(2027, 1, 1), at(2026, 11, 15), at(2027, 3, 1)),
        ("11-15", "02-28", at(2027, 2, 28), at(2026, 11, 15), at(2027, 3, 1)),
        ("11-15", "02-29", at(2027, 2, 28), at(2026, 11, 15), at(2027, 3, 1)),
        ("11-15", "02-29", at(2028, 2, 29), at(2027, 11, 15), at(2028, 3, 1)),
        ("02-29", "06-30", at(2027, 3, 1), at(2027, 2, 28), at(2027, 7, 1)),
        ("04-01", "04-31", at(2026, 4, 30), at(2026, 4, 1), at(2026, 5, 1)),
    ],
)
def test_the_season_a_day_lies_in(
    first: str, last: str, day: datetime, begin: datetime, end: datetime
) -> None:
    assert season(first, last, day) == (begin, end)


@pytest.mark.parametrize(
    ("first", "last", "year", "begin", "end"),
    [
        ("06-01", "09-30", 2026, at(2026, 6, 1), at(2026, 10, 1)),
        ("11-15", "02-28", 2026, at(2026, 11, 15), at(2027, 3, 1)),
        ("01-29", "01-28", 2026, at(2026, 1, 29), at(2027, 1, 29)),
        ("03-30", "03-29", 2026, at(2026, 3, 30), at(2027, 3, 30)),
        ("05-31", "05-30", 2026, at(2026, 5, 31), at(2027, 5, 31)),
        ("02-29", "02-28", 2027, at(2027, 2, 28), at(2028, 2, 29)),
        ("02-29", "02-28", 2028, at(2028, 2, 29), at(2029, 3, 1)),
        ("02-29", "06-30", 2027, at(2027, 2, 28), at(2027, 7, 1)),
    ],
)
def test_the_season_that_begins_in_a_year(
    first: str, last: str, year: int, begin: datetime, end: datetime
) -> None:
    """Also where the season before it runs until the day before."""
    assert limits.season_of_year(first, last, year=year, zone=CHICAGO) == (begin, end)


def test_a_season_begins_and_ends_at_local_midnight() -> None:
    begin, end = season("11-15", "03-31", at(2026, 12, 1))
    assert begin.astimezone(UTC) == datetime(2026, 11, 15, 6, 0, tzinfo=UTC)
    assert end.astimezone(UTC) == datetime(2027, 4, 1, 5, 0, tzinfo=UTC)


@given(
    first=st.dates(date(2028, 1, 1), date(2028, 12, 31)),
    last=st.dates(date(2028, 1, 1), date(2028, 12, 31)),
    start=st.datetimes(datetime(2026, 1, 1), datetime(2037, 12, 31)),  # noqa: DTZ001
)
def test_a_day_in_the_season_lies_in_its_bounds(first: date, last: date, start: datetime) -> None:
    """What the limits let through is what the cap counts."""
    program = Program(season_from=f"{first:%m-%d}", season_to=f"{last:%m-%d}")
    moment = start.replace(tzinfo=CHICAGO)
    begin, end = season(program.season_from, program.season_to, moment)
    assert end - begin <= timedelta(days=367)
    if in_season(moment.date(), limits_of(program)):
        assert begin <= moment < end
