"""A draft is handed on: its message and its list of homes are frozen, sending is due."""

from datetime import datetime, timedelta

from django.db import IntegrityError, connection, transaction

from base import bell, clock
from base.refusal import Refused
from dr_events.models import Event
from dr_events.operations.planning import check, locked, move, wrong_state
from dr_events.queries import candidates
from dr_events.queries.holds import limits_mark
from dr_events.rules import around
from dr_events.states import EventState
from enrollments.models import Program
from people.operations import Actor, for_operators, record

# The first look comes after the wave, not in it; business time.
VERIFY_AFTER = timedelta(minutes=2)


@transaction.atomic
def submit(*, event_id: int, seen: int, actor: Actor, now: datetime) -> Event:
    """Hand the draft on: to a second person where the program asks for one, else schedule it.

    ``seen`` is the version its message was made from. Raises Refused when it is no draft or was
    changed meanwhile, Invalid when its time has become impossible, and Refused when nobody would
    get it.
    """
    for_operators(actor, "plan events")
    event = locked(event_id)
    if event.state == EventState.DRAFT and event.version != seen:
        raise _changed()
    if event.program.needs_approval:
        check(event.program, event, now=now)
        if not candidates.preview(event).targeted:
            raise _empty_target()
        move(event, EventState.DRAFT, EventState.SUBMITTED, version=event.version + 1)
        record(actor=actor, verb="submit", subject=f"event:{event_id}", now=now)
        return event
    return schedule(event, EventState.DRAFT, actor, now)


def schedule(event: Event, old: EventState, actor: Actor, now: datetime) -> Event:
    """One transaction freezes the message and the list of homes; sending begins at ``send_at``."""
    if event.state != old:  # pressed twice: its homes are taken, by itself
        raise wrong_state(event)
    check(event.program, event, now=now)
    # Two plans of one program take turns: caps are counted over rows the other one is writing.
    Program.objects.select_for_update(no_key=True).get(id=event.program_id)
    event.scheduled_at, event.released_at = now, clock.real_now()
    lead = timedelta(minutes=event.program.send_lead_minutes)
    event.send_at = max(now, event.starts_at - lead)
    event.read_back_due_at = event.send_at + VERIFY_AFTER
    event.around_due_at = around.next_look(
        now=now, starts_at=event.starts_at, ends_at=event.ends_at
    )
    targeted = _freeze_targets(event)
    if not targeted:
        raise _empty_target()
    if event.message is None:
        raise ValueError("the window that schedules an event must freeze its message first")
    move(
        event,
        old,
        EventState.SCHEDULED,
        scheduled_at=event.scheduled_at,
        released_at=event.released_at,
        send_at=event.send_at,
        read_back_due_at=event.read_back_due_at,
        around_due_at=event.around_due_at,
        approved_by=event.approved_by,
        sent_back_reason="",
        limits_mark=limits_mark(event.pk),
    )
    record(actor=actor, verb="schedule", subject=f"event:{event.pk}", now=now, targeted=targeted)
    bell.ring()
    return event


_FREEZE = """
, frozen AS (
    INSERT INTO dr_events_dispatch (event_id, system_id, enrollment_id, "window", holds_slot,
        delivery, participation, reason, claim, attempts, renewals, absent_reads, absent_needed,
        trouble)
    SELECT %(event)s, system_id, enrollment_id, tstzrange(%(starts_at)s, %(ends_at)s),
        reason = '', CASE reason WHEN '' THEN 'PLANNED' WHEN 'CONTROL_GROUP' THEN 'WITHHELD'
        ELSE 'SKIPPED' END, 'UNKNOWN', reason, 0, 0, 0, 0, 0, ''
    FROM candidates ORDER BY system_id
    {conflict}
    RETURNING delivery
) SELECT count(*) FILTER (WHERE delivery = 'PLANNED') FROM frozen
"""
_PLAIN, _YIELDING = _FREEZE.format(conflict=""), _FREEZE.format(conflict="ON CONFLICT DO NOTHING")
# Whoever lost a race for the same time has no row yet: it is left out, with its reason.
_LOSERS = """
INSERT INTO dr_events_dispatch (event_id, system_id, enrollment_id, "window", holds_slot, delivery,
    participation, reason, claim, attempts, renewals, absent_reads, absent_needed, trouble)
SELECT %(event)s, c.system_id, c.enrollment_id, tstzrange(%(starts_at)s, %(ends_at)s), false,
    'SKIPPED', 'UNKNOWN', 'OVERLAP', 0, 0, 0, 0, 0, ''
FROM candidates c
WHERE NOT EXISTS (
    SELECT 1 FROM dr_events_dispatch d
    WHERE d.event_id = %(event)s AND d.system_id = c.system_id)
"""


def _freeze_targets(event: Event) -> int:
    """Write one row per enrolled system; returns how many will get the event.

    Plans of one program take turns, so a lost race for a home's time is rare: the plain insert
    is tried first, because one that yields row by row costs half as much again.
    """
    values = candidates.parameters(event)
    with connection.cursor() as cursor:
        try:
            with transaction.atomic():
                cursor.execute(candidates.CANDIDATES + _PLAIN, values)
                return int(cursor.fetchone()[0])
        except IntegrityError:
            cursor.execute(candidates.CANDIDATES + _YIELDING, values)
            targeted = int(cursor.fetchone()[0])
            cursor.execute(candidates.CANDIDATES + _LOSERS, values)
    return targeted


@transaction.atomic
def freeze_message(
    *, event_id: int, seen: int, message: bytes, content_type: str, version: str
) -> None:
    """Keep the bytes every targeted system will get; ``seen`` is the version of the draft they were
    made from. Raises Refused when it is no draft any more, or another one by now: what somebody
    else hands on meanwhile must go out with its own message."""
    draft = Event.objects.filter(id=event_id, state=EventState.DRAFT)
    kept = draft.filter(version=seen).update(
        message=message, content_type=content_type, wire_version=version
    )
    if not kept:
        event = locked(event_id)
        raise _changed() if event.state == EventState.DRAFT else wrong_state(event)


def _changed() -> Refused:
    return Refused(
        "Somebody changed this draft meanwhile; nothing was handed on. Look at it as it is now.",
        code="stale",
    )


def _empty_target() -> Refused:
    return Refused(
        "Nobody would get this event: no enrolled system is free and within its limits. "
        "See below who is left out and why.",
        code="empty-target",
    )
