"""Thousands of requests at once over connections that stay open: one thread, one curl multi.

Any number of callers share it through channels. A channel hands over batches without waiting and
collects answers while the rest is under way, so saving results overlaps with sending.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import pycurl

from .channel import Channel
from .curl_lane import Answer, Lane, Limits, Outcome, Outgoing, last_look, refused, unsent
from .permits import Permits
from .sockets import Sockets

__all__ = ["Answer", "Channel", "Fanout", "Outcome", "Outgoing", "Permits", "shared"]


class Fanout:
    """The thread, the curl multi and its lanes (one lane = one request in flight).

    Times are seconds and bound each request: `connect_timeout_s` until the connection is up,
    `total_timeout_s` from hand-over to the last byte. Answers larger than `max_body_bytes` are cut
    off. No redirects, no proxies from the environment, no compression, HTTP/1.1. `permits`, where
    given, say how many requests may leave and be in flight; the rest waits in the queue.
    Not usable in a forked child: it would write on its parent's connections.
    """

    def __init__(
        self,
        *,
        in_flight: int = 500,
        connect_timeout_s: float = 3.0,
        total_timeout_s: float = 20.0,
        max_body_bytes: int = 1 << 20,
        ca_bundle: str | None = None,
        permits: Permits | None = None,
    ) -> None:
        self._permits = permits
        self._limits = Limits(connect_timeout_s, total_timeout_s, max_body_bytes, ca_bundle)
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._waiting: deque[Channel] = deque()  # channels with a queue, in turn
        self._closing = False
        self._stopped = ""
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, in_flight)
        self._sockets = Sockets(self._multi)
        self._free = [self._new_lane() for _ in range(in_flight)]
        self._busy: set[Lane] = set()
        self._thread = threading.Thread(target=self._run, name="carrier-fanout", daemon=True)
        self._thread.start()

    def channel(self, last_look: Callable[[Outgoing], str | None]) -> Channel:
        """A channel whose requests are each looked at once more on the fan-out's thread, right
        before they are handed on, and again if the connection then took long. A returned string
        is the reason not to send. The look must be quick: everybody waits for it."""
        return Channel(self, last_look)

    def close(self) -> None:
        """Stop. What is queued ends NOT_SENT, what is under way UNKNOWN (or NOT_SENT)."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            self._closing = True
        self.wake()
        self._thread.join(self._limits.total_timeout_s)  # a look that hangs must not hang us

    def enqueue(self, channel: Channel, batch: Sequence[Outgoing]) -> None:
        """Queue for a channel. RuntimeError if this fan-out cannot send any more."""
        if os.getpid() != self._pid:
            raise RuntimeError("this fan-out belongs to the parent process")
        with self._lock:
            if self._closing or self._stopped:
                raise RuntimeError(self._stopped or "this fan-out is closed")
            if batch and not channel.queue:
                self._waiting.append(channel)
            channel.queue.extend(batch)
        if self._permits is not None:
            self._permits.asked.set()
        self.wake()

    def queued(self) -> int:
        """Requests that wait for a lane or a permit."""
        with self._lock:
            return sum(len(channel.queue) for channel in self._waiting)

    def dequeue(self, channel: Channel) -> list[Outgoing]:
        """Take a channel's queue away."""
        with self._lock:
            taken = list(channel.queue)
            channel.queue.clear()
            if taken:
                self._waiting.remove(channel)
        return taken

    def wake(self) -> None:
        """Look at the queue again: there may be new work or new permits."""
        self._sockets.wake()

    def _new_lane(self) -> Lane:
        return Lane(self._limits, self._permits)

    # Everything below runs on the fan-out's own thread.

    def _run(self) -> None:
        reason = "the fan-out was closed"
        try:
            while not self._closing:
                self._fill()
                self._turn()
                self._drain()
        except BaseException as trouble:
            reason = f"the fan-out failed ({type(trouble).__name__})"
            raise
        finally:
            self._give_up(reason)

    def _fill(self) -> None:
        """Hand queued requests to free lanes, the channels taking turns."""
        batch: list[tuple[Channel, Outgoing]] = []
        permits, now = self._permits, time.monotonic()
        with self._lock:
            while self._waiting and len(batch) < len(self._free):
                if permits is not None and not permits.take(now):
                    break
                channel = self._waiting.popleft()
                batch.append((channel, channel.queue.popleft()))
                if channel.queue:
                    self._waiting.append(channel)
        if not batch:
            return
        touched = set()
        for channel, outgoing in batch:
            refusal = last_look(channel.look, outgoing)
            if refusal is None:
                refusal = self._start(channel, outgoing, now)
            if refusal is not None:
                if permits is not None:
                    permits.ended(departed=False)
                channel.ready.append(refused(outgoing.key, refusal))
                touched.add(channel)
        for channel in touched:
            channel.announce()

    def _start(self, channel: Channel, outgoing: Outgoing, now: float) -> str | None:
        lane = self._free.pop()
        try:
            lane.load(outgoing, channel.look, channel, now)
        except (ValueError, TypeError, pycurl.error) as trouble:
            self._free.append(self._new_lane())
            return f"the request cannot be put on a wire ({type(trouble).__name__})"
        self._busy.add(lane)
        self._multi.add_handle(lane.easy)
        return None

    def _turn(self) -> None:
        """Let libcurl work on whatever is ready, waiting for it if nothing is."""
        multi = self._multi
        wait_ms = multi.timeout()
        if wait_ms == 0:
            _, running = multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
            # Some may be over already (out of time, refused): then there is nothing to wait for.
            wait_ms = multi.timeout() if running == len(self._busy) else 0
        if self._waiting and self._free:
            wait_ms = self._next_permit_ms(wait_ms)
        self._sockets.turn(wait_ms)

    def _next_permit_ms(self, wait_ms: float) -> float:
        """How long to wait, at most `wait_ms` (-1: for ever), with a request and a lane ready."""
        if self._permits is None:
            return 0
        permit_ms = 1000 * self._permits.wait_s(time.monotonic())
        return permit_ms if wait_ms < 0 else min(wait_ms, permit_ms)

    def _drain(self) -> None:
        """Turn finished transfers into answers."""
        now = time.monotonic()
        touched: set[Channel] = set()
        remaining = 1
        while remaining:
            remaining, done, failed = self._multi.info_read(1000)
            for easy in done:
                lane = easy.lane
                self._settle(lane, lane.answer(0, now), touched)
                self._free.append(lane)
            for easy, code, _ in failed:
                lane = easy.lane
                self._settle(lane, lane.answer(code, now), touched)
                # A handle that failed is not used again: libcurl has kept odd states after errors.
                self._free.append(self._new_lane())
        for channel in touched:
            channel.announce()

    def _settle(self, lane: Lane, answer: Answer, touched: set[Channel]) -> None:
        self._multi.remove_handle(lane.easy)
        self._busy.discard(lane)
        if self._permits is not None:
            self._permits.ended(departed=lane.departed)
        channel: Channel = lane.owner
        channel.ready.append(answer)
        touched.add(channel)

    def _give_up(self, reason: str) -> None:
        """Answer everything honestly and let go of libcurl."""
        with self._lock:
            self._stopped = reason
            channels = list(self._waiting)
            self._waiting.clear()
        touched = set(channels)
        for channel in channels:
            while channel.queue:
                channel.ready.append(unsent(channel.queue.popleft().key, reason))
        now = time.monotonic()
        for lane in list(self._busy):
            self._settle(lane, lane.lost(reason, now), touched)
        for channel in touched:
            channel.announce()
        self._multi.close()
        self._sockets.close()


_shared: tuple[Fanout, dict[str, Any]] | None = None
_shared_lock = threading.Lock()
_of_parents: list[Any] = []


def shared(**settings: Any) -> Fanout:
    """The fan-out of this process, made on first use with the settings of `Fanout`.

    Raises ValueError when asked again with other settings: its limits hold for everybody.
    """
    global _shared
    with _shared_lock:
        if _shared is None or _shared[0]._stopped:
            _shared = (Fanout(**settings), settings)
            atexit.register(_shared[0].close)
        if _shared[1] != settings:
            raise ValueError("the shared fan-out has other settings already")
        return _shared[0]


def _after_fork() -> None:
    """A child starts without a fan-out. The parent's is kept, unused: destroying it here would say
    good-bye on the parent's TLS connections."""
    global _shared, _shared_lock
    if _shared is not None:
        _of_parents.append(_shared)
    _shared, _shared_lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
