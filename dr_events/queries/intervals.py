"""How warm it was and how the equipment ran, quarter hour by quarter hour, from two hours before an
event to four hours after it, and how good these figures are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Any

from django.db import connection

from dr_events.models import Event, Reading
from dr_events.queries import sample
from dr_events.rules.around import AFTER, BEFORE
from dr_events.rules.limits import words
from dr_events.states import EventState

EVERY = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Interval:
    """All readings of a quarter hour. Temperatures °F; ``load`` is the mean share of full cooling,
    ``running`` the share of the readings in which the equipment ran, both of the homes that say.
    ``at`` is the mean moment of the readings."""

    begins_at: datetime
    at: datetime
    part: str  # before, during, after
    homes: int
    online: int
    low_f: float | None
    middle_f: float | None
    high_f: float | None
    outdoor_f: float | None
    load: float | None
    running: float | None

    @property
    def ends_at(self) -> datetime:
        return self.begins_at + EVERY

    @property
    def load_percent(self) -> int | None:
        return None if self.load is None else round(100 * self.load)

    @property
    def running_percent(self) -> int | None:
        return None if self.running is None else round(100 * self.running)


@dataclass(frozen=True, slots=True)
class Quality:
    """``sent``: homes Carrier has the event for, among those that were looked at for this; ``read``
    of them answered at least once. The shares are percent of the readings."""

    sent: int
    read: int
    looks: int
    readings: int
    online_percent: float
    warmth_percent: float
    load_percent: float
    # The longest time between two looks while it ran, in words; empty with fewer than two.
    gap: str


@dataclass(frozen=True, slots=True)
class Course:
    """``looked_at``: the moment of the last look. It and ``quality`` are None while nothing was
    read."""

    items: tuple[Interval, ...]
    quality: Quality | None
    looked_at: datetime | None

    @property
    def has_around(self) -> bool:
        return any(one.part != "during" for one in self.items)


# One line for each quarter hour, and one, without a beginning, for all of them.
_COURSE = """
SELECT date_bin(%(every)s, r.at, %(starts)s) AS begins_at,
    to_timestamp(avg(extract(epoch FROM r.at))), array_agg(DISTINCT r.at),
    count(DISTINCT r.dispatch_id), count(DISTINCT r.dispatch_id) FILTER (WHERE r.is_online),
    percentile_cont(ARRAY[0.1, 0.5, 0.9]) WITHIN GROUP (ORDER BY r.indoor_f),
    avg(r.outdoor_f), avg(r.load), avg((r.load > 0)::int),
    count(*), count(*) FILTER (WHERE r.is_online), count(r.indoor_f), count(r.load),
    (SELECT count(*) FROM homes WHERE delivery IN ('ACCEPTED', 'CONFIRMED'))
FROM homes JOIN dr_events_reading r ON r.dispatch_id = homes.id
WHERE r.at >= %(first)s AND r.at < %(last)s
GROUP BY GROUPING SETS ((begins_at), ()) HAVING count(*) > 0 ORDER BY begins_at NULLS LAST
"""


def span(event: Event) -> tuple[datetime, datetime]:
    """From two hours before the start to four hours after the end."""
    return event.starts_at - BEFORE, event.ends_at + AFTER


def part(event: Event, at: datetime) -> str:
    """Where a moment lies: before, during or after the event."""
    if at < event.starts_at:
        return "before"
    return "during" if at < event.ends_at else "after"


def is_looked_at(event: Event, now: datetime) -> bool:
    """Are its homes looked at now: around it, or while it runs? Not once it is cancelled."""
    first, last = span(event)
    return (
        event.state in (EventState.SCHEDULED, EventState.COMPLETED) and first <= now < last + EVERY
    )


def course(event: Event, *, some: int = 0) -> Course:
    """Of all homes of an event, or about ``some`` of them."""
    first, last = span(event)
    values: dict[str, Any] = {
        "event": event.pk,
        "some": some,
        "every": EVERY,
        "starts": event.starts_at,
        "first": first,
        "last": last + EVERY,
    }
    with connection.cursor() as cursor:
        cursor.execute(sample.homes(some) + _COURSE, values)
        rows = cursor.fetchall()
    if not rows:
        return Course((), None, None)
    *intervals, whole = rows
    looks = whole[2]
    items = tuple(_interval(event, row) for row in intervals)
    return Course(items, _quality(event, whole), looks[-1])


def running_of(
    readings: Sequence[Reading], event: Event
) -> Iterator[tuple[datetime, float | None]]:
    """``at`` and ``running`` of each quarter hour at one home, as ``course`` finds them: from its
    readings, oldest first, where these are in hand."""
    for _, some in groupby(readings, lambda one: (one.at - event.starts_at) // EVERY):
        looks = list(some)
        ran = [one.load > 0 for one in looks if one.load is not None]
        late = sum((one.at - looks[0].at for one in looks), timedelta())
        yield looks[0].at + late / len(looks), sum(ran) / len(ran) if ran else None


def _interval(event: Event, row: tuple[Any, ...]) -> Interval:
    begins_at, at, _, homes, online, indoors, outdoor, load, running = row[:9]
    low, middle, high = indoors or (None, None, None)
    shares = (None if one is None else float(one) for one in (outdoor, load, running))
    return Interval(
        begins_at, at, part(event, begins_at), homes, online, low, middle, high, *shares
    )


def _quality(event: Event, row: tuple[Any, ...]) -> Quality:
    looks, homes = row[2], row[3]
    readings, online, warm, loads, sent = row[9:]
    while_it_ran = [at for at in looks if event.starts_at <= at <= event.ends_at]
    gaps = [later - earlier for earlier, later in pairwise(while_it_ran)]
    return Quality(
        sent=sent,
        read=homes,
        looks=len(looks),
        readings=readings,
        online_percent=100 * online / readings,
        warmth_percent=100 * warm / readings,
        load_percent=100 * loads / readings,
        gap=words(max(gaps)) if gaps else "",
    )
