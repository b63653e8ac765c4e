"""Results by interval and by home, and notices by kind: counts and durations for partners, no
reading of a single home."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count

from dr_events.models import Dispatch, Event
from dr_events.queries import intervals, sample
from dr_events.queries.intervals import EVERY
from dr_events.queries.intervals import Interval as Seen
from dr_events.queries.notices import subject_of
from dr_events.queries.partner import serials
from dr_events.states import SENT, Delivery, EventState, Participation, Reason
from enrollments.models import Notice
from enrollments.states import NoticeKind, NoticeState


# --- by interval --------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Interval:
    """A quarter of an hour. ``homes`` reported in it, ``online`` of them were online; ``load`` is
    their mean share of full cooling, 0 to 1, None when nobody said. ``opted_out``: homes that had
    said no by its end."""

    starts_at: datetime
    part: str  # before, during, after
    homes: int
    online: int
    load: float | None
    opted_out: int


@dataclass(frozen=True, slots=True)
class Intervals:
    """``sampled``: about so many homes stand for all of them in everything but ``opted_out``."""

    items: tuple[Interval, ...]
    sampled: int


_NOES = """
SELECT floor(extract(epoch FROM opted_out_at - %s) / %s)::int, count(*)
FROM dr_events_dispatch WHERE event_id = %s AND opted_out_at IS NOT NULL GROUP BY 1
"""


def by_interval(event: Event) -> Intervals:
    """The quarter hours of the event, and those around it as far as homes reported."""
    some = sample.some_of(event.pk)
    course = intervals.course(event, some=some)
    seen = {_place(event, one.begins_at): one for one in course.items}
    last = _place(event, event.ends_at - timedelta(microseconds=1))
    with connection.cursor() as cursor:
        cursor.execute(_NOES, [event.starts_at, EVERY.total_seconds(), event.pk])
        noes = dict(cursor.fetchall())
    places = range(min([0, *seen]), max([last, *seen]) + 1)
    said = sum(number for place, number in noes.items() if place < places.start)
    found = []
    for place in places:
        said += noes.get(place, 0)
        found.append(_interval(event, place, seen.get(place), said))
    return Intervals(tuple(found), some)


def _place(event: Event, at: datetime) -> int:
    return (at - event.starts_at) // EVERY


def _interval(event: Event, place: int, seen: Seen | None, said: int) -> Interval:
    starts_at = event.starts_at + place * EVERY
    part = intervals.part(event, starts_at)
    if seen is None:
        return Interval(starts_at, part, 0, 0, None, said)
    return Interval(starts_at, part, seen.homes, seen.online, seen.load, said)


# --- by home ------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class HomeResult:
    """``asked`` and ``took_part`` are parts of the event; the latter is None until it is over."""

    system_id: int
    serial: str
    delivery: Delivery
    participation: Participation
    reason: Reason
    asked: timedelta
    took_part: timedelta | None
    opted_out_at: datetime | None


def homes(event: Event, *, after: int, limit: int) -> list[HomeResult]:
    """Every system of the event after the one with this id, in the order of its deliveries."""
    rows = (
        Dispatch.objects.filter(event=event, system_id__gt=after)
        .order_by("system_id")
        .values_list("delivery", "participation", "reason", "opted_out_at", "system_id")[:limit]
    )
    names = serials(row[-1] for row in rows)
    return [_home(event, *row, names[row[-1]]) for row in rows]


def _home(
    event: Event,
    delivery: str,
    part: str,
    reason: str,
    said_no: datetime | None,
    system_id: int,
    serial: str,
) -> HomeResult:
    """A home is asked when Carrier has the event, or when it said no in time (as for credits)."""
    was_asked = delivery in SENT or reason == Reason.OPTED_OUT
    whole = event.ends_at - event.starts_at
    took_part = timedelta(0)
    if was_asked and part == Participation.COMPLETED:
        took_part = whole
    elif was_asked and part == Participation.OPTED_OUT_DURING:
        until = min(max(said_no or event.starts_at, event.starts_at), event.ends_at)
        took_part = until - event.starts_at
    return HomeResult(
        system_id,
        serial,
        Delivery(delivery),
        Participation(part),
        Reason(reason),
        whole if was_asked else timedelta(0),
        took_part if event.state == EventState.COMPLETED else None,
        said_no,
    )


# --- notices ------------------------------------------------------------------------------------
def notices(event: Event) -> list[tuple[NoticeKind, NoticeState, int]]:
    """How many people were, or will be, mailed what about this event."""
    rows = Notice.objects.filter(subject=subject_of(event.pk)).values_list("kind", "state")
    counted = rows.annotate(people=Count("id")).order_by("kind", "state")
    return [(NoticeKind(kind), NoticeState(state), people) for kind, state, people in counted]
