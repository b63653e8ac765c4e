"""What a schedule leaves behind, as plain values: the workload's own history of acts, the pretend
cloud's ledger and truth, and the rows of the portal. The checks know nothing else.

Moments are epoch seconds of one host's clock; business moments are named so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

# Blows under which an answer that reached this host may not reach the books.
LOSES_ANSWERS = ("kill", "pause", "warm", "cold", "database")
OK, FAIL, INFO = "ok", "fail", "info"  # info: nobody knows whether it happened


@dataclass(slots=True)
class Act:
    """Something a person did. ``event``, ``serial``: whom it was about."""

    kind: str
    invoked: float
    returned: float = 0.0
    outcome: str = INFO
    event: int = 0
    serial: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Blow:
    """Something the nemesis did, from when to when."""

    kind: str
    begins: float
    ends: float


@dataclass(frozen=True, slots=True)
class Request:
    """A line of the ledger. ``status`` 0: the cloud kept its answer to itself."""

    seq: int
    at: float
    business: float
    done: float | None
    method: str
    operation: str
    serial: str
    user: str
    status: int | None
    fault: str
    reason: str
    in_flight: int
    body: str
    sha256: str
    events: tuple[str, ...]  # wire ids it had an effect for
    effects: tuple[str, ...]

    @classmethod
    def of(cls, entry: dict[str, Any]) -> Request:
        """A request refused for its token names no serial but in its path."""
        found = re.match(r"/systems/([^/]+)/", entry["path"])
        serial = entry["serial"] or (found[1] if found else "")
        return cls(
            entry["seq"], entry["real_at"], entry["sim_at"], entry["done_real"], entry["method"],
            entry["operation"], serial, entry["user"], entry["status"], entry["fault"],
            entry["reason"], entry["in_flight"], entry["body"], entry["body_sha256"],
            tuple(effect["event_id"] for effect in entry["effects"]),
            tuple(effect["effect"] for effect in entry["effects"]),
        )  # fmt: skip

    @property
    def is_post(self) -> bool:
        return self.method == "POST" and self.operation == "POST utility_events"

    @property
    def is_recall(self) -> bool:
        return self.is_post and '"cancelled"' in self.body


@dataclass(frozen=True, slots=True)
class Live:
    """An entry in the list of a system, as the cloud really keeps it."""

    wire_id: str
    live: bool
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Truth:
    serial: str
    user: str
    peak_overlap: int
    events: tuple[Live, ...]

    def held(self, wire_id: str) -> int:
        return sum(one.live and one.wire_id == wire_id for one in self.events)


@dataclass(frozen=True, slots=True)
class EventFacts:
    """An event as the portal keeps it. ``last_send``, ``starts``, ``ends``: business time."""

    id: int
    wire_id: str
    state: str
    sha256: str
    starts: float
    ends: float
    last_send: float
    planned: float  # real


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt as the portal keeps it."""

    ended: float
    outcome: str
    status: int | None
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Row:
    """A delivery as the portal reports it."""

    id: int
    event: int
    serial: str
    user: str
    delivery: str
    reason: str
    trouble: str
    attempts: int
    grant: str
    enrollment: str
    recall: str = ""
    tries: tuple[Tried, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the portal's activity log."""

    verb: str
    subject: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """What was promised. Real seconds, except where named."""

    grace_s: float = 1.0  # from the commit of a stop to the last request
    total_s: float = 2.0
    in_flight: int = 12
    per_day: int = 1
    max_offset_f: float = 4.0
    max_length_s: float = 14400.0  # business
    hours: tuple[int, int] = (13, 21)  # local
    zone: str = "America/Chicago"
    token_life_s: float = 312.0
    renewed_before_s: float = 300.0


@dataclass(slots=True)
class Evidence:
    """Everything a check may look at."""

    rate: float = 1.0
    lies: bool = False
    bounds: Bounds = field(default_factory=Bounds)
    homes: dict[str, str] = field(default_factory=dict)  # serial -> user
    acts: list[Act] = field(default_factory=list)
    blows: list[Blow] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    truth: dict[str, Truth] = field(default_factory=dict)
    events: dict[int, EventFacts] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    log: list[Entry] = field(default_factory=list)
    grants: dict[str, str] = field(default_factory=dict)  # user -> state
    revoked: set[str] = field(default_factory=set)  # users who took their consent back
    revoked_by_reuse: int = 0
    held_as_restored: bool = False  # somebody believed the database had been restored
    # What "too many" said about waiting in this schedule: status -> seconds.
    retry_after: dict[int, float] = field(default_factory=dict)
    undecided: tuple[str, ...] = ()  # what the wait gave up on

    def is_recall(self, request: Request) -> bool:
        """A cancellation. One that was struck before its body was read looks like any other POST;
        it may be one where the portal was taking something back from this home."""
        if request.is_recall or not request.is_post:
            return request.is_recall
        asked = any(row.recall for row in self.rows if row.serial == request.serial)
        return not request.sha256 and asked

    def posts(self, event: EventFacts, serial: str) -> list[Request]:
        """POSTs of this event to this home. One that was struck before its body was read names no
        event: it counts where only one event of this home was planned by then."""
        found = []
        for request in self.requests:
            if not request.is_post or request.serial != serial:
                continue
            named = self.event_of(request)
            if named is not None and named.id == event.id:
                found.append(request)
        return found

    def event_of(self, request: Request) -> EventFacts | None:
        """The event of a POST; None where it cannot be told."""
        for event in self.events.values():
            if event.wire_id in request.events or (
                request.sha256 and event.wire_id in request.body
            ):
                return event
        if request.sha256:
            return None
        targeted = {row.event for row in self.rows if row.serial == request.serial and row.attempts}
        possible = [
            event
            for event in self.events.values()
            if event.id in targeted and event.planned <= request.at + 0.5
        ]
        return possible[0] if len(possible) == 1 else None

    def disturbed(self, begins: float, ends: float) -> bool:
        """Was somebody killed, paused or cut off from the database in this span?"""
        return any(
            blow.begins <= ends and blow.ends >= begins
            for blow in self.blows
            if blow.kind.startswith(LOSES_ANSWERS)
        )
