"""Which rings are worth ringing: one that was rung a moment ago and not heard yet is not.

Sweeps of every worker, of beat and of commands find the same work, again and again while it is
queued. Without this the queue fills with rings for work that is long done, and what is new waits
behind them (script/faults found renewals starving). Losing a row here costs a doubled ring; losing
a ring costs PATIENCE.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import connection

# Real time after which a ring that nobody heard is rung again: the broker may have lost it.
PATIENCE = timedelta(seconds=10)

_RING = """
INSERT INTO dr_events_rung AS r (name, at)
SELECT name, clock_timestamp() FROM unnest(%(names)s::text[]) AS n(name) ORDER BY name
ON CONFLICT (name) DO UPDATE SET at = excluded.at WHERE r.at <= clock_timestamp() - %(patience)s
RETURNING name
"""


def worth_ringing(names: Sequence[str]) -> set[str]:
    """Of these rings, those that nobody rang within PATIENCE or whose last ring was heard. They
    count as rung from now on. Any number of sweeps may ask at once: each ring goes to one."""
    if not names:
        return set()
    values: dict[str, Any] = {"names": list(names), "patience": PATIENCE}
    with connection.cursor() as cursor:
        cursor.execute(_RING, values)
        return {name for (name,) in cursor.fetchall()}


def heard(name: str) -> None:
    """A worker begins with it: what is found due from now on is news."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM dr_events_rung WHERE name = %s", [name])
