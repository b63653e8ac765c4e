"""POST utility_events: read the body, judge it, change the system's list. Everything here is
ASSUMED (contract page 4.6, payload ``assumed-1``); no public source shows a body.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from carrier_sandbox.clock import Moment
from carrier_sandbox.records import EventRecord
from carrier_sandbox.tree import Malformed, Node, id_of, many, must_print, text_of
from carrier_sandbox.variants import Variants
from carrier_sandbox.world import System

DAY_S = 86400.0
_DURATION = re.compile(r"P(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})S)?)?")
_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?Z")


@dataclass(frozen=True, slots=True)
class SentEvent:
    """One event of a posted body, checked. Times in business epoch seconds."""

    event_id: str
    modification: int
    cancel: bool
    start: float
    end: float
    randomization_s: float
    members: Node


@dataclass(frozen=True, slots=True)
class Effect:
    """What one posted event did: created, replaced, merged, added, cancelled or ignored (with the
    reason).
    """

    event_id: str
    wire_id: str
    modification: int
    effect: str
    effect_real: float
    effect_sim: float


@lru_cache(maxsize=4096)
def duration_s(text: str) -> float:
    """Seconds of an ISO 8601 duration of days, hours, minutes and seconds."""
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        raise Malformed("a duration must be ISO 8601, as PT2H")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(days * 86400 + hours * 3600 + minutes * 60 + seconds)


@lru_cache(maxsize=4096)
def utc_s(text: str) -> float:
    """Epoch seconds of a UTC time that ends in Z."""
    if not _UTC.fullmatch(text):
        raise Malformed("start must be UTC, as 2025-07-15T20:00:00Z")
    try:
        return datetime.fromisoformat(text[:-1]).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise Malformed("start must be a real date and time") from None


def _whole(node: Node, name: str, low: int, high: int) -> int:
    value = node.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        text = text_of(value)
        if not text.isascii() or not text.isdigit() or len(text) > 12:
            raise Malformed(f"{name} must be a whole number")
        number = int(text)
    if not low <= number <= high:
        raise Malformed(f"{name} must be from {low} to {high}")
    return number


def _decimal(node: Node, name: str, low: float, high: float) -> float:
    try:
        number = float(text_of(node.get(name)))
    except ValueError:
        raise Malformed(f"{name} must be a number") from None
    if not low <= number <= high:
        raise Malformed(f"{name} must be from {low:g} to {high:g}")
    return number


def decode(tree: Node) -> list[SentEvent]:
    """The events of a body; raises Malformed with a sentence on the first thing wrong."""
    box = tree.get("utility_events")
    inner = box.get("events") if isinstance(box, dict) else None
    nodes = many(inner.get("event") if isinstance(inner, dict) else None)
    if not nodes:
        raise Malformed("utility_events.events.event is missing")
    return [_decode_one(node) for node in nodes]


def _decode_one(node: object) -> SentEvent:
    if not isinstance(node, dict):
        raise Malformed("an event must be an object")
    event_id = must_print(id_of(node))
    if not 1 <= len(event_id) <= 64:
        raise Malformed("an event needs an id of 1 to 64 characters")
    modification = _whole(node, "modificationNumber", 0, 10**9)
    members: Node = {"modificationNumber": modification, "eventType": node.get("eventType")}
    if members["eventType"] == "demand":
        members["signalLevel"] = _whole(node, "signalLevel", 0, 3)
    elif members["eventType"] == "price":
        members["price"] = _decimal(node, "price", -1000, 100000)
    else:
        raise Malformed("eventType must be demand or price")
    start = utc_s(text_of(node.get("start")))
    length = duration_s(text_of(node.get("duration")))
    if not 0 < length <= DAY_S:
        raise Malformed("duration must be more than nothing and at most 24 hours")
    randomization = duration_s(text_of(node.get("startRandomization") or "PT0S"))
    if randomization >= length:
        raise Malformed("startRandomization must be shorter than duration")
    members |= {"start": node["start"], "duration": node["duration"]}
    members["startRandomization"] = node.get("startRandomization") or "PT0S"
    _decode_response(node, members)
    _decode_rest(node, members)
    status = node.get("status")
    if status not in (None, "cancelled"):
        raise Malformed("status may only be cancelled")
    return SentEvent(
        event_id, modification, status == "cancelled", start, start + length, randomization, members
    )


def _decode_response(node: Node, members: Node) -> None:
    how = node.get("response") or "customer"
    members["response"] = how
    if how == "offset":
        members["offset"] = _decimal(node, "offset", 1, 10)
    elif how == "absolute":
        heat = members["htAbs"] = _decimal(node, "htAbs", 50, 90)
        cool = members["clAbs"] = _decimal(node, "clAbs", 50, 90)
        if cool - heat < 2:
            raise Malformed("clAbs must be at least 2 degrees above htAbs")
    elif how != "customer":
        raise Malformed("response must be customer, offset or absolute")


def _decode_rest(node: Node, members: Node) -> None:
    if node.get("priority") is not None:
        members["priority"] = _whole(node, "priority", 0, 10**6)
    if node.get("testEvent") is not None:
        text = text_of(node["testEvent"])
        if text not in ("true", "false"):
            raise Malformed("testEvent must be true or false")
        members["testEvent"] = text == "true"
    for name, most in (("message", 160), ("venId", 128), ("vtnId", 128)):
        if node.get(name) is not None:
            text = must_print(text_of(node[name]))
            if len(text) > most:
                raise Malformed(f"{name} may have at most {most} characters")
            members[name] = text


def check(system: System, sent: SentEvent, variants: Variants, now: Moment) -> None:
    """Everything a body can be refused for that depends on the list; changes nothing."""
    if variants.ids == "rejected":
        raise Malformed("the event id is assigned by the server")
    if sent.cancel and variants.cancel == "rejected":
        raise Malformed("an event cannot be cancelled")
    new = _newest(system, sent.event_id) is None
    if new and not sent.cancel and sent.start < now.sim and variants.late_start == "rejected":
        raise Malformed("start must not be past")


def _newest(system: System, wire_id: str) -> EventRecord | None:
    for record in reversed(system.records):
        if record.wire_id == wire_id and not record.removed_by:
            return record
    return None


def apply(
    system: System, sent: SentEvent, variants: Variants, now: Moment, late: Moment, seq: int
) -> Effect:
    """Carry one checked event into the list; ``late`` is when it takes effect (now, as a rule)."""
    before = _newest(system, sent.event_id)
    if sent.cancel:
        effect, wire_id = _cancel(system, before, sent, variants, now, late, seq)
    elif before is None:
        effect, wire_id = "created", _add(system, sent, variants, now, late, seq)
    else:
        effect, wire_id = _second(system, before, sent, variants, now, late, seq)
    return Effect(sent.event_id, wire_id, sent.modification, effect, late.real, late.sim)


def _cancel(
    system: System, before: EventRecord | None, sent: SentEvent, variants: Variants,
    now: Moment, late: Moment, seq: int,
) -> tuple[str, str]:  # fmt: skip
    if variants.cancel == "new_event":
        return "added", _add(system, sent, variants, now, late, seq)
    if before is None:
        return "ignored: no such event", sent.event_id
    if variants.cancel == "ignored":
        return "ignored: cancel has no effect", before.wire_id
    if sent.modification <= before.modification:
        return "ignored: modificationNumber is not higher", before.wire_id
    before.modification = sent.modification
    before.members = {**before.members, "modificationNumber": sent.modification}
    before.remove("cancelled", late.real, late.sim)
    return "cancelled", before.wire_id


def _second(
    system: System, before: EventRecord, sent: SentEvent, variants: Variants,
    now: Moment, late: Moment, seq: int,
) -> tuple[str, str]:  # fmt: skip
    way = variants.second_post
    if way == "adds":
        return "added", _add(system, sent, variants, now, late, seq)
    if way == "merges":
        before.modification = max(before.modification, sent.modification)
        before.members = {**before.members, **sent.members}
        before.start, before.end = sent.start, sent.end
        before.randomization_s = sent.randomization_s
        return "merged", before.wire_id
    if way == "by_modification" and sent.modification < before.modification:
        return "ignored: modificationNumber is lower", before.wire_id
    if way == "by_modification" and sent.modification == before.modification:
        return "merged", before.wire_id
    before.remove("replaced", late.real, late.sim)
    return "replaced", _add(system, sent, variants, now, late, seq, before.wire_id)


def _add(
    system: System, sent: SentEvent, variants: Variants, now: Moment, late: Moment, seq: int,
    wire_id: str = "",
) -> str:  # fmt: skip
    if not wire_id:
        wire_id = sent.event_id if variants.ids != "ignored" else f"CE-{seq:08d}"
    system.records.append(
        EventRecord(
            wire_id, sent.event_id, sent.modification, sent.members, sent.start, sent.end,
            sent.randomization_s, now.real, now.sim, late.real, late.sim, seq,
        )
    )  # fmt: skip
    return wire_id
