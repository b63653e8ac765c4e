"""A limit cut into shares: how many are whose, reckoned without asking anybody."""

from collections import deque
from dataclasses import dataclass, field

from base.locks import LockSpace

SHARES = 40  # at most, for each limit: what moves between processes is 2.5 % of it
# Kind and number of an advisory lock, below LockSpace.PACE.
RATE, LANES = 1, 2
WISH = 8  # added to the kind: the lock is shared, its number is how many shares are wished for


def fair_parts(wishes: dict[int, int], count: int, turn: int) -> dict[int, int]:
    """How many of ``count`` shares each process may hold, by what it wishes for.

    Small wishes are granted, the rest is split evenly. Everybody reckons this alone from the same
    locks. Where not everybody can have one, they take turns.
    """
    order = sorted(wishes, key=lambda pid: (wishes[pid], pid))
    if count < len(order):
        first = turn % len(order)
        order = order[first:] + order[:first]
    parts, left = {}, count
    for waiting, pid in zip(range(len(order), 0, -1), order, strict=True):
        parts[pid] = min(wishes[pid], left // waiting)
        left -= parts[pid]
    return parts


@dataclass(slots=True)
class Pool:
    """One limit, cut into shares, and what this process holds of it."""

    kind: int
    total: int
    dirty_s: float  # how long a share stays unused whose holder vanished
    count: int = field(init=False)
    held: dict[int, float] = field(default_factory=dict)  # share -> counts from (monotonic)
    # On their way back: 0.0 for those in use here, else counts from, and never used here.
    leaving: dict[int, float] = field(default_factory=dict)
    wishes: deque[int] = field(default_factory=lambda: deque([0], maxlen=4))
    published: int = 0
    last: list[int] = field(default_factory=list)  # those of the connection that broke

    def __post_init__(self) -> None:
        self.count = min(self.total, SHARES)

    def size(self, share: int) -> int:
        return self.total // self.count + (share < self.total % self.count)

    def wish(self, wanted: int) -> int:
        """Shares that hold so much, the most of the last second: queues come and go."""
        self.wishes.append(min(-(-wanted * self.count // self.total), self.count))
        return max(self.wishes)

    def ceiling(self, now: float) -> int:
        return sum(self.size(share) for share, counts in self.held.items() if counts <= now)

    def key(self, number: int, *, wish: bool = False) -> int:
        return LockSpace.PACE | (self.kind + wish * WISH) << 16 | number
