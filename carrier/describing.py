"""What a document says, in plain words: for a page that shows any of them.

Driven by the members of the dataclasses in documents.py, so that a member that is added there
shows up by itself. Carrier's own codes become words here; one that nobody has seen before is shown
as it came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import Field, dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["text", "flag", "number", "degrees", "difference", "moment", "local"]

# Differences in °F, which turn into °C without the 32.
_DIFFERENCES = frozenset({"deadband", "price_offset_f", "demand_offset_f"})
# Not for a page of facts: bytes to compare, the whole body, schedules that are in the body.
_LEFT_OUT = frozenset({"raw", "fingerprint", "activities", "timestamp"})
_UNITS = {
    "outdoor_capacity_kbtu": "kBtu/h",
    "humidity": "%",
    "compressor_rpm": "rpm",
    "blower_rpm": "rpm",
    "line_volts": "V",
    "line_amps": "A",
    "airflow_cfm": "cfm",
    "ping_rate_s": "s",
    "price_limit": "cents per kWh",
    "electric_rate": "per kWh",
}
_LABELS = {
    "odu": "Outdoor unit",
    "idu": "Indoor unit",
    "opstat": "Running",
    "opmode": "Working on",
    "is_mqtt": "Newer kind of wall control",
    "is_disconnected": "Disconnected",
    "ven_id": "Id as an event receiver",
    "vtn_id": "Id of the event sender",
    "utility_event": "Demand response at the wall control",
    "utility_events_has_changes": "Events wait to be fetched by the wall control",
    "utilityevent": "Demand response",
    "seer": "SEER",
    "hspf": "HSPF",
    "unit": "Temperatures are shown in",
    "url": "Web page",
    "opt": "The home's answer",
    "opted_at": "Answered",
    "usage": "Energy used, kWh",
    "cost": "Cost at the home's own rate",
    "cfm": "Air flow",
    "hold_until": "Hold until",
    "locked_out": "Locked out",
    "hpheat": "Heat pump heating",
    "eheat": "Electric heating",
    "fangas": "Fan with gas heating",
    "looppump": "Loop pump",
    "day1": "Yesterday",
    "day2": "The day before",
    "month1": "Last month",
    "month2": "The month before",
    "year1": "Last year",
    "year2": "The year before",
}
_WORDS = {
    "auto": "Automatic",
    "fanonly": "Fan only",
    "hpheat": "Heat pump heating",
    "offset": "Moves the setpoint",
    "absolute": "Goes to set temperatures",
    "active_cool": "Cooling",
    "active_heat": "Heating",
    "ac2stg": "Two-stage air conditioner",
    "fancoil": "Fan coil",
    "multistghp": "Multi-stage heat pump",
    "varcapac": "Variable-speed air conditioner",
    "varcaphp": "Variable-speed heat pump",
    "idle": "Idle",
    "optin": "Takes part",
    "optout": "Said no",
    "none": "None",
    "dehumidify": "Drying the air",
    "defrost": "Defrosting",
    "med": "Medium",
    "manual": "Set by hand",
    "far": "Planned",
    "near": "About to start",
    "idu only": "Indoor unit only",
    "odu only": "Outdoor unit only",
}
_SUFFIXES = ("_f", "_kbtu", "_rpm", "_cfm", "_s")


@dataclass(frozen=True)
class Fact:
    """One thing a document tells. Degrees are °F, moments aware UTC, "local" is the home's own
    clock; ``value`` None: not told."""

    label: str
    value: Any
    kind: Kind = "text"
    unit: str = ""


@dataclass(frozen=True)
class Section:
    """Facts, or a table of them: one row a zone, a fault, a period."""

    title: str
    facts: tuple[Fact, ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[Fact, ...], ...] = ()


@dataclass(frozen=True)
class Description:
    """``reported_at`` is when the home or the unit said it, where Carrier tells (section 5)."""

    reported_at: datetime | None
    sections: tuple[Section, ...]


def describe(found: Any) -> Description:
    """Put a document, or a list of them, in words."""
    items = found if isinstance(found, tuple) else (found,)
    times = [getattr(item, "timestamp", None) for item in items]
    known = [time for time in times if time is not None]
    sections = [section for item in items for section in _sections(item, _title(item))]
    return Description(min(known, default=None), tuple(sections))


def label(name: str) -> str:
    """``cool_f`` as ``Cool``, ``is_mqtt`` as what it means."""
    if name.lower() in _LABELS:
        return _LABELS[name.lower()]
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return name.replace("_", " ").strip().capitalize()


def words(code: str) -> str:
    """A code of Carrier's in words: ``fanonly`` as ``Fan only``, ``stage 2`` as ``Stage 2``."""
    known = _WORDS.get(code.lower())
    return known or (code[:1].upper() + code[1:].replace("_", " ") if code.islower() else code)


def _title(item: Any) -> str:
    named = getattr(item, "name", None) or getattr(item, "event_id", None)
    return str(named) if named else ""


def _sections(item: Any, title: str) -> Iterator[Section]:
    """The plain members of a dataclass first, then each member that has members of its own."""
    plain: list[Fact] = []
    deep: list[Section] = []
    for field in _shown(item):
        value = getattr(item, field.name)
        if is_dataclass(value):
            deep += _sections(value, label(field.name))
        elif isinstance(value, Mapping):
            deep.append(_of_mapping(label(field.name), value))
        elif isinstance(value, tuple) and any(is_dataclass(one) for one in value):
            deep.append(_table(label(field.name), value))
        else:
            plain.append(_fact(field.name, value))
    if plain:
        yield Section(title, tuple(plain))
    yield from deep


def _shown(item: Any) -> Iterable[Field[Any]]:
    return [field for field in fields(item) if field.name not in _LEFT_OUT]


def _table(title: str, items: tuple[Any, ...]) -> Section:
    names = [field.name for field in _shown(items[0])]
    rows = tuple(tuple(_fact(name, getattr(one, name)) for name in names) for one in items)
    return Section(title, header=tuple(label(name) for name in names), rows=rows)


def _of_mapping(title: str, value: Mapping[str, Any]) -> Section:
    """Numbers by name, or periods with numbers by name: a row each."""
    if not any(isinstance(inner, Mapping) for inner in value.values()):
        return Section(title, tuple(_fact(name, number) for name, number in value.items()))
    names = list(dict.fromkeys(name for inner in value.values() for name in inner))
    rows = tuple(
        (Fact("", label(period)), *(_fact(name, inner.get(name)) for name in names))
        for period, inner in value.items()
    )
    return Section(title, header=("Period", *(label(name) for name in names)), rows=rows)


def _fact(name: str, value: Any) -> Fact:
    return Fact(label(name), _plain(value), _kind(name, value), _UNITS.get(name, ""))


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return ", ".join(words(str(one)) for one in value) or None
    # An enumeration of ours is a str too.
    return words(str(value)) if isinstance(value, str) and value else value


def _kind(name: str, value: Any) -> Kind:
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, datetime):
        return "local" if value.tzinfo is None else "moment"
    if isinstance(value, (int, float)):
        if name in _DIFFERENCES:
            return "difference"
        return "degrees" if name.endswith("_f") else "number"
    return "text"
