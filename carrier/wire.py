"""The words of utility_events. Nothing else in the house may name one.

Known (contract 4.1): the root, the empty container `events`, the list `events.event[]` with its id
in `$.id` by the pattern of equipment_events. Everything inside an event is ASSUMED (4.6). When the
real specification arrives, this file changes, `WIRE_VERSION` changes, and nothing else.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Literal
from xml.etree import ElementTree

from .demand_event import DemandEvent, Fingerprint
from .parsing import SERIAL, Unreadable, attribute, integer, many, parse, root, text, utc, word

WIRE_VERSION = "assumed-1"
"""Stored with every message sent, so that an old body can always be read with the right words."""

JSON = "application/json"
XML = "application/xml"

Status = Literal["far", "near", "active", "completed", "cancelled", "unknown"]
Opt = Literal["optIn", "optOut", "none"]

_STATUSES: dict[str, Status] = {
    "far": "far",
    "near": "near",
    "active": "active",
    "completed": "completed",
    "cancelled": "cancelled",
}
_OPTS: dict[str, Opt] = {"optin": "optIn", "optout": "optOut"}
_DURATION = re.compile(
    r"P(?:(\d{1,4})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,8})(?:\.0+)?S)?)?"
)


@dataclass(frozen=True, slots=True)
class Message:
    """A body ready to send, with the vocabulary it was written in."""

    body: bytes
    content_type: str
    version: str


@dataclass(frozen=True, slots=True)
class ListedEvent:
    """One event as the server lists it. Times are aware UTC; None = not told.

    `event_id` is None where the server kept none; then only `fingerprint` is left to compare with
    `DemandEvent.fingerprint`, and it can be equal for two different events.
    """

    event_id: str | None
    modification: int
    start: datetime | None
    end: datetime | None
    status: Status
    opt: Opt
    opted_at: datetime | None
    fingerprint: Fingerprint


def events_url(base_url: str, serial: str) -> str:
    """The address of a system's utility_events (operations 22 and 23). ValueError: odd serial."""
    if not SERIAL.fullmatch(serial):
        raise ValueError("a serial is 1 to 32 letters, digits or hyphens")
    return f"{base_url.rstrip('/')}/systems/{serial}/utility_events"


def encode(event: DemandEvent, media: Literal["json", "xml"] = "json") -> Message:
    """The body of a POST. The same event always gives the same bytes."""
    members = _members(event)
    if media == "json":
        listed = {"$": {"id": event.event_id}, **members}
        document = {"utility_events": {"events": {"event": [listed]}}}
        body = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
        return Message(body, JSON, WIRE_VERSION)
    top = ElementTree.Element("utility_events")
    events = ElementTree.SubElement(top, "events")
    element = ElementTree.SubElement(events, "event", {"id": event.event_id})
    for name, value in members.items():
        ElementTree.SubElement(element, name).text = (
            ("true" if value else "false") if isinstance(value, bool) else str(value)
        )
    return Message(ElementTree.tostring(top, encoding="utf-8"), XML, WIRE_VERSION)


def _members(event: DemandEvent) -> dict[str, Any]:
    """The members of an event, in the order of the table in 4.6; absent ones are left out."""
    members: dict[str, Any] = {
        "modificationNumber": event.modification,
        "eventType": event.kind,
        "signalLevel": event.level,
        "price": None if event.price_cents is None else _plain(float(event.price_cents)),
        "start": event.start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "duration": _iso_duration(event.duration),
        "startRandomization": _iso_duration(event.start_randomization),
        "response": event.response,
        "offset": _plain(event.offset_f),
        "htAbs": _plain(event.heat_f),
        "clAbs": _plain(event.cool_f),
        "priority": event.priority,
        "testEvent": event.test,
        "message": event.message or None,
        "venId": event.ven_id or None,
        "vtnId": event.vtn_id or None,
        "status": "cancelled" if event.cancelled else None,
    }
    return {name: value for name, value in members.items() if value is not None}


def _plain(value: float | None) -> int | float | None:
    return int(value) if value is not None and float(value).is_integer() else value


def _iso_duration(length: timedelta) -> str:
    minutes, seconds = divmod(round(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if n]
    return "PT" + ("".join(parts) or "0S")


def decode(body: bytes, content_type: str) -> tuple[ListedEvent, ...]:
    """The events in a GET answer, in the server's order; () for the captured empty one (4.1).

    An event that lacks a member is listed with what it has: leaving it out would look like "our
    event is not there", which is the one mistake that leads to sending twice. For the same reason
    an answer that is no utility_events document raises `Unreadable` instead of listing nothing.
    """
    document = root(parse(body, content_type), "utility_events")
    container = document.get("events")
    if isinstance(container, list):
        containers = container
    else:
        containers = [] if container is None or container == "" else [container]
    listed = []
    for events in containers:
        if events is None:
            continue
        if not isinstance(events, dict):
            raise Unreadable("<events> holds no events")
        for event in many(events, "event"):
            if not isinstance(event, dict):
                raise Unreadable("an <event> has no members")
            listed.append(_listed(event))
    return tuple(listed)


def _listed(event: dict[str, Any]) -> ListedEvent:
    start = utc(event.get("start"))
    length = _read_duration(event.get("duration"))
    end = start + length if start is not None and length is not None else None
    status = (word(event.get("status")) or "").lower()
    return ListedEvent(
        event_id=attribute(event, "id") or text(event.get("id")),
        modification=integer(event.get("modificationNumber")) or 0,
        start=start,
        end=end,
        status=_STATUSES.get(status, "unknown"),
        opt=_OPTS.get((word(event.get("optType")) or "").lower(), "none"),
        opted_at=utc(event.get("optTime")),
        fingerprint=(
            (word(event.get("eventType")) or "").lower(),
            start,
            end,
            integer(event.get("signalLevel")),
            _decimal(event.get("price")),
        ),
    )


def _read_duration(value: Any) -> timedelta | None:
    found = _DURATION.fullmatch(word(value) or "")
    if found is None or not any(found.groups()):
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _decimal(value: Any) -> Decimal | None:
    said = None if isinstance(value, bool) else word(value)
    try:
        result = Decimal(said) if said is not None else None
    except InvalidOperation:
        return None
    return result if result is not None and result.is_finite() else None
