"""What homes do: opt-outs, and what a look at them showed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection, transaction

from base import bell
from base.refusal import Refused
from dr_events.models import Dispatch, Event, OptOut
from dr_events.operations.holding import lists_are_proven
from dr_events.operations.recalling import give_up_recalls
from dr_events.states import (
    OPEN,
    OPTED_OUT,
    Delivery,
    EventState,
    OptOutVia,
    Participation,
    Reason,
)
from people.operations import Actor, for_people, record


@transaction.atomic
def opt_out(*, dispatch_id: int, via: OptOutVia, actor: Actor, now: datetime) -> bool:
    """A home says no to one event; true when it will surely never be sent.

    False: Carrier has it or may have it, and only the override at the wall control stops it.
    Saying no twice changes nothing. Raises Refused when the event is over.
    """
    if via == OptOutVia.OPERATOR:
        for_people(actor, "let a home go")
    row = (
        Dispatch.objects.select_for_update(of=("self",)).select_related("event").get(id=dispatch_id)
    )
    if row.event.ends_at <= now:
        raise Refused("This event is over; there is nothing left to opt out of.", code="over")
    if row.opted_out_at is not None:
        return not row.holds_slot
    in_time = bool(
        Dispatch.objects.pick(id=dispatch_id).move(
            Delivery.PLANNED,
            Delivery.SKIPPED,
            reason=Reason.OPTED_OUT,
            participation=Participation.OPTED_OUT_BEFORE,
            opted_out_at=now,
            holds_slot=False,
        )
    )
    if not in_time:
        Dispatch.objects.filter(id=dispatch_id).update(opted_out_at=now)
        in_time = not row.holds_slot  # left out before, or spared: nothing of it is at Carrier
    OptOut.objects.create(
        dispatch_id=dispatch_id, at=now, via=via, actor=actor.name, in_time=in_time
    )
    record(actor=actor, verb="opt-out", subject=f"dispatch:{dispatch_id}", now=now, in_time=in_time)
    bell.ring()
    return in_time


@dataclass(frozen=True, slots=True)
class Look:
    """A look at one home that changes its row. Moments are ISO 8601 with offset, or None.

    ``missing``: its list could be read, can be trusted, and does not show the event.
    """

    id: int
    participation: str
    listed: bool
    missing: bool
    opted_out_at: str | None
    active: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """A reading to keep: °F, load 0 to 1."""

    id: int
    is_online: bool
    indoor_f: float | None
    cool_f: float | None
    outdoor_f: float | None
    load: float | None


_SAVE_LOOKS = """
WITH o AS (
    SELECT * FROM jsonb_to_recordset(%(looks)s::jsonb) AS o(id bigint, participation text,
        listed bool, missing bool, opted_out_at timestamptz, active bool)
), lost AS (
    -- A 200 that is in no list, long after it: the request may never have been taken over.
    SELECT d.id FROM dr_events_dispatch d JOIN o ON o.id = d.id AND o.missing
    WHERE d.delivery = 'ACCEPTED' AND d.accepted_at < clock_timestamp() - %(quiet)s
)
UPDATE dr_events_dispatch d
SET participation = o.participation, read_at = %(now)s,
    delivery = CASE WHEN o.listed AND d.delivery = 'ACCEPTED' THEN 'CONFIRMED'
                    WHEN lost.id IS NOT NULL THEN 'UNSURE'
                    ELSE d.delivery END,
    trouble = CASE WHEN lost.id IS NOT NULL THEN 'Accepted, but the home does not list it'
                   ELSE d.trouble END,
    absent_needed = CASE WHEN lost.id IS NOT NULL THEN %(needed)s ELSE d.absent_needed END,
    confirmed_at = CASE WHEN o.listed THEN coalesce(d.confirmed_at, %(now)s)
                        ELSE d.confirmed_at END,
    opted_out_at = coalesce(d.opted_out_at, o.opted_out_at),
    seen_active_at = CASE WHEN o.active THEN %(now)s ELSE d.seen_active_at END
FROM o LEFT JOIN lost USING (id) WHERE d.id = o.id AND d.delivery IN ('ACCEPTED', 'CONFIRMED')
"""
_SAVE_SAMPLES = """
INSERT INTO dr_events_reading (dispatch_id, at, is_online, indoor_f, cool_f, outdoor_f, load)
SELECT id, %(now)s, is_online, indoor_f, cool_f, outdoor_f, load
FROM jsonb_to_recordset(%(samples)s::jsonb) AS o(id bigint, is_online bool, indoor_f float8,
    cool_f float8, outdoor_f float8, load float8)
