"""Requests for a fan-out, and what comes of one."""

from __future__ import annotations

from typing import Any

from carrier.fanout import Answer, Outgoing
from tests.unit.carrier.conftest import TOKEN

LONG = 20.0  # seconds nobody waits unless something is broken


def post(server_url: str, key: int = 0, **changes) -> Outgoing:
    values: dict[str, Any] = {
        "key": key,
        "method": "POST",
        "url": f"{server_url}/systems/S{key}/utility_events",
        "headers": [f"Authorization: Bearer {TOKEN}", "Content-Type: application/json"],
        "body": b'{"n":1}',
    }
    return Outgoing(**(values | changes))


def always(_: Outgoing) -> None:
    return None


def one(channel) -> Answer:
    (answer,) = channel.collect(at_most=1, wait_s=LONG)
    return answer
