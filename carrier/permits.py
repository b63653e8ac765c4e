"""How often and how many at once: rights that somebody outside hands to a fan-out.

A right is good for one request a second, counted from the moment its request left. However late a
thread wakes up or a connection opens, no second then holds more requests than there are rights; a
limit that divides time instead would have to be generous to a latecomer or exceed itself.
"""

from __future__ import annotations

import heapq
import threading
import time

# The hundredth above one second is for two requests that travel unequally long: the later one may
# be that much faster on its way. It costs one percent of the rate.
SECOND_S = 1.01
# Rights that became ready while nobody looked (a stall, a start) are used one after the other, not
# in one burst: the gap between two is this share of the even one. Below 1, so that a little
# lateness is made good.
GAP = 0.98
# Lateness that is made good at once, in seconds: the clocks of pollers tick in milliseconds.
GRACE_S = 0.01
# Where nothing can be said about the next right, ask again after this many seconds.
ASK_AGAIN_S = 0.1


class Permits:
    """What a fan-out may do until a moment; nothing at first, and nothing when that has passed.

    `paced`: requests per second are limited; `laned`: requests in flight are. The fan-out's thread
    takes and returns, another one calls `allow`. Moments are of the monotonic clock.
    """

    def __init__(self, *, paced: bool, laned: bool) -> None:
        self._lock = threading.Lock()
        self._until = 0.0
        self._rights: int | None = 0 if paced else None
        self._lanes: int | None = 0 if laned else None
        self._ready: list[float] = []  # a heap: when each right may be used
        self._unsent = 0  # rights taken whose requests have not left yet
        self._in_flight = 0
        self._next_at = 0.0
        self.asked = threading.Event()
        """Set whenever somebody wants to send; for the other thread to clear."""
        self._dropped: list[float] = []  # when rights that were taken away could be used again

    def allow(self, *, rights: int, lanes: int, until: float) -> None:
        """New ceilings and how long they hold. Rights above the ceiling go at once, those under way
        when they come back. Requests in flight end as they will."""
        with self._lock:
            self._until = until
            if self._lanes is not None:
                self._lanes = lanes
            if self._rights is None:
                return
            self._rights = rights
            self._drop(min(self._held() - rights, len(self._ready)))
            now = time.monotonic()
            for _ in range(rights - self._held()):
                heapq.heappush(self._ready, now)
            # The gap of fewer rights was wider.
            self._next_at = min(self._next_at, now + GAP / max(rights, 1))

    def dropped(self, count: int | None = None) -> float:
        """Forget that many rights that were taken away (None: all); from when on somebody else may
        use them. 0.0 if there are none."""
        with self._lock:
            self._dropped.sort()
            forgotten = self._dropped[:count]
            del self._dropped[:count]
            return max(forgotten, default=0.0)

    def freeze(self) -> None:
        """Hand out nothing more until `allow` is called again."""
        with self._lock:
            self._until = 0.0

    def in_use(self) -> tuple[int, int]:
        """Rights that exist here (ready, cooling or under way), requests in flight. Both can stand
        above their ceilings for a while."""
        with self._lock:
            return self._held(), self._in_flight

    # The fan-out's side.

    def take(self, now: float) -> bool:
        """A right and a lane for one request, if both can be had now."""
        with self._lock:
            if now >= self._until or self._full():
                return False
            if self._rights is not None and not self._take_right(now):
                return False
            self._in_flight += 1
            return True

    def wait_s(self, now: float) -> float:
        """How long `take` will go on to say no for lack of a right; at most ASK_AGAIN_S. Lanes that
        become free and new ceilings are told in other ways."""
        with self._lock:
            if now >= self._until or self._full() or self._rights is None or not self._ready:
                return ASK_AGAIN_S
            return min(max(self._ready[0] - now, self._next_at - now, 0.0), ASK_AGAIN_S)

    def departed(self) -> None:
        """A request that took a right leaves now."""
        with self._lock:
            if self._rights is not None:
                self._unsent -= 1
                self._put(time.monotonic() + SECOND_S)

    def leaves_again(self) -> bool:
        """libcurl repeats a GET by itself when a kept connection was dead: one more request, which
        needs one more right, now or not at all."""
        with self._lock:
            if self._rights is None:
                return True
            now = time.monotonic()
            if now >= self._until or not self._take_right(now):
                return False
            self._unsent -= 1
            self._put(now + SECOND_S)
            return True

    def ended(self, *, departed: bool) -> None:
        """A request is over. If it never left, its right can be used at once."""
        with self._lock:
            self._in_flight -= 1
            if self._rights is not None and not departed:
                self._unsent -= 1
                self._put(time.monotonic())

    def _full(self) -> bool:
        return self._lanes is not None and self._in_flight >= self._lanes

    def _held(self) -> int:
        return len(self._ready) + self._unsent

    def _take_right(self, now: float) -> bool:
        if not self._ready or self._ready[0] > now or self._next_at > now:
            return False
        heapq.heappop(self._ready)
        self._unsent += 1
        self._next_at = max(self._next_at, now - GRACE_S) + GAP / max(self._rights or 0, 1)
        return True

    def _put(self, ready_at: float) -> None:
        if self._rights is not None and self._held() < self._rights:
            heapq.heappush(self._ready, ready_at)
        else:
            self._dropped.append(ready_at)

    def _drop(self, count: int) -> None:
        """Let go of rights spread evenly over the second: if those ready next went, those that stay
        would all have to wait."""
        if count <= 0:
            return
        ready = sorted(self._ready)
        gone = {number * len(ready) // count for number in range(count)}
        self._dropped += [ready[number] for number in gone]
        self._ready = [at for number, at in enumerate(ready) if number not in gone]
