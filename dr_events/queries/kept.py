"""What is counted of an event once it is closed (operations.counting), beside its tally."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Kept:
    """What is counted of a closed event only. ``p50_s`` and ``p99_s``: real seconds until Carrier
    had accepted, from the release or (not ``at_once``) from the first request. ``change_f``: how
    much warmer ``change_homes`` homes that took part became, on average."""

    p50_s: float | None
    p99_s: float | None
    at_once: bool
    change_f: float | None
    change_homes: int
    # Homes whose acceptance was timed, and the requests: how many, milliseconds each took.
    homes: int
    requests: int
    request_p50_ms: float | None
    request_p99_ms: float | None


def kept_of(counts: dict[str, Any]) -> Kept:
    """As operations.counting wrote it; older ones know of no change."""
    timing, warmth = counts["timing"], counts.get("warmth") or {}
    p50, p99 = timing["told_s"] or (None, None)
    quick, slow = timing["requests_ms"] or (None, None)
    return Kept(
        p50,
        p99,
        bool(timing["at_once"]),
        warmth.get("change_f"),
        warmth.get("homes", 0),
        timing["homes"],
        timing["requests"],
        quick,
        slow,
    )
