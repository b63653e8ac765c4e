"""All homes and systems: made when first asked for, so a hundred thousand of them cost nothing at
rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from carrier_sandbox.dice import Dice, shuffled
from carrier_sandbox.personas import PERSONAS, Persona, persona_codes
from carrier_sandbox.plans import Plan, first_plan
from carrier_sandbox.records import EventRecord
from carrier_sandbox.traits import HomeTraits, SystemTraits, home_traits, serial_of, system_traits
from carrier_sandbox.tree import Node

SECOND_SYSTEM_SHARE = 0.12


@dataclass(slots=True)
class System:
    """One wall control as the cloud knows it. Times are business epoch seconds."""

    number: int
    serial: str
    username: str
    persona: str
    seed: int
    generation: int = 0
    records: list[EventRecord] = field(default_factory=list)
    posts: int = 0
    offline_spans: list[tuple[float, float]] = field(default_factory=list)
    config_patch: Node = field(default_factory=dict)
    refreshed: dict[str, float] = field(default_factory=dict)
    heat_memory: tuple[int, int, list[float], list[float]] | None = None
    _traits: SystemTraits | None = None
    _plans: list[Plan] | None = None

    @property
    def traits(self) -> SystemTraits:
        """Equipment, rolled at first use."""
        if self._traits is None:
            rolled = system_traits(self.seed, self.number, self.persona)
            self._traits = replace(rolled, serial=self.serial)
        return self._traits

    @property
    def plans(self) -> list[Plan]:
        """What the wall control has been told, oldest first."""
        if self._plans is None:
            self._plans = [first_plan(self.traits)]
        return self._plans

    def plan_at(self, sim: float) -> Plan:
        """The settings in force at a time."""
        for plan in reversed(self.plans):
            if plan.since <= sim:
                return plan
        return self.plans[0]


class World:
    """The homes of one seed."""

    def __init__(self, homes: int, seed: int, shares: dict[str, float]) -> None:
        self.homes = homes
        self.seed = seed
        codes = bytearray(shuffled(persona_codes(homes, shares), Dice(seed, "personas")))
        friendly = max(codes.find(0), 0)  # home-0001 cooperates whenever anybody does
        codes[0], codes[friendly] = codes[friendly], codes[0]
        self._personas = bytes(codes)
        seconds = round(homes * SECOND_SYSTEM_SHARE)
        doubles = bytearray([1]) * seconds + bytearray(homes - seconds)
        self._doubles = shuffled(doubles, Dice(seed, "doubles"))
        self._systems: dict[str, System] = {}
        self._generations: dict[int, int] = {}

    def home_index(self, username: str) -> int | None:
        """The index of a home from its user name, or None."""
        digits = username[5:]
        if not username.startswith("home-") or not 4 <= len(digits) <= 9:
            return None
        if not digits.isascii() or not digits.isdigit():
            return None
        index = int(digits) - 1
        return index if 0 <= index < self.homes and username == f"home-{index + 1:04d}" else None

    def location_index(self, location_id: str) -> int | None:
        """The index of the home at a location, or None."""
        if not location_id.isascii() or not location_id.isdigit() or len(location_id) > 9:
            return None
        index = int(location_id) - 40001
        return index if 0 <= index < self.homes else None

    def home(self, index: int) -> HomeTraits:
        """The household at an index."""
        return home_traits(self.seed, index)

    def persona(self, index: int) -> Persona:
        """Who lives there."""
        return PERSONAS[self._personas[index]]

    def users_with(self, persona: str) -> list[str]:
        """Every user name of a persona."""
        code = next(i for i, known in enumerate(PERSONAS) if known.name == persona)
        return [f"home-{i + 1:04d}" for i, found in enumerate(self._personas) if found == code]

    def system(self, serial: str) -> System | None:
        """The system with this serial, or None; one whose wall control was replaced is gone."""
        found = self._systems.get(serial)
        if found is not None:
            return found if found.generation == self._generation(found.number) else None
        digits = serial[5:]
        if len(serial) != 11 or not digits.isascii() or not digits.isdigit():
            return None
        number = int(digits)
        index, second = divmod(number, 2)
        known = index < self.homes and serial == self._serial(number)
        if not known or (second and not self._doubles[index]):
            return None
        made = System(
            number, serial, f"home-{index + 1:04d}", self.persona(index).name, self.seed,
            self._generation(number),
        )  # fmt: skip
        self._systems[serial] = made
        return made

    def _generation(self, number: int) -> int:
        return self._generations.get(number, 0)

    def _serial(self, number: int) -> str:
        return serial_of(self.seed, number, self._generation(number))

    def ever(self, serial: str) -> System | None:
        """The system with this serial, also one that was replaced."""
        return self._systems.get(serial) or self.system(serial)

    def replace_control(self, system: System) -> str:
        """A new wall control in the same place; its serial. The old one is listed no more and
        answers nothing; what it held stays with it.
        """
        self._generations[system.number] = system.generation + 1
        return self._serial(system.number)

    def systems_of(self, index: int) -> list[System]:
        """The systems of one home."""
        numbers = (index * 2, index * 2 + 1) if self._doubles[index] else (index * 2,)
        found = (self.system(self._serial(number)) for number in numbers)
        return [system for system in found if system is not None]

    def restore(self, systems: list[System]) -> None:
        """Take over systems an earlier process knew."""
        self._systems.update((system.serial, system) for system in systems)
        for system in systems:
            newest = max(system.generation, self._generation(system.number))
            self._generations[system.number] = newest

    def touched(self) -> Iterator[System]:
        """Every system anybody has asked for so far, in order of number."""
        return iter(sorted(self._systems.values(), key=lambda system: system.number))
