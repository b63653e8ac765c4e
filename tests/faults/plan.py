"""One seed, one schedule: what people do and what breaks, and when. Pure: nothing happens here.

The same seed gives the same plan. The interleaving of real processes is theirs alone; the plan is
what a replay holds on to.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tests.faults import vendor

# What a nemesis can be made of. A schedule takes a few of them.
GROUPS = (
    "workers", "broker", "database", "vendor", "refusals", "tokens", "messages", "clock",
    "people", "stop", "circuit", "deadline", "lies",
)  # fmt: skip
SECONDS = 7.0
BOOT_S = 3.5  # of a worker


@dataclass(frozen=True, slots=True)
class Step:
    """At ``at`` seconds into the schedule, do ``what``."""

    at: float
    what: str
    args: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wish:
    """An event somebody plans: minutes after 13:00 local, and which half of the homes."""

    name: str
    start: int
    length: int
    postal: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """``rate``: business seconds per real second. ``lies``: the lists lie, and go on doing so."""

    seed: int
    systems: int
    groups: tuple[str, ...]
    rate: float
    lies: bool
    per_day: int
    early_expiry: float  # share of homes whose token is believed to end soon
    variants: dict[str, Any]
    rules: list[dict[str, Any]]
    wishes: tuple[Wish, ...]
    steps: tuple[Step, ...]


def plan(seed: int, systems: int, groups: tuple[str, ...] = ()) -> Plan:
    """The schedule of a seed; ``groups`` to choose the faults instead of the dice."""
    dice = random.Random(seed)
    drawn = _draw_groups(dice)
    groups = groups or drawn
    variants, lies = vendor.variants(dice, groups)
    wishes = tuple(_wishes(dice, groups))
    steps = [Step(0.1 + 1.6 * number, "plan", {"wish": number}) for number in range(len(wishes))]
    for group in groups:
        steps += _STEPS.get(group, _nothing)(dice, wishes)
    if "clock" in groups:  # everything else waits until the worker with the wrong clock is up
        steps = [replace(step, at=step.at + BOOT_S) for step in steps if step.what != "skew"]
        wrong = dice.choice((-7200.0, 7200.0, -90.0, 90.0, 1.0))
        steps.append(Step(0.0, "skew", {"worker": dice.choice((1, 2)), "seconds": wrong}))
    return Plan(
        seed=seed,
        systems=systems,
        groups=groups,
        rate=400.0 if "deadline" in groups else 1.0,
        lies=lies,
        per_day=dice.choice((1, 2)),
        early_expiry=0.6 if "tokens" in groups else 0.1,
        variants=variants,
        rules=vendor.rules(dice, groups),
        wishes=wishes,
        steps=tuple(sorted(steps, key=lambda step: step.at)),
    )


def _draw_groups(dice: random.Random) -> tuple[str, ...]:
    weights = {
        "deadline": 0.12,
        "lies": 0.1,
        "vendor": 0.85,
        "refusals": 0.3,
        "stop": 0.25,
        "circuit": 0.08,
    }
    found = tuple(name for name in GROUPS if dice.random() < weights.get(name, 0.4))
    return found or ("workers", "vendor")


def _wishes(dice: random.Random, groups: tuple[str, ...]) -> Iterator[Wish]:
    if "deadline" in groups:
        # Starts 40 business minutes after it is planned, too late 10 minutes later.
        yield Wish("short", 45, 40)
        return
    yield Wish("all", 60, 120)
    if dice.random() < 0.6:
        yield Wish("half", 120, 120, "62701")  # overlaps the first one
    if dice.random() < 0.5:
        yield Wish("evening", 270, 120, "62702")


# --- steps ------------------------------------------------------------------------------------
def _when(dice: random.Random, latest: float = SECONDS) -> float:
    return round(dice.uniform(0.5, latest), 3)


def _nothing(dice: random.Random, wishes: tuple[Wish, ...]) -> list[Step]:
    return []


def _workers(dice: random.Random, wishes: tuple[Wish, ...]) -> list[Step]:
    """Each worker gets one or two blows; one that was ended is started again a moment later."""
    steps = []
    for number in range(3):
        at = _when(dice, SECONDS / 2)
        for _ in range(dice.choice((1, 2))):
            blow = dice.choice(
                ("kill", "kill_child", "pause", "pause", "pause_child", "warm", "cold")
            )
            steps.append(Step(at, blow, {"worker": number, "dice": dice.randrange(1000)}))
            gone = round(dice.uniform(0.2, 6.8), 3)  # up to beyond the lease
            if blow in ("pause", "pause_child"):
                steps.append(Step(at + gone, "go_on", {"worker": number}))
            elif blow != "kill_child":
                steps.append(Step(at + min(gone, 1.5), "restart", {"worker": number}))
            at = round(at + gone + dice.uniform(0.2, 1.5), 3)
    return steps


def _broker(dice: random.Random, wishes: tuple[Wish, ...]) -> list[Step]:
    steps = []
    at = _when(dice, 2.0)
    for blow in dice.sample(("broker_kill", "broker_hang", "broker_fill", "broker_flush"), 2):
        steps.append(Step(at, blow))
        length = round(dice.uniform(1.0, 4.0), 3)
        if blow != "broker_flush":
            steps.append(Step(at + length, "broker_mend"))
        at = round(at + length + 0.5, 3)
    return steps


def _database(dice: random.Random, wishes: tuple[Wish, ...]) -> list[Step]:
    steps = []
    for _ in range(dice.choice((1, 2))):
        blow = dice.choice(
            ("db_fast", "db_immediate", "db_kill", "db_backend_kill", "db_cut", "db_cut")
        )
        steps.append(Step(_when(dice, 6.0), blow, {"dice": dice.randrange(1000)}))
    return steps


def _tokens(dice: random.Random, wishes: tuple[Wish, ...]) -> list[Step]:
    steps = [Step(_when(dice), "revoke", {"home": dice.random()}) for _ in range(2)]
    return [*steps, Step(_when(dice, 4.0), "expire", {"share": 0.3, "dice": dice.randrange(1000)})]


def _messages(dice: random.Random, wishes: tuple[Wish, ...]) -> list[Step]:
    steps = [Step(_when(dice), "ring_again", {"dice": dice.randrange(1000)}) for _ in range(4)]
    return [*steps, Step(_when(dice, 3.0), "sweep")]


def _clock(dice: random.Random, wishes: tuple[Wish, ...]) -> list[Step]:
    """Business time may only go forward; the beats stand still. (Wrong clocks: see ``plan``.)"""
    steps = [Step(_when(dice), "skip", {"minutes": dice.uniform(0.5, 4.0)}) for _ in range(2)]
    steps.append(Step(_when(dice, 5.0), "expire", {"share": 0.3, "dice": dice.randrange(1000)}))
    still = _when(dice, 3.0)
    return [*steps, Step(still, "beats_still"), Step(still + 4.0, "beats_go_on")]


def _people(dice: random.Random, wishes: tuple[Wish, ...]) -> list[Step]:
    steps = []
    for _ in range(6):
        event = dice.randrange(len(wishes))
        at = round(1.6 * event + dice.uniform(0.2, 5.0), 3)
        steps.append(Step(at, "opt_out", {"wish": event, "home": dice.random()}))
    for what in ("pause_home", "pause_home", "withdraw"):
        steps.append(Step(_when(dice, 5.0), what, {"home": dice.random()}))
    if dice.random() < 0.6:
        event = dice.randrange(len(wishes))
        at = round(1.6 * event + dice.uniform(0.4, 4.0), 3)
        steps.append(Step(at, "cancel", {"wish": event}))
        if dice.random() < 0.3:
            steps.append(Step(at + 0.01, "cancel", {"wish": event}))
    return steps


def _stop(dice: random.Random, wishes: tuple[Wish, ...]) -> list[Step]:
    at = _when(dice, 4.0)
    return [Step(at, "stop"), Step(round(at + dice.uniform(1.5, 3.5), 3), "release")]


_STEPS: dict[str, Any] = {
    "workers": _workers,
    "broker": _broker,
    "database": _database,
    "tokens": _tokens,
    "messages": _messages,
    "clock": _clock,
    "people": _people,
    "stop": _stop,
}
