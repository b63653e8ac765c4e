"""What time it is for the business.

Operations and rules never ask: they are handed ``now``. Views, tasks and windows ask here, once.

Two clocks exist on purpose:

* the *business* clock (this module) decides when an event starts, when a home may be called and
  what a page says. In production it is the real time. In the demo and in tests it may be
  simulated, so that a two-hour event on a July afternoon can be watched in two minutes;
* *leases, retries and token lifetimes* are real durations. They use ``clock_timestamp()`` in
  PostgreSQL (``real_now``) and are never simulated.

The simulated clock is a JSON file ``{"real": epoch s, "sim": epoch s, "rate": float}``; simulated
now = sim + (real now - real) * rate. Every process reads the same file, so they agree.
"""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.db import connection
from django.utils import timezone


@dataclass(frozen=True, slots=True)
class Anchor:
    """One reading of the clock file; all values in seconds."""

    real: float
    sim: float
    rate: float

    def at(self, real: float) -> float:
        return self.sim + (real - self.real) * self.rate


_cached: tuple[tuple[int, int, int], Anchor] | None = None


def _anchor(path: str) -> Anchor:
    global _cached
    stat = os.stat(path)
    mark = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    if _cached is None or _cached[0] != mark:
        with open(path, encoding="utf-8") as file:
            _cached = (mark, Anchor(**json.load(file)))
    return _cached[1]


def is_simulated() -> bool:
    return bool(settings.SIMULATED_CLOCK_FILE)


def rate() -> float:
    """Simulated seconds per real second; 1.0 in production."""
    return _anchor(settings.SIMULATED_CLOCK_FILE).rate if is_simulated() else 1.0


def _business(real: datetime) -> datetime:
    if not is_simulated():
        return real
    anchor = _anchor(settings.SIMULATED_CLOCK_FILE)
    return datetime.fromtimestamp(anchor.at(real.timestamp()), tz=UTC)


def now() -> datetime:
    """Business time by this host's clock, aware UTC."""
    return _business(timezone.now())


def database_now() -> datetime:
    """Business time by the database's clock, aware UTC.

    Workers use this one before they send: a host whose clock jumped must not send early or late.
    """
    return _business(real_now())


def real_now() -> datetime:
    """Real time by the database's clock, aware UTC: what token lifetimes, retries and waiting times
    are reckoned with, so that all machines agree on them whatever their own clocks say."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment
