"""The limits a program promises, each at its edge: on it is fine, one step over is a sentence."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dr_events.rules import limits as rules
from dr_events.rules.limits import Limits, Wish

CHICAGO = ZoneInfo("America/Chicago")
# Tuesday, 14 July 2026, 9 in the morning in Chicago.
NOW = datetime(2026, 7, 14, 14, 0, tzinfo=UTC)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
SUMMER = Limits(
    zone=CHICAGO,
    season_from="06-01",
    season_to="09-30",
    hours_from=time(13),
    hours_to=time(21),
    weekdays=frozenset({0, 1, 2, 3, 4}),
    holidays=frozenset({date(2026, 7, 3)}),
    max_event=4 * HOUR,
    min_useful=30 * MINUTE,
    min_notice=2 * HOUR,
    max_offset_f=Decimal(4),
    max_cool_f=Decimal(82),
    min_heat_f=Decimal(62),
)


def local(day: str, clock: str, zone: ZoneInfo = CHICAGO) -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=zone).astimezone(UTC)


def wish(day: str = "2026-07-14", start: str = "15:00", end: str = "17:00", **more: Any) -> Wish:
    return Wish(local(day, start), local(day, end), **more)


def found(wanted: Wish, limits: Limits = SUMMER, now: datetime = NOW) -> list[tuple[str, str]]:
    return [(no.field, no.code) for no in rules.problems(wanted, limits, now=now)]


def sentence(wanted: Wish, limits: Limits = SUMMER, now: datetime = NOW) -> str:
    (only,) = rules.problems(wanted, limits, now=now)
    return str(only)


def test_a_plain_afternoon_is_fine() -> None:
    assert found(wish()) == []


# --- length ------------------------------------------------------------------------------------
@pytest.mark.parametrize("end", ["15:00", "14:59"])
def test_an_end_that_is_not_after_the_start_is_the_only_thing_said(end: str) -> None:
    """It is far outside the season too, but that would only confuse."""
    assert found(wish("2026-12-27", "15:00", end)) == [("ends_at", "no-length")]


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (30 * MINUTE - SECOND, [("ends_at", "too-short")]),
        (30 * MINUTE, []),
        (4 * HOUR, []),
        (4 * HOUR + SECOND, [("ends_at", "too-long")]),
    ],
)
def test_length_at_its_edges(length: timedelta, expected: list[tuple[str, str]]) -> None:
    start = local("2026-07-14", "15:00")
    assert found(Wish(start, start + length)) == expected


def test_too_long_and_too_short_say_how_long() -> None:
    assert sentence(wish(start="13:00", end="17:30")) == (
        "An event may last 4 h at most; this one lasts 4 h 30 min."
    )
    assert sentence(wish(end="15:10")) == "An event shorter than 30 min is not worth sending."


# --- notice ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (local("2026-07-14", "13:00"), []),
        (local("2026-07-14", "13:00") + SECOND, [("starts_at", "notice")]),
        (local("2026-07-14", "15:00") - SECOND, [("starts_at", "notice")]),
        (local("2026-07-14", "15:00"), [("starts_at", "past")]),
        (local("2026-07-14", "15:00") + SECOND, [("starts_at", "past")]),
    ],
)
def test_notice_at_its_edges(now: datetime, expected: list[tuple[str, str]]) -> None:
    assert found(wish(), now=now) == expected


def test_too_little_notice_says_the_earliest_start_in_local_time() -> None:
    assert sentence(wish(), now=local("2026-07-14", "13:20")) == (
        "The program promises 2 h of notice; the earliest start is July 14, 3:20 PM CDT."
    )


# --- season, weekday, holiday -------------------------------------------------------------------
@pytest.mark.parametrize(
    ("season", "day", "inside"),
    [
        (("06-01", "09-30"), date(2026, 5, 31), False),
        (("06-01", "09-30"), date(2026, 6, 1), True),
        (("06-01", "09-30"), date(2026, 9, 30), True),
        (("06-01", "09-30"), date(2026, 10, 1), False),
        (("11-15", "02-28"), date(2026, 11, 14), False),
        (("11-15", "02-28"), date(2026, 11, 15), True),
        (("11-15", "02-28"), date(2026, 12, 31), True),
        (("11-15", "02-28"), date(2027, 1, 1), True),
        (("11-15", "02-28"), date(2027, 2, 28), True),
        (("11-15", "02-28"), date(2027, 3, 1), False),
        (("11-15", "02-29"), date(2028, 2, 29), True),
        (("11-15", "02-28"), date(2028, 2, 29), False),
        (("01-01", "12-31"), date(2026, 1, 1), True),
        (("01-01", "12-31"), date(2026, 12, 31), True),
        (("07-04", "07-04"), date(2026, 7, 4), True),
        (("07-04", "07-04"), date(2026, 7, 5), False),
    ],
)
def test_the_first_and_the_last_day_of_a_season(
    season: tuple[str, str], day: date, inside: bool
) -> None:
    limits = replace(SUMMER, season_from=season[0], season_to=season[1])
    assert rules.in_season(day, limits) is inside


def test_the_season_is_the_programs_own_not_utc() -> None:
    """8 in the evening of 30 September in Chicago is 1 October in UTC."""
    last = wish("2026-09-30", "20:00", "21:00")
    assert last.starts_at.date() == date(2026, 10, 1)
    assert found(last) == []
    assert sentence(wish("2026-10-01", "15:00", "17:00")) == (
        "October 1 is outside the season (06-01 to 09-30)."
    )


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-07-17", []),
        ("2026-07-18", [("starts_at", "weekday")]),
        ("2026-07-19", [("starts_at", "weekday")]),
        ("2026-07-20", []),
    ],
)
def test_weekdays(day: str, expected: list[tuple[str, str]]) -> None:
    assert found(wish(day)) == expected


def test_weekday_and_holiday_are_local() -> None:
    """Friday evening in Chicago is Saturday in UTC."""
    friday = wish("2026-07-17", "20:00", "21:00")
    assert friday.starts_at.weekday() == 5
    assert found(friday) == []
    assert sentence(wish("2026-07-18")) == "The program has no events on a Saturday."
    june = local("2026-06-30", "09:00")
    assert sentence(wish("2026-07-03"), now=june) == "July 3 is a holiday."
    assert found(wish("2026-07-02", "20:00", "21:00"), now=june) == []


# --- hours -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("start", "end", "inside"),
    [
        ("13:00", "15:00", True),
        ("12:59:59", "15:00", False),
        ("19:00", "21:00", True),
        ("19:00", "21:00:01", False),
        ("21:00", "22:00", False),
    ],
)
def test_hours_at_their_edges(start: str, end: str, inside: bool) -> None:
    assert found(wish(start=start, end=end)) == ([] if inside else [("starts_at", "hours")])


def test_an_event_over_midnight_is_outside_the_hours() -> None:
    over = Wish(local("2026-07-14", "20:00"), local("2026-07-15", "00:00"))
    assert sentence(over) == ("Events must lie between 1:00 PM and 9:00 PM, Chicago time.")
    next_day = Wish(local("2026-07-14", "13:00"), local("2026-07-15", "14:00"))
    assert ("starts_at", "hours") in found(next_day)


@pytest.mark.parametrize(
    ("end", "inside"),
    [
        (local("2026-07-14", "23:30"), True),
        (local("2026-07-15", "00:00"), True),
        (local("2026-07-15", "00:00") + SECOND, False),
        (local("2026-07-15", "00:30"), False),
    ],
)
def test_hours_up_to_midnight(end: datetime, inside: bool) -> None:
    limits = replace(SUMMER, hours_to=time(0))
    wanted = Wish(local("2026-07-14", "22:00"), end)
    assert found(wanted, limits) == ([] if inside else [("starts_at", "hours")])


def test_hours_up_to_midnight_on_the_day_the_clock_is_turned_back() -> None:
    """That day has 25 hours; its last one still ends at midnight."""
    limits = replace(SUMMER, hours_to=time(0), season_to="12-31", weekdays=frozenset(range(7)))
    last = Wish(local("2026-11-01", "22:00"), local("2026-11-02", "00:00"))
    assert found(last, limits) == []
    assert found(replace(last, ends_at=last.ends_at + SECOND), limits) == [("starts_at", "hours")]


# --- comfort -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("offset", "fine"),
    [
        (None, False),
        ("-4", False),
        ("0", False),
        ("0.9", False),
        ("1", True),
        ("4", True),
        ("4.1", False),
    ],
)
def test_the_offset_at_its_edges(offset: str | None, fine: bool) -> None:
    wanted = wish(response="offset", offset_f=None if offset is None else Decimal(offset))
    assert found(wanted) == ([] if fine else [("offset_f", "offset")])


@pytest.mark.parametrize(
    ("cool", "heat", "expected"),
    [
        ("82", "62", []),
        ("82.1", "62", [("cool_f", "cool")]),
        (None, "62", [("cool_f", "cool")]),
        ("82", "61.9", [("heat_f", "heat")]),
        ("82", None, [("heat_f", "heat")]),
        (None, None, [("cool_f", "cool"), ("heat_f", "heat")]),
        ("72", "70", []),
        ("72", "70.1", [("cool_f", "deadband")]),
        ("64", "82", [("cool_f", "deadband")]),
        ("90", "50", [("cool_f", "cool"), ("heat_f", "heat")]),
        ("51", "50", [("heat_f", "heat"), ("cool_f", "deadband")]),
    ],
)
def test_setpoints_at_their_edges(
    cool: str | None, heat: str | None, expected: list[tuple[str, str]]
) -> None:
    cool_f, heat_f = (None if value is None else Decimal(value) for value in (cool, heat))
    assert found(wish(response="absolute", cool_f=cool_f, heat_f=heat_f)) == expected


def test_no_absolute_wish_can_be_colder_or_hotter_than_promised() -> None:
    """Only an upper bound for cooling and a lower one for heating are named; two degrees between
    them close the other ends."""
    steps = [Decimal(value) / 2 for value in range(80, 200)]
    passed = [
        (cool, heat)
        for cool in steps
        for heat in steps
        if not found(wish(response="absolute", cool_f=cool, heat_f=heat))
    ]
    assert (min(cool for cool, _ in passed), max(cool for cool, _ in passed)) == (
        Decimal(64),
        Decimal(82),
    )
    assert (min(heat for _, heat in passed), max(heat for _, heat in passed)) == (
        Decimal(62),
        Decimal(80),
    )


def test_the_homes_own_settings_need_no_numbers() -> None:
    assert found(wish(response="customer", offset_f=Decimal(40), cool_f=Decimal(99))) == []


def test_everything_wrong_is_said_at_once() -> None:
    wanted = wish("2026-12-27", "06:00", "12:00", response="offset", offset_f=Decimal(9))
    assert found(wanted, replace(SUMMER, holidays=frozenset({date(2026, 12, 27)}))) == [
        ("ends_at", "too-long"),
        ("starts_at", "season"),
        ("starts_at", "weekday"),
        ("starts_at", "holiday"),
        ("starts_at", "hours"),
        ("offset_f", "offset"),
    ]


# --- the last moment to send, lengths in words --------------------------------------------------
def test_the_last_send_leaves_the_least_useful_time() -> None:
    ends_at = local("2026-07-14", "17:00")
    assert rules.last_send(ends_at, SUMMER) == local("2026-07-14", "16:30")


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(0), "0 min"),
        (20 * SECOND, "0 min"),
        (40 * SECOND, "1 min"),
        (MINUTE, "1 min"),
        (HOUR - 20 * SECOND, "1 h"),
        (HOUR, "1 h"),
        (HOUR + MINUTE, "1 h 1 min"),
        (2 * HOUR + 30 * MINUTE, "2 h 30 min"),
        (26 * HOUR, "26 h"),
    ],
)
def test_lengths_as_people_say_them(length: timedelta, text: str) -> None:
    assert rules.words(length) == text
