"""What needs a person because a part of the machinery does not work."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

# Real time. Rings are heard within a second or two; sweeps come every few seconds.
UNHEARD_AFTER = timedelta(seconds=30)
# Business time after which an event that was due and that no worker touched is called late.
LATE_AFTER = timedelta(seconds=60)
# Every worker sweeps every few seconds (portal.listener). One that works without a broker is busy
# in between.
UNSWEPT_AFTER = timedelta(seconds=30)
# Pages reckon notice and hours with this host's clock, senders with the database's.
CLOCK_OFF_S = 2.0

_ALERTS = """
SELECT clock_timestamp(),
    (SELECT min(since) FROM dr_events_rung WHERE since < clock_timestamp() - %(unheard)s),
    ARRAY(SELECT e.name FROM dr_events_event e
          WHERE e.state = 'SCHEDULED' AND e.send_at <= %(due)s AND e.ends_at > %(now)s
            -- In the order of the index, so that the first row of an event that was begun answers
            -- and nobody reads the whole table for it.
            AND (SELECT true FROM dr_events_dispatch d WHERE d.event_id = e.id AND d.claim > 0
                 ORDER BY d.system_id LIMIT 1) IS NULL
            AND (SELECT true FROM dr_events_dispatch d
                 WHERE d.event_id = e.id AND d.delivery = 'PLANNED' ORDER BY d.system_id LIMIT 1)
          ORDER BY e.send_at LIMIT 3),
    (SELECT swept_at FROM dr_events_control
     WHERE id = 1 AND swept_at < clock_timestamp() - %(unswept)s),
    (SELECT broker_lost_at FROM dr_events_control WHERE id = 1)
"""


@dataclass(frozen=True, slots=True)
class Alerts:
    """``clock_off_s``: how far this host's clock is ahead of the database's, seconds; 0.0 while it
    is near enough. ``unheard_since``: real time of the oldest ring no worker heard. ``late``: names
    of events that are due and that nobody began to send. ``unswept_since``: real time somebody last
    looked for due work, when that is too long ago; before the first look nothing is said.
    ``broker_lost_at``: real time since which the broker does not answer."""

    clock_off_s: float
    unheard_since: datetime | None
    late: tuple[str, ...]
    unswept_since: datetime | None = None
    broker_lost_at: datetime | None = None

    def __bool__(self) -> bool:
        times = self.unheard_since or self.unswept_since or self.broker_lost_at
        return bool(self.clock_off_s or times or self.late)

    @property
    def clock_words(self) -> str:
        way = "fast" if self.clock_off_s > 0 else "slow"
        return f"{abs(self.clock_off_s):,.0f} s {way}"


def alerts(*, now: datetime, host_now: datetime) -> Alerts:
    """``host_now`` is this host's own real time."""
    values: dict[str, Any] = {
        "now": now,
        "due": now - LATE_AFTER,
        "unheard": UNHEARD_AFTER,
        "unswept": UNSWEPT_AFTER,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ALERTS, values)
        database_now, unheard_since, late, unswept_since, broker_lost_at = cursor.fetchone()
    off_s = (host_now - database_now).total_seconds()
    return Alerts(
        off_s if abs(off_s) > CLOCK_OFF_S else 0.0,
        unheard_since,
        tuple(late),
        unswept_since,
        broker_lost_at,
    )
