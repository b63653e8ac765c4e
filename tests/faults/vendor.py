"""The pretend cloud of a schedule: which habits it has, and which faults its dice may throw."""

from __future__ import annotations

import random
from typing import Any

POST, LIST = "POST utility_events", "GET utility_events"
STATUS, TOKEN = "GET status", "POST oauth/token"


def variants(dice: random.Random, groups: tuple[str, ...]) -> tuple[dict[str, Any], bool]:
    """The worst case most of the time: a second POST adds an event."""
    lies = "lies" in groups
    effect = dice.choice((0.0, 0.0, 0.3, 0.8))
    chosen: dict[str, Any] = {
        "second_post": dice.choices(
            ("adds", "by_modification", "replaces", "merges"), (8, 1, 1, 1)
        )[0],
        "ids": dice.choices(("honoured", "ignored"), (7, 3))[0],
        "answer": dice.choices(("document", "empty", "text", "error_body"), (6, 2, 1, 1))[0],
        "listing": dice.choices(("fresh", "reordered"), (3, 1))[0],
        "late_start": dice.choices(("accepted", "rejected"), (3, 1))[0],
        "effect_delay_s": effect,
        "list_delay_s": dice.choice((0.0, 0.0, 0.15)),
        "refresh_grace_s": dice.choice((0.0, 30.0)),
    }
    if lies:
        chosen["listing"] = dice.choice(("empty", "frozen"))
    return chosen, lies


def rules(dice: random.Random, groups: tuple[str, ...]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if "refusals" in groups:
        found += [_rule(POST, "error_before", 0.03, status=status) for status in (400, 403, 404)]
    if "circuit" in groups:
        found.append(_rule(POST, "error_before", 0.04, status=dice.choice((405, 406)), count=2))
    if "tokens" in groups:
        found.append(_rule(POST, "unauthorized", 0.08))
        found.append(_rule(POST, "token_revoked", 0.02))
        found.append(_rule(LIST, "unauthorized", 0.05))
        for kind in ("error_before", "error_after", "hang_after", "reset_after"):
            found.append(_rule(TOKEN, kind, 0.04))
    if "vendor" in groups or "lies" in groups:
        found += [
            _rule(POST, kind, dice.uniform(0.03, 0.12), **more)
            for kind, more in dice.sample(_POST_KINDS, 6)
        ]
        found += [
            _rule(LIST, kind, dice.uniform(0.02, 0.08), **more)
            for kind, more in dice.sample(_LIST_KINDS, 3)
        ]
        found.append(_rule(STATUS, "garbage", 0.05))
    # A wave that takes a while: otherwise nothing would be under way when something breaks.
    found.append(_rule(POST, "delay", 0.5, seconds=dice.uniform(0.4, 1.1)))
    found.append(_rule(POST, "delay_after", 0.6, seconds=dice.uniform(0.2, 0.9)))
    return found


def _rule(operation: str, kind: str, probability: float, **settings: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "match": {"operation": operation},
        "probability": round(probability, 3),
        **settings,
    }


_POST_KINDS: list[tuple[str, dict[str, Any]]] = [
    ("error_before", {"status": 500}),
    ("error_before", {"status": 503}),
    ("error_before", {"status": 408}),
    ("error_after", {"status": 500}),
    ("error_after", {"status": 502}),
    ("too_many", {"retry_after": "2"}),
    ("too_many", {"retry_after": None}),
    ("too_many", {"status": 503, "retry_after": "3"}),
    ("hang_before", {"seconds": 6.0}),
    ("hang_after", {"seconds": 6.0}),
    ("reset_before", {}),
    ("reset_after", {}),
    ("redirect", {"status": 307}),
    ("empty_body", {}),
    ("error_body", {}),
    ("garbage", {}),
    ("web_page", {}),
    ("drip", {"seconds_per_byte": 0.4}),
    ("endless_body", {}),
    ("big_body", {"megabytes": 4}),
    ("gzip_bomb", {"megabytes": 20}),
]
_LIST_KINDS: list[tuple[str, dict[str, Any]]] = [
    ("error_before", {"status": 500}),
    ("too_many", {"retry_after": "1"}),
    ("hang_before", {"seconds": 6.0}),
    ("reset_after", {}),
    ("empty_body", {}),
    ("garbage", {}),
    ("web_page", {}),
    ("delay_after", {"seconds": 1.0}),
    ("drip", {"seconds_per_byte": 0.4}),
]
