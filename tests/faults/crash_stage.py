"""What the guard tests share: a guard, its scenario, and how both are played with it on and off."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

from tests.faults.crash_guards import OFF, Switch
from tests.faults.crash_mortals import Mortals
from tests.faults.crash_town import Town


@dataclass
class Stage:
    """Where a scenario is played. ``off`` names the guard's switch for a child; ``here`` turns it
    off in this process. With the guard on, both do nothing."""

    town: Town
    mortals: Mortals
    off: list[str]
    here: Switch


@dataclass(frozen=True)
class Guard:
    """``scenario`` returns what the pretend cloud saw: ``good`` with the guard on, ``broken`` with
    it off. ``off``: the switch, or its name in crash_guards for a child."""

    scenario: Callable[[Stage], list[int]]
    good: list[int]
    broken: list[int]
    off: str | Switch


def play(guard: Guard, on: bool, town: Town, mortals: Mortals) -> None:
    off: list[str] = []
    here: Switch = nullcontext
    if not on and isinstance(guard.off, str):
        assert guard.off in OFF
        off = [guard.off]
    elif not on and not isinstance(guard.off, str):
        here = guard.off
    seen, wanted = (
        guard.scenario(Stage(town, mortals, off, here)),
        guard.good if on else guard.broken,
    )
    assert seen == wanted, f"the cloud saw {seen}, not {wanted}"
