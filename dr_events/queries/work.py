"""Reads for the sweep and for the windows: what is due, for whom, with which token."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from dr_events.models import Control, Dispatch, Event
from dr_events.queries.holds import HELD, LIMITS_MARK, limits_mark
from dr_events.queries.pausing import takes_part
from dr_events.states import OPEN, Delivery, EventState
from enrollments.models import CarrierGrant
from enrollments.states import GrantState

# How long a list that showed one of our events is trusted to show the others; real time.
PROOF_LASTS = timedelta(days=30)

# Events whose homes are looked at until ``read_back_due_at`` is empty.
WATCHED = (EventState.SCHEDULED, EventState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Sending:
    """What a sender must know of an event. Times are business time."""

    id: int
    state: EventState
    message: bytes
    content_type: str
    wire_id: str
    starts_at: datetime
    ends_at: datetime
    send_at: datetime
    last_send: datetime
    read_back_due_at: datetime | None
    # The program's limits are not those this event was last checked against.
    limits_changed: bool


def sending(event_id: int) -> Sending | None:
    """None when the event is gone or was never scheduled."""
    event = (
        Event.objects.select_related("program").filter(id=event_id, send_at__isnull=False).first()
    )
    if event is None or event.message is None or event.send_at is None:
        return None
    return Sending(
        id=event.pk,
        state=EventState(event.state),
        message=bytes(event.message),
        content_type=event.content_type,
        wire_id=event.wire_id,
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        send_at=event.send_at,
        last_send=event.ends_at - timedelta(minutes=event.program.min_useful_minutes),
        read_back_due_at=event.read_back_due_at,
        limits_changed=event.limits_mark != limits_mark(event.pk),
    )


def events_to_send(*, now: datetime) -> list[int]:
    """Events with rows somebody must act on now: due to be sent, unsure and waited long enough,
    left by a sender that died, or cancelled midway."""
    waited = Q(not_before=None) | Q(not_before__lte=Now())
    due_rows = Q(waited, delivery__in=[Delivery.PLANNED, Delivery.UNSURE]) | Q(
        delivery=Delivery.SENDING, lease_until__lt=Now()
    )
    due = Event.objects.filter(
        Q(state=EventState.SCHEDULED, send_at__lte=now)
        | Q(state=EventState.CANCELLED, cancelled_at__gt=now - timedelta(days=1))
    )
    return [
        event_id
        for event_id in due.order_by("starts_at").values_list("id", flat=True)
        if Dispatch.objects.filter(due_rows, event_id=event_id).exists()
    ]


def events_to_read_back(*, now: datetime) -> list[int]:
    """Cancelled events too: what Carrier had accepted runs all the same."""
    return list(
        Event.objects.filter(state__in=WATCHED, read_back_due_at__lte=now)
        .order_by("read_back_due_at")
        .values_list("id", flat=True)
    )


_SIGNALS = f"""
SELECT coalesce({HELD}, (
        SELECT CASE WHEN e.state <> 'SCHEDULED' THEN 'the event was cancelled'
            WHEN e.limits_mark <> {LIMITS_MARK} THEN 'the limits of the program have changed' END
        FROM dr_events_event e WHERE e.id = %(event)s)),
    ARRAY(SELECT o.dispatch_id FROM dr_events_optout o
          JOIN dr_events_dispatch d ON d.id = o.dispatch_id
          WHERE d.event_id = %(event)s AND d.delivery = 'SENDING' AND o.undone_at IS NULL
          UNION ALL
          SELECT d.id FROM enrollments_enrollment n
          JOIN dr_events_event e ON e.id = %(event)s AND e.program_id = n.program_id
          JOIN dr_events_dispatch d ON d.event_id = e.id AND d.enrollment_id = n.id
          WHERE (n.state <> 'ACTIVE' OR n.paused_from IS NOT NULL) AND d.delivery = 'SENDING'
            AND NOT {takes_part("d.window")}),
    ARRAY(SELECT d.id FROM dr_events_pause p
          JOIN enrollments_system s ON s.grant_id = p.grant_id
          JOIN dr_events_dispatch d ON d.event_id = %(event)s AND d.system_id = s.id
          WHERE p.until > clock_timestamp() AND d.delivery = 'SENDING')
"""  # noqa: S608 - constants; every value is a parameter


def stop_signals(*, event_id: int) -> tuple[str | None, frozenset[int], frozenset[int]]:
    """(why nothing of this event may be sent, dispatch ids whose home said no meanwhile, dispatch
    ids whose permission Carrier wants left alone for now).

    Asked several times a second while sending, so it is one round trip.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SIGNALS, {"event": event_id})
        halt, said_no, paused = cursor.fetchone()
    return halt, frozenset(said_no), frozenset(paused)


def list_is_proven() -> bool:
    """Has a home's list shown one of our events lately? A list that never did proves nothing by
    showing none (reliability: a listing must have passed a communication test)."""
    return Control.objects.filter(id=1, listed_at__gt=Now() - PROOF_LASTS).exists()


@dataclass(frozen=True, slots=True)
class Watched:
    """A home to look at, with the token to do it."""

    id: int
    system_id: int
    serial: str
    grant_id: int
    sealed: bytes
    seal_id: str
    participation: str
    delivery: str
    seen_active: bool
    absent_reads: int
    absent_needed: int
    # Real time Carrier took the cancellation of this home's part.
    recall_at: datetime | None


