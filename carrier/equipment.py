"""The machines, as Carrier describes them: energy, dealer, units, faults (contract 3.7-3.16, 6.2).

Same rules as home.py: frozen, tolerant, `raw` without secrets, °F, aware UTC. Lighter, since
the portal reads few of the members; the rest is in `raw`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from .home import Document
from .parsing import (
    Tree,
    attribute,
    child,
    flag,
    integer,
    many,
    moment,
    number,
    redact,
    root,
    text,
    utc,
    word,
)

_ELECTRIC = ("cooling", "hpheat", "eheat", "reheat", "fan", "fangas", "looppump")

# Share of full speed of stages 1 to 5, from the rated speeds in section 6.2.
_STAGE_FRACTION = {0: 0.0, 1: 0.35, 2: 0.57, 3: 0.65, 4: 0.84, 5: 1.0}


def running(opstat: str | None) -> tuple[bool, float | None]:
    """Whether a unit runs, and at what fraction (0-1) of full output if that is known (6.2).

    An opstat nobody has seen before, or none, is (False, None): do not count it as load.
    """
    said = (opstat or "").strip().lower()
    if said == "off":
        return False, 0.0
    if said in ("dehumidify", "defrost", "low", "med", "high"):
        return True, None
    if said.startswith("stage "):
        stage = integer(said.removeprefix("stage "))
        fraction = _STAGE_FRACTION.get(stage) if stage is not None else None
        return bool(fraction), fraction
    percent = number(said)
    if percent is None or not 0 <= percent <= 100:
        return False, None
    return percent > 0, percent / 100


@dataclass(frozen=True, kw_only=True)
class Energy(Document):
    """Operation 9. Periods are day1 (yesterday), day2, month1, month2, year1, year2 (3.7).

    `usage` is kWh for the electric categories; `gas` is hundredths of the gas unit. `cost` is in
    the homeowner's currency at the rate typed into the wall control, not at any tariff.
    """

    timestamp: datetime | None
    seer: float | None
    hspf: float | None
    usage: Mapping[str, Mapping[str, float]]
    cost: Mapping[str, Mapping[str, float]]

    def electric_kwh(self, period: str) -> float | None:
        """All electric categories of a period together (6.3); None if it is not listed."""
        of_period = self.usage.get(period)
        return None if of_period is None else sum(of_period.get(c, 0.0) for c in _ELECTRIC)

    @classmethod
    def of(cls, tree: Tree) -> Self:
        energy = root(tree, "energy")
        return cls(
            timestamp=utc(energy.get("timestamp")),
            seer=number(energy.get("seer")),
            hspf=number(energy.get("hspf")),
            usage=_periods(child(energy, "usage")),
            cost=_periods(child(energy, "cost")),
            raw=redact(tree),
        )


def _periods(block: Tree) -> dict[str, dict[str, float]]:
    periods = (p for p in many(block, "period") if isinstance(p, dict))
    return {attribute(p, "id") or "": _numbers(p) for p in periods}


def _numbers(block: Tree) -> dict[str, float]:
    found = {name: number(value) for name, value in block.items() if name != "$"}
    return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Dealer(Document):
    """Operation 10."""

    name: str | None
    phone: str | None
    email: str | None
    url: str | None

    @classmethod
    def of(cls, tree: Tree) -> Self:
        dealer = root(tree, "dealer")
        names = ("name", "phone", "email", "url")
        return cls(**{n: word(dealer.get(n)) for n in names}, raw=redact(tree))


@dataclass(frozen=True, kw_only=True)
class OduConfig(Document):
    """Operation 11. Curtail settings permit the utility relay's input (4.3)."""

    timestamp: datetime | None
    type: str | None
    curtail_cool: str | None
    curtail_heat: str | None
    min_cool_stage: int | None
    max_cool_stage: int | None

    @classmethod
    def of(cls, tree: Tree) -> Self:
        odu = root(tree, "odu_config")
        return cls(
            timestamp=utc(odu.get("timestamp")),
            type=text(odu.get("odutype")),
            curtail_cool=word(odu.get("curtailcool")),
            curtail_heat=word(odu.get("curtailheat")),
            min_cool_stage=integer(odu.get("mincoolstage")),
            max_cool_stage=integer(odu.get("maxcoolstage")),
            raw=redact(tree),
        )


