"""Reads for the looks around an event (rules.around): which are due, and at which homes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from dr_events.models import Event
from dr_events.queries import sample, work
from dr_events.queries.work import USABLE, WATCHED_HOMES, Watched
from dr_events.states import Delivery, EventState

_LOOKED_AT = (EventState.SCHEDULED, EventState.COMPLETED)
_TARGETED = (
    Delivery.PLANNED,
    Delivery.SENDING,
    Delivery.UNSURE,
    Delivery.ACCEPTED,
    Delivery.CONFIRMED,
)
# Tokens are renewed so long before a look needs them; business time.
_AHEAD = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Look:
    """A look that is due. ``some``: about how many of the event's homes it is for; 0: for all."""

    event_id: int
    starts_at: datetime
    ends_at: datetime
    due: datetime
    some: int


def due(*, now: datetime) -> list[int]:
    """Events a look around is due of. None while anything is to be sent or somebody must look for
    participation: these looks wait."""
    found = _near(now)
    return [] if not found or is_busy(now=now) else found


def is_busy(*, now: datetime) -> bool:
    return bool(work.events_to_send(now=now) or work.events_to_read_back(now=now))


def _near(moment: datetime) -> list[int]:
    found = Event.objects.filter(state__in=_LOOKED_AT, around_due_at__lte=moment)
    return list(found.order_by("around_due_at").values_list("id", flat=True))


def look(event_id: int) -> Look | None:
    event = Event.objects.filter(
        id=event_id, state__in=_LOOKED_AT, around_due_at__isnull=False
    ).first()
    if event is None or event.around_due_at is None:
        return None
    some = sample.some_of(event_id)
    return Look(event.pk, event.starts_at, event.ends_at, event.around_due_at, some)


# Of the homes a drawing is made of: still in the program, and not read since the look was due.
_WATCHED = f"""
JOIN homes ON homes.id = d.id
JOIN enrollments_enrollment n ON n.id = d.enrollment_id AND n.state IN ('ACTIVE', 'PAUSED')
WHERE d.event_id = %(event)s AND d.system_id > %(after)s AND d.delivery = ANY (%(states)s)
  AND {USABLE}
  AND NOT EXISTS (SELECT FROM dr_events_reading r
                  WHERE r.dispatch_id = d.id AND r.at >= %(due)s)
ORDER BY d.system_id LIMIT %(limit)s
"""


def watched(of: Look, *, after: int, limit: int) -> list[Watched]:
    """Homes to look at, by system id, above ``after``."""
    values: dict[str, Any] = {
        "event": of.event_id,
        "some": of.some,
        "after": after,
        "limit": limit,
        "states": list(_TARGETED),
        "margin": timedelta(0),
        "due": of.due,
    }
    with connection.cursor() as cursor:
        cursor.execute(sample.homes(of.some) + WATCHED_HOMES + _WATCHED, values)
        return [Watched(*row) for row in cursor.fetchall()]


_TO_RENEW = """
SELECT DISTINCT g.id, g.access_expires_at
FROM homes JOIN dr_events_dispatch d ON d.id = homes.id
JOIN enrollments_enrollment n ON n.id = d.enrollment_id AND n.state IN ('ACTIVE', 'PAUSED')
JOIN enrollments_system s ON s.id = d.system_id
JOIN enrollments_carriergrant g ON g.id = s.grant_id
WHERE d.delivery = ANY (%(states)s) AND g.state = 'ACTIVE' AND g.access_expires_at < %(until)s
  AND (g.refresh_not_before IS NULL OR g.refresh_not_before <= %(real_now)s)
ORDER BY g.access_expires_at, g.id
"""


def grants_to_renew(*, now: datetime, real_now: datetime, margin: timedelta) -> list[int]:
    """Permissions a look within the next minutes needs and whose token ends within ``margin`` (real
    time). Only of the homes that are looked at."""
    found: list[int] = []
    for event_id in _near(now + _AHEAD):
        some = sample.some_of(event_id)
        values: dict[str, Any] = {
            "event": event_id,
            "some": some,
            "states": list(_TARGETED),
            "until": real_now + margin,
            "real_now": real_now,
        }
        with connection.cursor() as cursor:
            cursor.execute(sample.homes(some) + _TO_RENEW, values)
            found += [grant_id for grant_id, _ in cursor.fetchall()]
    return list(dict.fromkeys(found))
