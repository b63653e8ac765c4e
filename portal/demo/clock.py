"""The simulated clock that portal and sandbox share: a small file, replaced in one step.

    {"real": 1751900000.0, "sim": 1783963800.0, "rate": 60.0}

reads: at the real moment `real` (seconds since 1970) the simulated clock showed `sim`, and since
then it runs `rate` times as fast. So a July afternoon can be watched in December, in two minutes.
Time never runs backwards here: events that happened stay in the past.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

KEEP_EVERY_S = 2.0


@dataclass(frozen=True)
class Reading:
    """One line of the file. All in seconds; `rate` is simulated seconds per real second."""

    real: float
    sim: float
    rate: float

    def at(self, real: float) -> float:
        return self.sim + (real - self.real) * self.rate


def read(path: Path) -> Reading:
    return Reading(**json.loads(path.read_text(encoding="utf-8")))


def now(path: Path) -> datetime:
    """The simulated moment, aware, UTC."""
    return datetime.fromtimestamp(read(path).at(time.time()), UTC)


def start_at(path: Path, moment: datetime, *, rate: float = 1.0) -> None:
    """Set the clock, whatever it showed before: only for a demo that starts from nothing."""
    if moment.tzinfo is None:
        raise ValueError("The simulated clock needs a moment with a time zone.")
    _write(path, Reading(time.time(), moment.timestamp(), rate))


def set_rate(path: Path, rate: float) -> None:
    """Go on from the present simulated moment at another speed; 0 stops it."""
    if rate < 0:
        raise ValueError("Time does not run backwards.")
    real = time.time()
    _write(path, Reading(real, read(path).at(real), rate))


def jump_to(path: Path, moment: datetime) -> None:
    """Skip a calm stretch: move forward to `moment`, at the speed it has."""
    real, before = time.time(), read(path)
    if moment.timestamp() < before.at(real):
        raise ValueError(f"{moment} is in the simulated past.")
    _write(path, Reading(real, moment.timestamp(), before.rate))


def resume(path: Path) -> bool:
    """Continue at normal speed from where the last run ended. False when there is no clock yet.

    A run that crashed held nothing. It wrote the file every KEEP_EVERY_S at least, so adding that
    much never goes back behind a moment it has used; the real time since then does not count.
    """
    if not path.exists():
        return False
    last = read(path)
    _write(path, Reading(time.time(), last.sim + last.rate * KEEP_EVERY_S, 1.0))
    return True


def keep(path: Path) -> None:
    """Write down the present moment, unchanged in speed; call it every second or so."""
    set_rate(path, read(path).rate)


def hold(path: Path) -> None:
    """Stop the clock at the present simulated moment, for the next start."""
    set_rate(path, 0.0)


def _write(path: Path, reading: Reading) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(asdict(reading)), encoding="utf-8")
    draft.replace(path)
