"""The limits a program promises its homes. Asked by the form, the plan, the claim and the API."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from base.refusal import Refused
from base.zones import zone_words

# The highest a wholesale market allows is 500 (ERCOT, $5 a kWh); a slip of the hand is above it.
MOST_CENTS = 500


@dataclass(frozen=True, slots=True)
class Limits:
    """A program's limits. Clock times and dates are local to ``zone``; temperatures °F."""

    zone: ZoneInfo
    season_from: str  # MM-DD, inclusive
    season_to: str  # MM-DD, inclusive; smaller than season_from: over new year
    hours_from: time
    hours_to: time  # 00:00 means midnight at the end of the day
    weekdays: frozenset[int]  # 0 is Monday
    holidays: frozenset[date]
    max_event: timedelta
    min_useful: timedelta
    min_notice: timedelta
    max_offset_f: Decimal
    max_cool_f: Decimal
    min_heat_f: Decimal


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of the homes. Moments are aware UTC; temperatures °F."""

    starts_at: datetime
    ends_at: datetime
    response: str = "customer"
    offset_f: Decimal | None = None
    cool_f: Decimal | None = None
    heat_f: Decimal | None = None
    price_cents: Decimal | None = None  # per kWh
    note: str = ""  # at the wall control


def problems(wish: Wish, limits: Limits, *, now: datetime) -> list[Refused]:
    """Everything that is wrong with the wish, as sentences with the field they belong to."""
    found = [*_time_problems(wish, limits, now), *_comfort_problems(wish, limits)]
    if not wish.note.isprintable():  # Carrier's message would be refused when it is handed on
        found.append(
            Refused(
                "The message at the wall control must be one line, without invisible characters.",
                field="note",
                code="note",
            )
        )
    return found


def _time_problems(wish: Wish, limits: Limits, now: datetime) -> Iterator[Refused]:
    if wish.ends_at <= wish.starts_at:
        yield Refused("The end must be after the start.", field="ends_at", code="no-length")
        return
    if wish.starts_at <= now:
        yield Refused("The start is in the past.", field="starts_at", code="past")
    elif wish.starts_at < now + limits.min_notice:
        yield Refused(
            f"The program promises {words(limits.min_notice)} of notice; the earliest start is "
            f"{_clock(now + limits.min_notice, limits.zone)}.",
            field="starts_at",
            code="notice",
        )
    length = wish.ends_at - wish.starts_at
    if length > limits.max_event:
        yield Refused(
            f"An event may last {words(limits.max_event)} at most; this one lasts {words(length)}.",
            field="ends_at",
            code="too-long",
        )
    if length < limits.min_useful:
        yield Refused(
            f"An event shorter than {words(limits.min_useful)} is not worth sending.",
            field="ends_at",
            code="too-short",
        )
    yield from _calendar_problems(wish, limits)


def _calendar_problems(wish: Wish, limits: Limits) -> Iterator[Refused]:
    start, end = (moment.astimezone(limits.zone) for moment in (wish.starts_at, wish.ends_at))
    if not in_season(start.date(), limits):
        yield Refused(
            f"{start:%B %-d} is outside the season ({limits.season_from} to {limits.season_to}).",
            field="starts_at",
            code="season",
        )
    if start.weekday() not in limits.weekdays:
        yield Refused(
            f"The program has no events on a {start:%A}.", field="starts_at", code="weekday"
        )
    if start.date() in limits.holidays:
        yield Refused(f"{start:%B %-d} is a holiday.", field="starts_at", code="holiday")
    if not _within_hours(start, end, limits):
        yield Refused(
            f"Events must lie between {limits.hours_from:%-I:%M %p} and "
            f"{limits.hours_to:%-I:%M %p}, {zone_words(limits.zone.key)}.",
            field="starts_at",
            code="hours",
        )


def in_season(day: date, limits: Limits) -> bool:
    mark = f"{day:%m-%d}"
    if limits.season_from <= limits.season_to:
        return limits.season_from <= mark <= limits.season_to
    return mark >= limits.season_from or mark <= limits.season_to


def season(
    season_from: str, season_to: str, *, at: datetime, zone: ZoneInfo
) -> tuple[datetime, datetime]:
    """First moment of the season that runs at this moment or comes next, and first moment after.

    The marks are MM-DD, local to ``zone``, both inclusive; a later first mark runs over new year.
    """
    today = at.astimezone(zone).date()
    for year in (today.year - 1, today.year, today.year + 1):
        begin, after = season_of_year(season_from, season_to, year=year, zone=zone)
        if today < after.date():
            break
    return begin, after


def season_of_year(
    season_from: str, season_to: str, *, year: int, zone: ZoneInfo
) -> tuple[datetime, datetime]:
    """The same of the season that begins in this year. Asked by year, not by a day in it: from
    02-29 to 02-28, two seasons share February 28 of most years."""
    begin = _day(year, season_from)
    after = _day(year + (season_from > season_to), season_to) + timedelta(days=1)
    return datetime.combine(begin, time(0), zone), datetime.combine(after, time(0), zone)


def _day(year: int, month_day: str) -> date:
    """A day the month does not have that year, such as 02-29, is its last one."""
    month, day = (int(part) for part in month_day.split("-"))
    return date(year, month, min(day, monthrange(year, month)[1]))


def _within_hours(start: datetime, end: datetime, limits: Limits) -> bool:
    if start.time() < limits.hours_from:
        return False
    if limits.hours_to == time(0):  # up to midnight
        midnight = datetime.combine(start.date() + timedelta(days=1), time(0), limits.zone)
        return end <= midnight
    return end.date() == start.date() and end.time() <= limits.hours_to


def _comfort_problems(wish: Wish, limits: Limits) -> Iterator[Refused]:
    if wish.response == "offset":
        if wish.offset_f is None or not Decimal(1) <= wish.offset_f <= limits.max_offset_f:
            yield Refused(
                f"The offset must be between 1 and {_plain(limits.max_offset_f)} °F.",
                field="offset_f",
                code="offset",
            )
    elif wish.response == "absolute":
        yield from _setpoint_problems(wish, limits)
    elif wish.response == "price" and (
        wish.price_cents is None or not 0 < wish.price_cents <= MOST_CENTS
    ):
        yield Refused(
            f"Give the price in cents per kWh, above 0 and at most {MOST_CENTS}.",
            field="price_cents",
            code="price",
        )


def _setpoint_problems(wish: Wish, limits: Limits) -> Iterator[Refused]:
    if wish.cool_f is None or wish.cool_f > limits.max_cool_f:
        yield Refused(
            f"The cooling setpoint must be given and at most {_plain(limits.max_cool_f)} °F.",
            field="cool_f",
            code="cool",
        )
    if wish.heat_f is None or wish.heat_f < limits.min_heat_f:
        yield Refused(
            f"The heating setpoint must be given and at least {_plain(limits.min_heat_f)} °F.",
            field="heat_f",
            code="heat",
        )
    # Contract 4.6: the wall control needs two degrees between heating and cooling.
    if wish.cool_f is not None and wish.heat_f is not None and wish.cool_f - wish.heat_f < 2:
        yield Refused(
            "Cooling must be at least 2 °F above heating.", field="cool_f", code="deadband"
        )


def last_send(ends_at: datetime, limits: Limits) -> datetime:
    """After this moment too little of the event is left: nothing is sent any more."""
    return ends_at - limits.min_useful


def words(length: timedelta) -> str:
    """``2 h 30 min``: a length as people say it."""
    hours, minutes = divmod(round(length.total_seconds() / 60), 60)
    parts = [f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes)
    return " ".join(parts) or "0 min"


def _plain(temperature: Decimal) -> str:
    """4 rather than 4.0: a Decimal keeps the zeros it was stored with."""
    return f"{float(temperature):g}"


def _clock(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%B %-d, %-I:%M %p %Z}"
