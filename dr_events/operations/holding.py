"""Holding everything back, and letting go: the stop, the circuit, an older database, pauses."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection, transaction

from base import bell, clock
from base.refusal import Refused
from dr_events.models import Control, Dispatch, Event
from dr_events.queries.holds import hold_mark
from dr_events.rules import circuit as rules
from dr_events.states import EventState
from people.operations import SYSTEM, Actor, for_operators, for_people, record


@transaction.atomic
def emergency_stop(*, why: str, actor: Actor, now: datetime) -> bool:
    """Nothing more is sent, by anybody, for any event, until it is released.

    False when it is stopped already: who stopped it first, and may not release it, stays.
    """
    for_operators(actor, "stop sending")
    if Control.objects.select_for_update().filter(id=1, stopped=True).exists():
        return False
    Control.objects.update_or_create(
        id=1,
        defaults={
            "stopped": True,
            "stopped_at": now,
            "stopped_by": actor.name,
            "why": why[:200],
        },
    )
    record(actor=actor, verb="emergency-stop", subject="control", now=now, why=why)
    return True


@transaction.atomic
def release_stop(*, actor: Actor, now: datetime, seen: str | None = None) -> None:
    """Sending may go on. It takes a second person: whoever stopped it cannot release it.

    ``seen`` names the stop that was looked at (queries.holds.Hold.mark), here and below; None:
    whichever there is. Raises Refused, also when it is another one by now.
    """
    for_people(actor, "release a stop")
    control = Control.objects.select_for_update().filter(id=1).first()
    if control is None or not control.stopped:
        raise Refused("Nothing is stopped.", code="not-stopped")
    _same(seen, control.stopped_at)
    if control.stopped_by == actor.name:
        raise Refused("Somebody else must release a stop you made.", code="own-stop")
    Control.objects.filter(id=1).update(stopped=False)
    record(actor=actor, verb="release-stop", subject="control", now=now)
    bell.ring()


def _same(seen: str | None, since: datetime | None) -> None:
    """Nobody lets go of what they have not seen: one hold may have ended and another begun while
    the page was open."""
    if seen is not None and seen != hold_mark(since):
        raise Refused(
            "Nothing was released: what you saw had ended, and something else holds sending back "
            "now. Look at it first.",
            code="stale",
        )


_ANSWERS = """
SELECT count(*) FILTER (WHERE http_status IN (405, 406)), count(*) FILTER (WHERE http_status = 400),
    count(*) FILTER (WHERE http_status IS NOT NULL)
FROM dr_events_dispatch d
WHERE event_id = %(event)s AND sent_at > coalesce(
    (SELECT mended_at FROM dr_events_control), '-infinity'::timestamptz)
"""


@transaction.atomic
def judge_circuit(*, event_id: int, now: datetime) -> bool:
    """Open the circuit when this wave's answers say that the mistake is ours; true when it opened.

    Nothing more is sent to Carrier then, for any event, until somebody has looked and closes it.
    Looking at homes goes on.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ANSWERS, {"event": event_id})
        not_allowed, rejected, answered = cursor.fetchone()
    why = rules.why_open(not_allowed=not_allowed, rejected=rejected, answered=answered)
    if not why:
        return False
    opened = Control.objects.filter(id=1, broken_at=None).update(broken_at=now, broken_why=why)
    if opened:
        record(actor=SYSTEM, verb="open-circuit", subject=f"event:{event_id}", now=now, why=why)
    return bool(opened)


@transaction.atomic
def close_circuit(*, actor: Actor, now: datetime, seen: str | None = None) -> None:
    """Somebody looked, the mistake is mended: sending may go on. Raises Refused if it is closed.

    Answers are counted afresh from here; what was refused stays refused.
    """
    for_people(actor, "let sending go on")
    control = Control.objects.select_for_update().filter(id=1, broken_at__isnull=False).first()
    if control:
        _same(seen, control.broken_at)
    closed = Control.objects.filter(id=1, broken_at__isnull=False).update(
        broken_at=None, broken_why="", mended_at=clock.real_now()
    )
    if not closed:
        raise Refused("The circuit is closed already.", code="not-open")
    record(actor=actor, verb="close-circuit", subject="control", now=now)
    bell.ring()


