"""What needs a person because a part of the machinery does not work."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

# Real time. Rings are heard within a second or two; sweeps come every few seconds.
UNHEARD_AFTER = timedelta(seconds=30)
# Business time after which an event that was due and that no worker touched is called late.
LATE_AFTER = timedelta(seconds=60)
# Pages reckon notice and hours with this host's clock, senders with the database's.
CLOCK_OFF_S = 2.0

_ALERTS = """
SELECT clock_timestamp(),
    (SELECT min(since) FROM dr_events_rung WHERE since < clock_timestamp() - %(unheard)s),
    ARRAY(SELECT e.name FROM dr_events_event e
          WHERE e.state = 'SCHEDULED' AND e.send_at <= %(due)s AND e.ends_at > %(now)s
            AND EXISTS (SELECT 1 FROM dr_events_dispatch d
                        WHERE d.event_id = e.id AND d.delivery = 'PLANNED')
            AND NOT EXISTS (SELECT 1 FROM dr_events_dispatch d
                            WHERE d.event_id = e.id AND d.claim > 0)
          ORDER BY e.send_at LIMIT 3)
"""


@dataclass(frozen=True, slots=True)
class Alerts:
    """``clock_off_s``: how far this host's clock is ahead of the database's, seconds; 0.0 while it
    is near enough. ``unheard_since``: real time of the oldest ring no worker heard. ``late``: names
    of events that are due and that nobody began to send."""

    clock_off_s: float
    unheard_since: datetime | None
    late: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.clock_off_s or self.unheard_since or self.late)

    @property
    def clock_words(self) -> str:
        way = "fast" if self.clock_off_s > 0 else "slow"
        return f"{abs(self.clock_off_s):,.0f} s {way}"


def alerts(*, now: datetime, host_now: datetime) -> Alerts:
    """``host_now`` is this host's own real time."""
    values: dict[str, Any] = {"now": now, "due": now - LATE_AFTER, "unheard": UNHEARD_AFTER}
    with connection.cursor() as cursor:
        cursor.execute(_ALERTS, values)
        database_now, unheard_since, late = cursor.fetchone()
    off_s = (host_now - database_now).total_seconds()
    return Alerts(off_s if abs(off_s) > CLOCK_OFF_S else 0.0, unheard_since, tuple(late))
