"""One caller's side of a fan-out: hand over batches, collect answers, take back what is queued."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .curl_lane import METHODS, Answer, Outgoing

if TYPE_CHECKING:
    from .fanout import Fanout


class Channel:
    """One caller's view of a fan-out. Made by `Fanout.channel`; for one collecting thread."""

    def __init__(self, fanout: Fanout, look: Callable[[Outgoing], str | None]) -> None:
        self.look = look
        self.queue: deque[Outgoing] = deque()
        self.ready: deque[Answer] = deque()
        self._fanout = fanout
        self._arrived = threading.Condition()
        self._wanted = 0
        self._open = True
        self.pending = 0
        """Sent through this channel and not yet collected (withdrawn ones do not count)."""

    @property
    def queued(self) -> int:
        """Sent through this channel and not handed to libcurl yet."""
        return len(self.queue)

    def send(self, batch: Sequence[Outgoing]) -> None:
        """Queue a batch and return at once. ValueError for a method other than GET and POST."""
        if any(outgoing.method not in METHODS for outgoing in batch):
            raise ValueError("the fan-out sends GET and POST only")
        if not self._open:
            raise RuntimeError("this channel is closed")
        with self._arrived:
            self.pending += len(batch)
        try:
            self._fanout.enqueue(self, batch)
        except RuntimeError:
            with self._arrived:
                self.pending -= len(batch)
            raise

    def collect(self, *, at_most: int, wait_s: float) -> list[Answer]:
        """Answers, in the order they arrived: `at_most` of them, or all that are pending, or what
        is there after `wait_s` seconds, whichever comes first."""
        deadline = time.monotonic() + wait_s
        with self._arrived:
            while len(self.ready) < (wanted := min(at_most, self.pending)):
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._wanted = wanted
                self._arrived.wait(left)
            self._wanted = 0
            count = min(at_most, len(self.ready))
            self.pending -= count
            return [self.ready.popleft() for _ in range(count)]

    def withdraw(self) -> list[int]:
        """Take back what has not been handed to libcurl; the keys of those requests."""
        keys = [outgoing.key for outgoing in self._fanout.dequeue(self)]
        with self._arrived:
            self.pending -= len(keys)
            self._arrived.notify_all()
        return keys

    def close(self) -> None:
        """Withdraw what is queued and drop the answers of what is under way."""
        self._open = False
        self.withdraw()

    def announce(self) -> None:
        """Wake the collector if it has what it waits for. Called by the fan-out."""
        if not self._open:
            self.ready.clear()
            return
        with self._arrived:
            if 0 < self._wanted <= len(self.ready):
                self._arrived.notify_all()