WATCHED_HOMES = """
SELECT d.id, d.system_id, s.serial, g.id, g.access_sealed, g.seal_id::text, d.participation,
    d.delivery, d.seen_active_at IS NOT NULL, d.absent_reads, d.absent_needed, d.recall_at
FROM dr_events_dispatch d
JOIN enrollments_system s ON s.id = d.system_id
JOIN enrollments_carriergrant g ON g.id = s.grant_id
"""
# The permission holds, its token can be used now, and Carrier did not ask to be left alone.
USABLE = """
    g.state = 'ACTIVE' AND g.access_sealed IS NOT NULL
    AND (g.access_expires_at IS NULL OR g.access_expires_at > clock_timestamp() + %(margin)s)
    AND NOT EXISTS (SELECT 1 FROM dr_events_pause
                    WHERE grant_id = g.id AND until > clock_timestamp())
"""
_WATCHED = f"""{WATCHED_HOMES}
WHERE d.event_id = %(event)s AND d.system_id > %(after)s AND d.delivery = ANY (%(states)s)
  AND (d.delivery <> 'UNSURE' OR d.not_before IS NULL OR d.not_before <= clock_timestamp())
  AND (%(not_since)s::timestamptz IS NULL OR d.read_at IS NULL OR d.read_at < %(not_since)s)
  AND {USABLE}
ORDER BY d.system_id LIMIT %(limit)s
"""


def _watched(
    event_id: int,
    states: Sequence[str],
    after: int,
    limit: int,
    margin: timedelta,
    not_since: datetime | None,
) -> list[Watched]:
    values: dict[str, Any] = {
        "event": event_id,
        "states": list(states),
        "after": after,
        "limit": limit,
        "margin": margin,
        "not_since": not_since,
    }
    with connection.cursor() as cursor:
        cursor.execute(_WATCHED, values)
        return [Watched(*row) for row in cursor.fetchall()]


def sent_homes(
    *, event_id: int, after: int, limit: int, margin: timedelta, not_since: datetime
) -> list[Watched]:
    """Homes Carrier has accepted the event for that were not looked at since ``not_since``
    (business time), by system id, above ``after``."""
    states = [Delivery.ACCEPTED, Delivery.CONFIRMED]
    return _watched(event_id, states, after, limit, margin, not_since)


def some_unlisted(*, event_id: int) -> bool:
    """Is there a home whose request was accepted and that does not list the event yet?"""
    return Dispatch.objects.filter(event_id=event_id, delivery=Delivery.ACCEPTED).exists()


def unsure_homes(*, event_id: int, after: int, limit: int, margin: timedelta) -> list[Watched]:
    """Homes whose answer was lost and whose waiting time is over."""
    return _watched(event_id, [Delivery.UNSURE], after, limit, margin, None)


# Carrier has it, the event was cancelled, the home said no here or has left, and it is not over.
_UNWANTED = """
    d.delivery IN ('ACCEPTED', 'CONFIRMED') AND e.ends_at > %(now)s
    AND (e.state = 'CANCELLED'
         OR EXISTS (SELECT 1 FROM dr_events_optout o
                    WHERE o.dispatch_id = d.id AND o.undone_at IS NULL)
         OR EXISTS (SELECT 1 FROM enrollments_enrollment n
                    WHERE n.id = d.enrollment_id AND n.state = 'WITHDRAWN'
                      AND n.ended_because = ''))
    AND (d.not_before IS NULL OR d.not_before <= clock_timestamp())
"""


def can_recall() -> bool:
    """May we say that Carrier is asked to take something back?"""
    return bool(settings.CARRIER_CANCEL != "none")


def events_to_take_back(*, now: datetime) -> list[int]:
    """Events that homes hold and should hold no longer. Only where the vendor can cancel."""
    if not can_recall():
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT e.id FROM dr_events_event e
                WHERE e.ends_at > %(now)s AND e.read_back_due_at IS NOT NULL AND EXISTS
                    (SELECT 1 FROM dr_events_dispatch d
                     WHERE d.event_id = e.id AND d.recall IN ('', 'ASKED') AND {_UNWANTED})
                ORDER BY e.starts_at""",  # noqa: S608 - a constant
            {"now": now},
        )
        return [event_id for (event_id,) in cursor.fetchall()]


def unwanted_homes(
    *, event_id: int, recall: str, after: int, limit: int, margin: timedelta, now: datetime
) -> list[Watched]:
    """Homes of one event whose part of it is to be taken back (``recall`` empty), or is to be
    looked at because Carrier was asked to (ASKED)."""
    values: dict[str, Any] = {
        "event": event_id,
        "recall": recall,
        "after": after,
        "limit": limit,
        "margin": margin,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            f"""{WATCHED_HOMES}
                JOIN dr_events_event e ON e.id = d.event_id
                WHERE d.event_id = %(event)s AND d.system_id > %(after)s AND d.recall = %(recall)s
                  AND {_UNWANTED} AND {USABLE}
                ORDER BY d.system_id LIMIT %(limit)s""",
            values,
        )
        return [Watched(*row) for row in cursor.fetchall()]


def grants_to_renew(*, now: datetime, real_now: datetime, margin: timedelta) -> list[int]:
    """Permissions of homes with an event being sent, running or about to be sent whose token ends
    within ``margin`` (real time). Renewed in a calm moment, not in the wave."""
    near = Event.objects.filter(
        state__in=WATCHED, read_back_due_at__isnull=False, send_at__lte=now + timedelta(hours=1)
    ).values("id")
    wanted = Dispatch.objects.filter(
        event__in=near, delivery__in=[*OPEN, Delivery.ACCEPTED, Delivery.CONFIRMED]
    )
    return list(
        CarrierGrant.objects.filter(
            Q(refresh_not_before=None) | Q(refresh_not_before__lte=real_now),
            state=GrantState.ACTIVE,
            access_expires_at__lt=real_now + margin,
            systems__in=wanted.values("system"),
        )
        .order_by("access_expires_at", "id")
        .values_list("id", flat=True)
        .distinct()[:2000]
    )
