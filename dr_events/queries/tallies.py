"""Dispatch rows of events, counted: the one place for it, shared by pages and the partner API."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection

from dr_events.queries.kept import kept_of
from dr_events.queries.tally import Tally, of

# How long figures are good for a list, real time: of an event that waits for its send time, and of
# one under way that has more than MANY rows. Counting 100,000 takes 45 ms (benchmarks.pages).
WAITING_FOR, UNDER_WAY_FOR = timedelta(seconds=60), timedelta(seconds=10)
MANY = 20_000
# The sweep counts those under way again after this, so that no page has to.
AGAIN_AFTER = timedelta(seconds=3)

_COUNTS = """
SELECT event_id, delivery, participation, reason, trouble, opted_out_at IS NOT NULL, recall,
    count(*), min(sent_at), max(accepted_at)
FROM dr_events_dispatch WHERE event_id = ANY (%(events)s)
GROUP BY 1, 2, 3, 4, 5, 6, 7
"""

# The number of rows behind a kept tally ``t``.
ROWS = "(SELECT sum((g ->> 6)::bigint) FROM jsonb_array_elements(t.counts -> 'groups') AS g)"

_KEPT = f"""
SELECT t.event_id, t.is_final, t.counted_at, t.counts FROM dr_events_tally t
WHERE t.event_id = ANY (%(events)s) AND (t.is_final OR t.counted_at > clock_timestamp() - CASE
    WHEN t.event_id = ANY (%(waiting)s) THEN %(waiting_for)s
    WHEN t.event_id = ANY (%(under_way)s) AND {ROWS} > %(many)s THEN %(under_way_for)s END)
"""  # noqa: S608 - constants; every value is a parameter


def tally(event_id: int) -> Tally:
    """Kept when the event was closed, or counted now."""
    return tallies([event_id]).get(event_id) or Tally()


def tallies(
    event_ids: Sequence[int], *, waiting: Sequence[int] = (), under_way: Sequence[int] = ()
) -> dict[int, Tally]:
    """Counts of several events; events without rows are missing.

    Closed events are read where they were kept, the others counted. For events ``waiting`` for
    their send time figures up to WAITING_FOR old will do, for large ones ``under_way`` such up to
    UNDER_WAY_FOR.
    """
    if not event_ids:
        return {}
    values: dict[str, Any] = {
        "events": list(event_ids),
        "waiting": list(waiting),
        "under_way": list(under_way),
        **ages(UNDER_WAY_FOR),
    }
    with connection.cursor() as cursor:
        cursor.execute(_KEPT, values)
        kept = {event_id: _restored(*rest) for event_id, *rest in cursor.fetchall()}
    return kept | count([event_id for event_id in event_ids if event_id not in kept])


def ages(under_way_for: timedelta) -> dict[str, Any]:
    """How long which figures are good, as parameters of a statement."""
    return {"waiting_for": WAITING_FOR, "under_way_for": under_way_for, "many": MANY}


_DUE = f"""
SELECT EXISTS (
    SELECT FROM dr_events_event e LEFT JOIN dr_events_tally t ON t.event_id = e.id
    WHERE e.state = 'SCHEDULED' AND e.send_at <= %(now)s AND (t.event_id IS NULL
        OR t.counted_at <= clock_timestamp() - %(again)s AND {ROWS} > %(many)s))
"""  # noqa: S608 - constants; every value is a parameter


def are_due(*, now: datetime) -> bool:
    """Whether an event under way, and large or never counted, is to be counted (the sweep)."""
    with connection.cursor() as cursor:
        values: dict[str, Any] = {"now": now, "again": AGAIN_AFTER, "many": MANY}
        cursor.execute(_DUE, values)
        return bool(cursor.fetchone()[0])


def count(event_ids: Sequence[int]) -> dict[int, Tally]:
    """Count now, whatever was kept; one grouped query."""
    if not event_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"events": list(event_ids)})
        groups = cursor.fetchall()
    by_event: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for event_id, *group in groups:
        by_event[event_id].append(tuple(group))
    return {event_id: of(rows) for event_id, rows in by_event.items()}


def restored(counts: str | bytes) -> Tally:
    """The tally of a closed event as operations.keep_tally counted it."""
    values = orjson.loads(counts)
    return replace(_groups(values), kept=kept_of(values))


def _restored(is_final: bool, counted_at: datetime, counts: str | bytes) -> Tally:
    if is_final:
        return restored(counts)
    return replace(_groups(orjson.loads(counts)), counted_at=counted_at)


def _groups(values: dict[str, Any]) -> Tally:
    return of((*group, _moment(sent), _moment(told)) for *group, sent, told in values["groups"])


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