@dataclass(frozen=True, kw_only=True)
class OduStatus(Document):
    """Operation 12. Can be a day old: check `timestamp`, ask with operation 13 (5)."""

    timestamp: datetime | None
    type: str | None
    opstat: str | None
    opmode: str | None
    outdoor_f: float | None
    compressor_rpm: float | None
    line_volts: float | None
    line_amps: float | None
    locked_out: bool | None
    curtailed: bool | None

    @classmethod
    def of(cls, tree: Tree) -> Self:
        odu = root(tree, "odu_status")
        return cls(
            timestamp=utc(odu.get("timestamp")),
            type=text(odu.get("odutype")),
            opstat=text(odu.get("opstat")),
            opmode=text(odu.get("opmode")),
            outdoor_f=number(odu.get("oat")),
            compressor_rpm=number(odu.get("comprpm")),
            line_volts=number(odu.get("linevolt")),
            line_amps=number(odu.get("aclinecurrent")),
            locked_out=flag(odu.get("lockactive")),
            curtailed=flag(odu.get("curtail")),
            raw=redact(tree),
        )


@dataclass(frozen=True, kw_only=True)
class IduConfig(Document):
    """Operation 15."""

    timestamp: datetime | None
    type: str | None

    @classmethod
    def of(cls, tree: Tree) -> Self:
        idu = root(tree, "idu_config")
        return cls(
            timestamp=utc(idu.get("timestamp")), type=text(idu.get("idutype")), raw=redact(tree)
        )


@dataclass(frozen=True, kw_only=True)
class IduStatus(Document):
    """Operation 16. Can be a day old, like the outdoor unit's."""

    timestamp: datetime | None
    type: str | None
    opstat: str | None
    airflow_cfm: float | None
    blower_rpm: float | None
    locked_out: bool | None

    @classmethod
    def of(cls, tree: Tree) -> Self:
        idu = root(tree, "idu_status")
        return cls(
            timestamp=utc(idu.get("timestamp")),
            type=text(idu.get("idutype")),
            opstat=text(idu.get("opstat")),
            airflow_cfm=number(idu.get("iducfm")),
            blower_rpm=number(idu.get("blwrpm")),
            locked_out=flag(idu.get("lockoutactive")),
            raw=redact(tree),
        )


@dataclass(frozen=True)
class Fault:
    """One fault, or one equipment event. `at` is the home's local time, without a zone (3.15)."""

    id: str | None
    code: str | None
    source: str | None
    description: str | None
    at: datetime | None
    occurrences: int | None
    active: bool | None


def _faults(entries: Any, source: str | None) -> tuple[Fault, ...]:
    return tuple(
        Fault(
            id=attribute(entry, "id"),
            code=text(entry.get("code")),
            source=text(entry.get("source")) or source,
            description=text(entry.get("description")),
            at=moment(entry.get("localtime")),
            occurrences=integer(entry.get("occurrences")),
            active=flag(entry.get("active")),
        )
        for entry in entries
        if isinstance(entry, dict)
    )


@dataclass(frozen=True, kw_only=True)
class Faults(Document):
    """Operations 14 and 18."""

    source: str | None
    faults: tuple[Fault, ...]

    @classmethod
    def of(cls, tree: Tree) -> Self:
        block = root(tree, "odu_faults", "idu_faults")
        source = word(block.get("source"))
        faults = _faults(many(child(block, "faults"), "fault"), source)
        return cls(source=source, faults=faults, raw=redact(tree))


@dataclass(frozen=True, kw_only=True)
class History(Document):
    """Operation 19: counters since installation, cycles and whole hours, by Carrier's names."""

    timestamp: datetime | None
    idu: Mapping[str, float]
    odu: Mapping[str, float]

    @classmethod
    def of(cls, tree: Tree) -> Self:
        history = root(tree, "history")
        return cls(
            timestamp=utc(history.get("timestamp")),
            idu=_numbers(child(history, "idu")),
            odu=_numbers(child(history, "odu")),
            raw=redact(tree),
        )


@dataclass(frozen=True, kw_only=True)
class EquipmentEvents(Document):
    """Operation 20, newest first, at most ten."""

    timestamp: datetime | None
    events: tuple[Fault, ...]

    @classmethod
    def of(cls, tree: Tree) -> Self:
        block = root(tree, "equipment_events")
        events = _faults(many(child(block, "events"), "event"), None)
        return cls(timestamp=utc(block.get("timestamp")), events=events, raw=redact(tree))


@dataclass(frozen=True, kw_only=True)
class RootCause(Document):
    """Operation 21. Only an empty one is public (3.16): show "no information", keep `raw`."""

    @classmethod
    def of(cls, tree: Tree) -> Self:
        root(tree, "root_cause")
        return cls(raw=redact(tree))
