"""Series and figures for results, and where their points lie on a drawing.

Drawings are SVG made on the server: no script, prints, and the same numbers stand in a table.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from dr_events.models import Event, Reading
from dr_events.queries import intervals, sample
from dr_events.queries.intervals import Course, Interval
from dr_events.queries.tally import Tally
from dr_events.rules import around
from dr_events.rules.limits import words


@dataclass(frozen=True, slots=True)
class Timing:
    """Real durations. ``p50_s`` and ``p99_s`` run from ``since`` to each home's acceptance."""

    homes: int
    since: str
    p50_s: float | None
    p99_s: float | None
    requests: int
    request_p50_ms: float | None
    request_p99_ms: float | None


_TIMING = """
, tries AS MATERIALIZED (
    SELECT a.elapsed_ms FROM homes JOIN dr_events_attempt a ON a.dispatch_id = homes.id
    WHERE a.method = 'POST'
)
SELECT (SELECT count(accepted_at) FROM homes),
    (SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP
        (ORDER BY extract(epoch FROM accepted_at - %(since)s)) FROM homes
     WHERE accepted_at IS NOT NULL),
    (SELECT count(*) FROM tries),
    (SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY elapsed_ms) FROM tries)
"""


def timing(event: Event, rows: Tally, *, some: int = 0) -> Timing | None:
    """How fast the homes were told: of a closed event as it was kept, from every home; before that
    from ``some`` of them where there are many (sample.some_of).

    An event whose sending began at once is measured from its release; one that waited for its
    send time from the first request, or the wait would be counted as slowness.
    """
    at_once = event.send_at == event.scheduled_at
    since = event.released_at if at_once else rows.first_sent_at
    if since is None:
        return None
    label = "the release" if at_once else "the first request"
    if rows.kept and not rows.open:
        of = rows.kept
        quick, slow = of.request_p50_ms, of.request_p99_ms
        return Timing(of.homes, label, of.p50_s, of.p99_s, of.requests, quick, slow)
    times: dict[str, Any] = {"event": event.pk, "since": since, "some": some}
    with connection.cursor() as cursor:
        cursor.execute(sample.homes(some) + _TIMING, times)
        homes, told, requests, took = cursor.fetchone()
    p50, p99 = told or (None, None)
    quick, slow = took or (None, None)
    return Timing(homes, label, p50, p99, requests, quick, slow)


@dataclass(frozen=True, slots=True)
class Mark:
    """A line of the grid with its word."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A line chart with a band, ready to be drawn in ``width`` by ``height`` units."""

    width: int
    height: int
    line: str
    band: str
    rows: tuple[Mark, ...]
    columns: tuple[Mark, ...]
    event_x: float
    event_width: float
    left: int
    top: int
    bottom: int
    right: int

    @property
    def plot_height(self) -> int:
        return self.bottom - self.top


_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 30, 26, 28


def line_chart(
    points: Sequence[tuple[datetime, float | None, float | None, float | None]],
    event: Event,
    zone: ZoneInfo,
    *,
    width: int = 880,
    height: int = 280,
    span: tuple[datetime, datetime] | None = None,
    is_share: bool = False,
) -> Chart | None:
    """Points are (moment, low, middle, high). None when fewer than two can be drawn. ``span``: the
    time that is shown at least; without it the event's. ``is_share``: percent, drawn from 0."""
    known = [(at, low, mid, high) for at, low, mid, high in points if mid is not None]
    if len(known) < 2:
        return None
    begins, ends = span or (event.starts_at, event.ends_at)
    first, last = min(known[0][0], begins), max(known[-1][0], ends)
    values = [value for _, *row in known for value in row if value is not None]
    values += [0.0] if is_share else []
    step = next(step for step in (1, 2, 5, 10, 20, 50) if (max(values) - min(values)) / step <= 5)
    floor, roof = min(values) // step * step, (max(values) // step + 1) * step
    roof = min(roof, 100) if is_share else roof
    right, bottom = width - _RIGHT, height - _BOTTOM

    def x(at: datetime) -> float:
        return round(_LEFT + (right - _LEFT) * ((at - first) / (last - first)), 1)

    def y(value: float) -> float:
        return round(bottom - (bottom - _TOP) * (value - floor) / (roof - floor), 1)

    upper = [f"{x(at)},{y(high)}" for at, _, _, high in known if high is not None]
    lower = [f"{x(at)},{y(low)}" for at, low, _, _ in known if low is not None]
    levels = [floor + step * number for number in range(int((roof - floor) / step) + 1)]
    return Chart(
        width=width,
        height=height,
        line=" ".join(f"{x(at)},{y(mid)}" for at, _, mid, _ in known if mid is not None),
        band=" ".join([*upper, *reversed(lower)]),
        rows=tuple(Mark(y(level), f"{level:g}") for level in levels),
        columns=tuple(
            Mark(x(at), f"{at.astimezone(zone):%-I:%M %p}") for at in _ticks(first, last)
        ),
        event_x=x(event.starts_at),
        event_width=round(x(event.ends_at) - x(event.starts_at), 1),
        left=_LEFT,
        top=_TOP,
        bottom=bottom,
        right=right,
    )


