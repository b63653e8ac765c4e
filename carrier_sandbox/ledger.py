"""Every request in order, and what it did. Append-only, in memory, and optionally a JSONL file.

No token, code, password or query string ever enters: a body is kept only of POST
utility_events, where the page has no place for a secret. Fields a request has not reached yet
are null; ``status`` 0 means the server kept the answer to itself (hung, reset). Times:
``real_at`` and ``sim_at`` are epoch seconds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from carrier_sandbox.posting import Effect

BODY_EXCERPT = 400


@dataclass(slots=True)
class Entry:
    """One request."""

    seq: int
    real_at: float
    sim_at: float
    method: str
    path: str
    in_flight: int
    operation: str = ""
    serial: str = ""
    user: str = ""  # whose authorisation was used
    client: str = ""
    status: int | None = None
    reason: str = ""
    body: str = ""
    body_sha256: str = ""
    effects: list[Effect] = field(default_factory=list)
    fault: str = ""
    done_real: float | None = None
    filed: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For the admin answer and the file."""
        return {
            "seq": self.seq, "real_at": self.real_at, "sim_at": self.sim_at,
            "method": self.method, "path": self.path, "operation": self.operation,
            "serial": self.serial, "user": self.user, "client": self.client,
            "status": self.status, "reason": self.reason, "fault": self.fault,
            "in_flight": self.in_flight, "body": self.body, "body_sha256": self.body_sha256,
            "effects": [
                {
                    "event_id": e.event_id, "wire_id": e.wire_id, "modification": e.modification,
                    "effect": e.effect, "effect_real": e.effect_real, "effect_sim": e.effect_sim,
                }
                for e in self.effects
            ],
            "done_real": self.done_real,
        }  # fmt: skip


class Ledger:
    """The list of requests since the start."""

    def __init__(self, path: Path | None) -> None:
        self.entries: list[Entry] = []
        self.in_flight = 0
        self.peak_in_flight = 0
        self._path = path
        self._waiting: list[Entry] = []

    def open(self, real: float, sim: float, method: str, path: str) -> Entry:
        """A request has arrived."""
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        entry = Entry(len(self.entries) + 1, real, sim, method, path, self.in_flight)
        self.entries.append(entry)
        return entry

    def file(self, entry: Entry, status: int) -> None:
        """Its answer is settled: note it, and queue the line for the file once."""
        entry.status = status
        entry.done_real = time.time()
        if self._path is not None and not entry.filed:
            entry.filed = True
            self._waiting.append(entry)

    def close(self) -> None:
        """A request has left."""
        self.in_flight -= 1

    def flush(self) -> None:
        """Write the waiting lines in one go."""
        if self._path is None or not self._waiting:
            return
        lines = b"".join(orjson.dumps(entry.as_dict()) + b"\n" for entry in self._waiting)
        self._waiting.clear()
        with self._path.open("ab") as file:
            file.write(lines)

    def after(self, seq: int, limit: int) -> list[Entry]:
        """Entries with a higher sequence number, oldest first."""
        return self.entries[seq : seq + limit]
