"""A history made by hand in which nothing is wrong, for tests that spoil it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.faults.history import (
    Act,
    EventFacts,
    Evidence,
    Live,
    Request,
    Row,
    Tried,
    Truth,
)

START = datetime(2026, 7, 14, 15, tzinfo=ZoneInfo("America/Chicago")).timestamp()
END = START + 7200.0
SERIAL, USER, WIRE = "2319W004821", "home-0001", "op-1"
BODY = '{"utility_events": {"events": {"event": [{"$": {"id": "op-1"}, "offset": 3}]}}}'


def post(seq: int, at: float, status: int = 200, **changes: Any) -> Request:
    """A POST of the event to the home, received ``at`` seconds into the schedule."""
    done = Request(
        seq=seq, at=at, business=START - 3600 + at, done=at + 0.1, method="POST",
        operation="POST utility_events", serial=SERIAL, user=USER, status=status, fault="",
        reason="", in_flight=1, body=BODY, sha256="right", events=(WIRE,), effects=("created",),
    )  # fmt: skip
    return replace(done, **changes)


def tried(request: Request) -> Tried:
    return Tried(request.at + 0.2, "ANSWERED", request.status)


def good() -> Evidence:
    """One home, one event, one POST, one 200, and everybody agrees."""
    row = Row(
        7, 1, SERIAL, USER, "CONFIRMED", "", "", 1, "ACTIVE", "ACTIVE",
        tries=(tried(post(1, 1.0)),),
    )  # fmt: skip
    return Evidence(
        homes={SERIAL: USER},
        requests=[post(1, 1.0)],
        truth={SERIAL: Truth(SERIAL, USER, 1, (Live(WIRE, True, START, END),))},
        events={1: EventFacts(1, WIRE, "COMPLETED", "right", START, END, END - 1800.0, 0.0)},
        rows=[row],
        grants={USER: "ACTIVE"},
    )


def sentences(check: Callable[[Evidence], Iterator[str]], evidence: Evidence) -> list[str]:
    return list(check(evidence))


def change_row(evidence: Evidence, **changes: Any) -> None:
    evidence.rows = [replace(evidence.rows[0], **changes)]


def did(kind: str, at: float, outcome: str = "ok", **more: Any) -> Act:
    return Act(kind, at - 0.05, at, outcome, **more)
