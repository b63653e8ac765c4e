"""From what an operator types to a moment: each local time exists once, twice or never."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from base.refusal import Refused
from dr_events.rules.local_time import to_utc

CHICAGO = ZoneInfo("America/Chicago")
# Half hours, quarter hours, a change of half an hour, of two hours, at midnight, in winter.
ZONES = (
    "America/Chicago", "America/New_York", "America/Phoenix", "America/St_Johns", "America/Havana",
    "Europe/Dublin", "Africa/Casablanca", "Africa/Cairo", "Asia/Kolkata", "Asia/Kathmandu",
    "Asia/Beirut", "Australia/Adelaide", "Australia/Lord_Howe", "Pacific/Chatham",
    "Antarctica/Troll", "UTC",
)  # fmt: skip
FIRST, LAST = datetime(2026, 1, 1), datetime(2037, 12, 31)  # noqa: DTZ001 - wall clock times


def typed(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001 - no zone, as typed


def test_an_ordinary_afternoon() -> None:
    found = to_utc(typed(2026, 7, 14, 15, 0), CHICAGO, field="start")
    assert found == datetime(2026, 7, 14, 20, 0, tzinfo=UTC)
    assert found.tzinfo is UTC


@pytest.mark.parametrize("second", [None, False, True])
def test_a_time_the_clock_jumps_over_is_refused_whatever_is_said(second: bool | None) -> None:
    with pytest.raises(Refused) as refused:
        to_utc(typed(2026, 3, 8, 2, 30), CHICAGO, field="starts_at", second=second)
    assert str(refused.value) == (
        "March 8, 2:30 AM does not exist in Chicago time: the clock is set forward in that "
        "hour. Choose an earlier or a later time."
    )
    assert (refused.value.field, refused.value.code) == ("starts_at", "local-time-gap")


@pytest.mark.parametrize(
    ("wall", "moment"),
    [
        (typed(2026, 3, 8, 1, 59, 59), datetime(2026, 3, 8, 7, 59, 59, tzinfo=UTC)),
        (typed(2026, 3, 8, 3, 0), datetime(2026, 3, 8, 8, 0, tzinfo=UTC)),
        (typed(2026, 11, 1, 0, 59, 59), datetime(2026, 11, 1, 5, 59, 59, tzinfo=UTC)),
        (typed(2026, 11, 1, 2, 0), datetime(2026, 11, 1, 8, 0, tzinfo=UTC)),
    ],
)
def test_the_seconds_beside_a_change_exist_once(wall: datetime, moment: datetime) -> None:
    assert to_utc(wall, CHICAGO, field="start") == moment


def test_a_time_that_comes_twice_must_be_named() -> None:
    twice = typed(2026, 11, 1, 1, 30)
    with pytest.raises(Refused) as refused:
        to_utc(twice, CHICAGO, field="ends_at")
    assert str(refused.value) == (
        "November 1, 1:30 AM happens twice in Chicago time: the clock is turned back in that "
        "hour. Say whether you mean the first or the second."
    )
    assert (refused.value.field, refused.value.code) == ("ends_at", "local-time-fold")
    first = to_utc(twice, CHICAGO, field="ends_at", second=False)
    second = to_utc(twice, CHICAGO, field="ends_at", second=True)
    assert first == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    assert second == datetime(2026, 11, 1, 7, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "wall", "moment"),
    [
        ("Asia/Kolkata", typed(2026, 7, 14, 15, 0), datetime(2026, 7, 14, 9, 30, tzinfo=UTC)),
        ("Asia/Kathmandu", typed(2026, 7, 14, 15, 0), datetime(2026, 7, 14, 9, 15, tzinfo=UTC)),
        ("America/St_Johns", typed(2026, 7, 14, 15, 0), datetime(2026, 7, 14, 17, 30, tzinfo=UTC)),
    ],
)
def test_zones_off_the_full_hour(zone: str, wall: datetime, moment: datetime) -> None:
    assert to_utc(wall, ZoneInfo(zone), field="start") == moment


def test_a_change_of_half_an_hour() -> None:
    """Lord Howe moves by 30 minutes: the fold is half an hour long, and so is the gap."""
    zone = ZoneInfo("Australia/Lord_Howe")
    twice = typed(2026, 4, 5, 1, 45)
    first, second = (to_utc(twice, zone, field="start", second=late) for late in (False, True))
    assert (first, second - first) == (
        datetime(2026, 4, 4, 14, 45, tzinfo=UTC),
        timedelta(minutes=30),
    )
    with pytest.raises(Refused, match="does not exist"):
        to_utc(typed(2026, 10, 4, 2, 15), zone, field="start")


@cache
def changes(name: str) -> tuple[datetime, ...]:
    """Wall clock times around every change of offset from FIRST to LAST."""
    zone, moment = ZoneInfo(name), FIRST.replace(tzinfo=UTC)
    found = []
    while moment < LAST.replace(tzinfo=UTC):
        later = moment + timedelta(hours=12)
        if moment.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            found.append(moment.astimezone(zone).replace(tzinfo=None, fold=0))
        moment = later
    return tuple(found)


@st.composite
def walls(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone and a time typed in it; half of them within a day of a change of the clock."""
    name = draw(st.sampled_from(ZONES))
    near = draw(st.booleans())
    if near and changes(name):
        minutes = draw(st.integers(-12 * 60, 24 * 60))
        return name, draw(st.sampled_from(changes(name))) + timedelta(minutes=minutes)
    return name, draw(st.datetimes(FIRST, LAST)).replace(microsecond=0)


def moments_of(wall: datetime, zone: ZoneInfo) -> list[datetime]:
    """Every UTC moment at which the clocks of the zone show ``wall``: found the other way round,
    from UTC to local, with each offset in force within two days."""
    around = [wall.replace(tzinfo=UTC) + timedelta(hours=hours) for hours in range(-48, 49, 4)]
    offsets = {moment.astimezone(zone).utcoffset() or timedelta(0) for moment in around}
    tried = (wall.replace(tzinfo=UTC) - offset for offset in offsets)
    return sorted(m for m in tried if m.astimezone(zone).replace(tzinfo=None, fold=0) == wall)


@settings(max_examples=500, deadline=None, database=None)
@given(walls())
def test_every_time_round_trips_is_refused_or_is_asked_about(at: tuple[str, datetime]) -> None:
    name, wall = at
    zone = ZoneInfo(name)
    match moments_of(wall, zone):
        case []:
            for second in (None, False, True):
                with pytest.raises(Refused) as refused:
                    to_utc(wall, zone, field="start", second=second)
                assert refused.value.code == "local-time-gap"
        case [only]:
            for second in (None, False, True):
                assert to_utc(wall, zone, field="start", second=second) == only
        case [first, second]:
            with pytest.raises(Refused) as refused:
                to_utc(wall, zone, field="start")
            assert refused.value.code == "local-time-fold"
            assert to_utc(wall, zone, field="start", second=False) == first
            assert to_utc(wall, zone, field="start", second=True) == second
        case more:
            raise AssertionError(more)


def test_most_of_the_zones_above_do_change_their_clocks() -> None:
    """Else the property above would only have seen ordinary days."""
    assert sum(len(changes(name)) >= 20 for name in ZONES) >= 8