def load_chart(
    points: Sequence[Interval] | Sequence[Reading],
    event: Event,
    zone: ZoneInfo,
    *,
    height: int = 200,
    span: tuple[datetime, datetime] | None = None,
) -> Chart | None:
    """How hard the equipment ran, in percent of full cooling: the mean of the homes that say."""
    loads = [
        (point.at, None, None if point.load is None else 100 * point.load, None) for point in points
    ]
    return line_chart(loads, event, zone, height=height, span=span, is_share=True)


def running_chart(
    points: Iterable[tuple[datetime, float | None]],
    event: Event,
    zone: ZoneInfo,
    *,
    height: int,
    span: tuple[datetime, datetime],
) -> Chart | None:
    """In how many of a hundred readings the equipment ran; ``points`` have the share."""
    shares = [(at, None, None if one is None else 100 * one, None) for at, one in points]
    return line_chart(shares, event, zone, height=height, span=span, is_share=True)


@dataclass(frozen=True, slots=True)
class Drawings:
    """The homes of an event, or one of them, before, during and after it: how warm it was, how
    hard the equipment ran, and in how many of a hundred readings it ran."""

    warmth: Chart | None
    load: Chart | None
    running: Chart | None


def drawings(
    course: Course, event: Event, zone: ZoneInfo, *, heights: tuple[int, int] = (280, 200)
) -> Drawings:
    """``heights``: of the temperatures, and of the two others."""
    high, low = heights
    around_it = intervals.span(event)
    warmth = [(one.at, one.low_f, one.middle_f, one.high_f) for one in course.items]
    running = [(one.at, one.running) for one in course.items]
    return Drawings(
        line_chart(warmth, event, zone, height=high, span=around_it),
        load_chart(course.items, event, zone, height=low, span=around_it),
        running_chart(running, event, zone, height=low, span=around_it),
    )


def of_home(readings: Sequence[Reading], event: Event, zone: ZoneInfo) -> Drawings:
    """One home from its readings, oldest first; all three over the same time."""
    over = min(event.starts_at, readings[0].at), max(event.ends_at, readings[-1].at)
    warmth = [(one.at, None, one.indoor_f, None) for one in readings]
    running = intervals.running_of(readings, event)
    return Drawings(
        line_chart(warmth, event, zone, height=200, span=over),
        load_chart(readings, event, zone, height=160, span=over),
        running_chart(running, event, zone, height=160, span=over),
    )


def _ticks(first: datetime, last: datetime) -> list[datetime]:
    """Full hours or halves or quarters, at most nine of them."""
    for minutes in (15, 30, 60, 120, 240, 480):
        step = timedelta(minutes=minutes)
        if (last - first) / step <= 8:
            break
    start = first.replace(minute=0, second=0, microsecond=0)
    ticks = []
    while start <= last:
        if start >= first:
            ticks.append(start)
        start += step
    return ticks


# A look is late when it is older than this many times the time between two looks.
_STALE = 3


@dataclass(frozen=True, slots=True)
class Age:
    """How old the last look is: ``3 min ago``; ``is_stale`` when another one should have come."""

    words: str
    is_stale: bool


def age(looked_at: datetime | None, event: Event, now: datetime) -> Age | None:
    """None before the first look. Nothing is stale while nobody looks: once all looks are over, and
    of a cancelled event."""
    if looked_at is None:
        return None
    runs = event.starts_at <= now < event.ends_at
    every = timedelta(seconds=settings.READ_BACK_EVERY_S) if runs else around.EVERY
    old = now - looked_at
    said = f"{words(old)} ago" if old >= timedelta(minutes=1) else "just now"
    return Age(said, intervals.is_looked_at(event, now) and old > _STALE * every)