_ASK_FIRST = """
UPDATE dr_events_dispatch d
SET delivery = 'UNSURE', absent_reads = 0, absent_needed = %(needed)s,
    not_before = clock_timestamp() + %(quiet)s,
    trouble = 'It may have been sent before the database was restored'
FROM dr_events_event e
WHERE e.id = d.event_id AND e.state = %(scheduled)s AND e.send_at <= %(now)s
  AND d.delivery = 'PLANNED'
"""


@transaction.atomic
def database_restored(*, why: str, quiet: timedelta, absent_needed: int, now: datetime) -> int:
    """This database has forgotten something: look before anything is sent; rows to be looked up.

    Every row that was due to be sent by now may be at Carrier already, or on its way: after
    ``quiet`` (real time) a GET decides, row by row. Nothing at all is sent until somebody releases
    it, because cancels and opt-outs may be lost too.
    """
    noticed = Control.objects.filter(id=1, restored_at=None).update(
        restored_at=now, restored_why=why[:200]
    )
    if not noticed:
        return 0
    with connection.cursor() as cursor:
        values: dict[str, Any] = {
            "needed": absent_needed,
            "scheduled": EventState.SCHEDULED,
            "quiet": quiet,
            "now": now,
        }
        cursor.execute(_ASK_FIRST, values)
        unsure = cursor.rowcount
    record(actor=SYSTEM, verb="database-restored", subject="control", now=now, why=why, rows=unsure)
    bell.ring()
    return unsure


@transaction.atomic
def release_restored(*, actor: Actor, now: datetime, seen: str | None = None) -> int:
    """Somebody compared events, cancels and opt-outs with what people know: sending may go on.

    Rows that are still unsure stay so until a home's list tells. Returns how many those are.
    """
    for_people(actor, "let sending go on")
    control = Control.objects.select_for_update().filter(id=1, restored_at__isnull=False).first()
    if control:
        _same(seen, control.restored_at)
    released = Control.objects.filter(id=1, restored_at__isnull=False).update(
        restored_at=None, restored_why=""
    )
    if not released:
        raise Refused("Nothing has to be released.", code="not-restored")
    unsure = Dispatch.objects.filter(
        event__in=Event.objects.filter(state=EventState.SCHEDULED), delivery="UNSURE"
    ).count()
    record(actor=actor, verb="release-restored", subject="control", now=now, unsure=unsure)
    bell.ring()
    return unsure


_PAUSE = """
INSERT INTO dr_events_pause AS p (grant_id, until)
SELECT id, clock_timestamp() + wait_s * interval '1 second'
FROM jsonb_to_recordset(%(pauses)s::jsonb) AS o(id bigint, wait_s float8) ORDER BY id
ON CONFLICT (grant_id) DO UPDATE SET until = greatest(p.until, excluded.until)
"""


def leave_alone(pauses: Mapping[int, float]) -> None:
    """Send nothing with these permissions for a while. A longer pause stays.

    ``pauses``: grant id, or 0 for all of them -> real seconds from now (RFC 9110 10.2.3).
    """
    lines = [{"id": grant_id, "wait_s": wait_s} for grant_id, wait_s in pauses.items()]
    with connection.cursor() as cursor:
        cursor.execute(_PAUSE, {"pauses": orjson.dumps(lines).decode()})


def lists_are_proven() -> None:
    """A home's list has shown one of our events: from here on "not listed" means something."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE dr_events_control SET listed_at = clock_timestamp() WHERE id = 1"
            " AND (listed_at IS NULL OR listed_at < clock_timestamp() - interval '1 hour')"
        )
