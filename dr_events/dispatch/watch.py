"""The last look: asked on the fan-out thread right before a request's bytes leave."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from dr_events import queries
from dr_events.queries.work import Sending

# How old the answers below may get. The stop promises one second from commit to the last POST.
LOOK_EVERY_S = 0.25
TOO_OLD_S = 0.75


@dataclass(slots=True)
class Watch:
    """Knows, at most LOOK_EVERY_S late, whether anything may still be sent.

    ``refresh`` runs on the task's thread and asks the database; ``refusal`` runs on the fan-out
    thread and only reads plain attributes.
    """

    event: Sending
    lease_s: float
    database_now: Callable[[], datetime]
    halt: str | None = None
    said_no: frozenset[int] = frozenset()
    paused: frozenset[int] = frozenset()
    too_late: bool = False
    _asked: float = -math.inf
    _leases: dict[int, float] = field(default_factory=dict)

    def refresh(self) -> None:
        """Ask again if the last answer is older than LOOK_EVERY_S."""
        asked = time.monotonic()
        if asked < self._asked + LOOK_EVERY_S:
            return
        self.halt, self.said_no, self.paused = queries.work.stop_signals(event_id=self.event.id)
        self.too_late = self.database_now() >= self.event.last_send
        # By the moment of the question: a slow answer is an old answer.
        self._asked = asked

    def claimed(self, ids: list[int], *, asked_at: float) -> None:
        """Remember when these rows were asked for (``time.monotonic()``): their lease began later,
        and a process that stood still since then must not take it for a fresh one."""
        self._leases.update(dict.fromkeys(ids, asked_at))

    def settled(self, ids: list[int]) -> None:
        for row_id in ids:
            self._leases.pop(row_id, None)

    def refusal(self, row_id: int) -> str | None:
        """Why this row must not be sent now, or None.

        A holder that was paused for longer than a third of its lease gives the row back: by the
        time it looked, somebody else might be about to take it.
        """
        now = time.monotonic()
        if self.halt:
            return self.halt
        if self.too_late:
            return "too little of the event was left"
        if row_id in self.said_no:
            return "the home said no"
        if row_id in self.paused:
            return "Carrier wants this home left alone"
        if now - self._leases.get(row_id, 0.0) > self.lease_s / 3:
            return "the claim grew old"
        if now > self._asked + TOO_OLD_S:
            return "the stop could not be read"
        return None
