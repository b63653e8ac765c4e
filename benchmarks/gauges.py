"""What a set of processes has used so far, read from /proc (Linux)."""

from __future__ import annotations

import os
import time
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def _table() -> dict[int, tuple[int, float]]:
    """pid -> (parent, CPU seconds including those of children it has buried)."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            # The name in brackets may hold anything, so count from its end.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile; its parent has its time
        ticks = sum(int(value) for value in fields[11:15])
        found[int(folder.name)] = (int(fields[1]), ticks * _TICK_S)
    return found


def family(root: int) -> list[int]:
    """A process and everything it started that still runs."""
    table = _table()
    found = [root] if root in table else []
    for pid in found:  # grows while we walk it
        found += [child for child, (parent, _) in table.items() if parent == pid]
    return found


class Gauge:
    """CPU seconds of named groups of process families between two looks."""

    def __init__(self, roots: dict[str, list[int]]) -> None:
        self._roots = roots
        self._before = self._now()

    def _now(self) -> dict[str, float]:
        table = _table()
        return {
            name: sum(table[pid][1] for root in roots for pid in family(root) if pid in table)
            for name, roots in self._roots.items()
        }

    def used(self) -> dict[str, float]:
        now = self._now()
        return {name: now[name] - self._before[name] for name in now}


class Others:
    """How many cores everybody but us kept busy meanwhile: above a few tenths, distrust seconds."""

    def __init__(self) -> None:
        self._before = self._now()

    @staticmethod
    def _now() -> tuple[float, float]:
        # user, nice, system, idle, iowait, irq, softirq, steal, ... (proc(5))
        with open("/proc/stat") as file:
            ticks = [int(value) for value in file.readline().split()[1:9]]
        return time.monotonic(), (sum(ticks) - ticks[3] - ticks[4]) * _TICK_S

    def cores(self, ours_s: float) -> float:
        began, busy_before = self._before
        ended, busy = self._now()
        return max(busy - busy_before - ours_s, 0.0) / (ended - began)


def peak_mb(root: int) -> dict[int, float]:
    """pid -> largest resident memory so far, in MB, for a process and its descendants."""
    found = {}
    for pid in family(root):
        try:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        except OSError:
            continue
        sizes = [line.split()[1] for line in lines if line.startswith("VmHWM")]
        found[pid] = int(sizes[0]) / 1024 if sizes else 0.0
    return found