ON CONFLICT DO NOTHING
"""


@transaction.atomic
def save_looks(
    *,
    looks: Sequence[Look],
    samples: Sequence[Sample],
    quiet: timedelta,
    absent_needed: int,
    now: datetime,
) -> None:
    """Save the differences a round of looks found, and the readings.

    A row that was accepted longer than ``quiet`` (real time) ago and is missing in its list becomes
    UNSURE: it is decided like a lost answer, after ``absent_needed`` more looks.
    """
    with connection.cursor() as cursor:
        if looks:
            lines = [{name: getattr(look, name) for name in Look.__slots__} for look in looks]
            values: dict[str, Any] = {
                "looks": orjson.dumps(lines).decode(),
                "quiet": quiet,
                "needed": absent_needed,
                "now": now,
            }
            cursor.execute(_SAVE_LOOKS, values)
        if samples:
            rows = [{name: getattr(row, name) for name in Sample.__slots__} for row in samples]
            cursor.execute(_SAVE_SAMPLES, {"samples": orjson.dumps(rows).decode(), "now": now})
    if any(look.listed for look in looks):
        lists_are_proven()


_SAVE_PROOF = """
WITH o AS (
    SELECT * FROM jsonb_to_recordset(%(proofs)s::jsonb)
        AS o(id bigint, delivery text, listed bool, told bool, again_s float8)
)
UPDATE dr_events_dispatch d
SET delivery = o.delivery,
    absent_reads = CASE WHEN o.listed THEN 0 ELSE d.absent_reads + o.told::int END,
    confirmed_at = CASE WHEN o.listed THEN coalesce(d.confirmed_at, %(now)s) END,
    accepted_at = CASE WHEN o.listed THEN coalesce(d.accepted_at, clock_timestamp()) END,
    holds_slot = d.holds_slot AND o.delivery <> 'EXPIRED',
    reason = CASE o.delivery WHEN 'EXPIRED' THEN 'TOO_LATE' ELSE d.reason END,
    trouble = CASE WHEN o.listed THEN '' WHEN o.delivery = 'EXPIRED'
        THEN 'It never arrived, and too little of the event was left' ELSE d.trouble END,
    not_before = CASE o.delivery WHEN 'UNSURE'
        THEN clock_timestamp() + o.again_s * interval '1 second' END
FROM o WHERE d.id = o.id AND d.delivery = 'UNSURE'
"""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a GET said about an unsure row, and where the row goes.

    ``told``: the list could be read and is clear. ``again_s``: real seconds until the next look
    at a row that stays unsure.
    """

    id: int
    delivery: str
    listed: bool
    told: bool
    again_s: float


def save_proofs(*, proofs: Sequence[Proof], now: datetime) -> int:
    """Save what looks at unsure rows decided; how many rows were still unsure."""
    lines = [{name: getattr(proof, name) for name in Proof.__slots__} for proof in proofs]
    if any(proof.listed for proof in proofs):
        lists_are_proven()
    with connection.cursor() as cursor:
        cursor.execute(_SAVE_PROOF, {"proofs": orjson.dumps(lines).decode(), "now": now})
        return cursor.rowcount


def read_back_again(*, event_id: int, old: datetime, new: datetime) -> int:
    """Take the round that was due at ``old`` and set the next; zero: somebody else has it."""
    return Event.objects.filter(id=event_id, read_back_due_at=old).update(read_back_due_at=new)


def look_around_again(*, event_id: int, old: datetime, new: datetime | None) -> int:
    """The look around the event that was due at ``old`` is taken, or left out."""
    return Event.objects.filter(id=event_id, around_due_at=old).update(around_due_at=new)


def stop_watching(*, event_id: int) -> int:
    """The last look at a cancelled event is done."""
    give_up_recalls(event_id=event_id)
    return Event.objects.filter(id=event_id, state=EventState.CANCELLED).update(
        read_back_due_at=None
    )


@transaction.atomic
def complete(*, event_id: int, now: datetime) -> int:
    """The event is over and everybody was asked: close it. Zero while a delivery is undecided.

    Homes that were never seen taking part are UNREACHABLE, not "participated".
    """
    if Dispatch.objects.filter(event_id=event_id, delivery__in=OPEN).exists():
        return 0
    moved = Event.objects.pick(id=event_id).move(
        EventState.SCHEDULED, EventState.COMPLETED, completed_at=now, read_back_due_at=None
    )
    if moved:
        give_up_recalls(event_id=event_id)
        unseen = [Participation.UNKNOWN, Participation.SCHEDULED, Participation.ACTIVE]
        sent = Dispatch.objects.filter(
            event_id=event_id, delivery__in=[Delivery.ACCEPTED, Delivery.CONFIRMED]
        )
        sent.filter(participation__in=unseen, seen_active_at=None).exclude(
            participation__in=OPTED_OUT
        ).update(participation=Participation.UNREACHABLE)
        sent.filter(participation=Participation.ACTIVE).update(
            participation=Participation.COMPLETED
        )
    return int(moved)
