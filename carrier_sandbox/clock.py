"""Two clocks: real time for tokens and faults, business time for homes and events.

Business time can run fast. A clock file holds ``{"real": r, "sim": s, "rate": k}`` (epoch
seconds, epoch seconds, plain factor) and business now is ``s + (real now - r) * k``. A rate of
0 stands still. Without a file, or while the file is missing, business time is real time.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import orjson

LOOK_EVERY_S = 0.05


class Moment(NamedTuple):
    """One instant on both clocks, epoch seconds."""

    real: float
    sim: float


class Clock:
    """Business time read from a file that anybody may replace while we run."""

    def __init__(self, path: Path | None, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        self.rate = 1.0
        self._path = path
        self._real = 0.0
        self._sim = 0.0
        self._seen: tuple[int, int, int] | None = None
        self._looked_at = -1.0
        self.look()

    def look(self) -> None:
        """Read the file if its time stamp, size or inode changed; a half-written file is left for
        later.
        """
        self._looked_at = time.monotonic()
        if self._path is None:
            return
        try:
            facts = self._path.stat()
            mark = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
            if mark == self._seen:
                return
            values = orjson.loads(self._path.read_bytes())
            real, sim, rate = float(values["real"]), float(values["sim"]), float(values["rate"])
        except FileNotFoundError:
            self._seen, self._real, self._sim, self.rate = None, 0.0, 0.0, 1.0
            return
        except (OSError, ValueError, KeyError, TypeError):
            return
        self._seen, self._real, self._sim, self.rate = mark, real, sim, rate

    def now(self) -> Moment:
        """Both clocks, now; the file is looked at no more than every 50 ms."""
        if self._path is not None and time.monotonic() - self._looked_at >= LOOK_EVERY_S:
            self.look()
        real = time.time()
        return Moment(real, self.sim_at(real))

    def sim_at(self, real: float) -> float:
        """Business time at a real time, by the present rate."""
        return self._sim + (real - self._real) * self.rate

    def offset_s(self, sim: float) -> int:
        """Seconds to add to UTC for local time where the homes stand."""
        return _offset_s(self.zone, int(sim // 900))


@lru_cache(maxsize=65536)
def _offset_s(zone: ZoneInfo, quarter_hour: int) -> int:
    delta = datetime.fromtimestamp(quarter_hour * 900, zone).utcoffset()
    return int(delta.total_seconds()) if delta is not None else 0


def utc_text(sim: float) -> str:
    """UTC, ISO 8601 with milliseconds and Z: the form of every ``timestamp`` in the API."""
    whole = datetime.fromtimestamp(sim, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{whole.microsecond // 1000:03d}Z"


@lru_cache(maxsize=4096)
def utc_seconds_text(sim: int) -> str:
    """UTC, whole seconds and Z: the form of event times."""
    return f"{datetime.fromtimestamp(sim, UTC):%Y-%m-%dT%H:%M:%SZ}"
