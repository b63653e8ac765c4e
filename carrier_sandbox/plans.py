"""What a wall control has been told: mode, schedule, holds and its demand-response settings.

A plan never changes; a PUT makes a new one that holds from a moment on. Everything here is °F; the
``utilityEvent`` numbers are °F on the wire too, zone setpoints follow the system's own unit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from carrier_sandbox.traits import ZONE_NAMES, SystemTraits
from carrier_sandbox.tree import Malformed, Node, id_of, many, text_of

ACTIVITIES = ("home", "away", "sleep", "wake", "manual")
DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
NEVER = float("inf")


class Setpoints(NamedTuple):
    """Heating and cooling setpoint, °F."""

    heat_f: float
    cool_f: float


class Period(NamedTuple):
    """From this minute of the local day, this activity."""

    minute: int
    activity: str


@dataclass(frozen=True, slots=True)
class UtilitySettings:
    """The homeowner's answer to events; factory defaults where nobody changed them. °F, price in
    cents/kWh.
    """

    enabled: bool
    price_resp: str = "offset"
    price_limit: float = 10
    price_offset: float = 4
    price_ht_abs: float = 60
    price_cl_abs: float = 82
    demand_resp: str = "offset"
    demand_offset: float = 4
    demand_ht_abs: float = 60
    demand_cl_abs: float = 82
    min_limit: float = 50
    max_limit: float = 90


@dataclass(frozen=True, slots=True)
class ZonePlan:
    """One zone's setpoints, week (Sunday first) and hold (until: business epoch seconds)."""

    name: str
    activities: dict[str, Setpoints]
    week: tuple[tuple[Period, ...], ...]
    hold: bool = False
    hold_activity: str = ""
    hold_until: float = NEVER

    def activity_at(self, sim: float, local: float) -> str:
        """What the schedule or the hold says at a time (local = local clock as epoch seconds)."""
        if self.hold and sim < self.hold_until:
            return self.hold_activity or "manual"
        day, seconds = divmod(local, 86400)
        periods = self.week[int(day + 4) % 7]  # 1 January 1970 was a Thursday
        minute = seconds / 60
        for period in reversed(periods):
            if minute >= period.minute:
                return period.activity
        return "sleep"

    def setpoints_at(self, sim: float, local: float) -> Setpoints:
        """Setpoints before any event."""
        return self.activities[self.activity_at(sim, local)]


@dataclass(frozen=True, slots=True)
class Plan:
    """All settings in force from a business time on."""

    since: float
    mode: str
    zones: tuple[ZonePlan, ...]
    utility: UtilitySettings | None


def first_plan(traits: SystemTraits) -> Plan:
    """The settings a home was generated with."""
    cool, heat = traits.cool_f, traits.heat_f
    activities = {
        "home": Setpoints(heat, cool),
        "away": Setpoints(heat - 5, cool + 2),
        "sleep": Setpoints(heat - 4, cool - 1),
        "wake": Setpoints(heat, cool),
        "manual": Setpoints(heat, cool),
    }
    somebody_stays = traits.phase_s < 600
    workday = (
        Period(390, "wake"),
        Period(480, "home" if somebody_stays else "away"),
        Period(990, "home"),
        Period(1350, "sleep"),
    )
    weekend = (
        Period(450, "wake"),
        Period(510, "home"),
        Period(1020, "home"),
        Period(1380, "sleep"),
    )
    week = (weekend, workday, workday, workday, workday, workday, weekend)
    zones = tuple(ZonePlan(name, activities, week) for name in ZONE_NAMES[: len(traits.zones)])
    utility = UtilitySettings(enabled=traits.dr_enabled) if traits.has_block else None
    return Plan(0.0, "auto", zones, utility)


def switched(value: object) -> bool:
    """on/true/1 as True, everything else as False."""
    return text_of(value).strip().lower() in ("on", "true", "1")


def _number(value: object, name: str) -> float:
    try:
        number = float(text_of(value))
    except ValueError:
        number = NEVER
    if not -1e6 < number < 1e6:
        raise Malformed(f"{name} must be a number")
    return number


_UTILITY_NUMBERS = {
    "priceLimit": "price_limit",
    "priceOffset": "price_offset",
    "priceHtAbs": "price_ht_abs",
    "priceClAbs": "price_cl_abs",
    "demandOffset": "demand_offset",
    "demandHtAbs": "demand_ht_abs",
    "demandClAbs": "demand_cl_abs",
    "minLimit": "min_limit",
    "maxLimit": "max_limit",
}


def changed_plan(plan: Plan, patch: Node, traits: SystemTraits, since: float, local: float) -> Plan:
    """The plan after a partial config document; members this model does not play with are left
    alone.
    """
    mode = text_of(patch.get("mode")) or plan.mode
    if mode not in ("off", "heat", "cool", "auto", "fanonly"):
        raise Malformed("mode must be off, heat, cool, auto or fanonly")
    zones = list(plan.zones)
    zone_box = patch.get("zones")
    for node in many(zone_box.get("zone") if isinstance(zone_box, dict) else None):
        slot = id_of(node)
        if len(slot) != 1 or slot not in "12345678":
            raise Malformed("a zone needs an id from 1 to 8")
        if int(slot) <= len(zones):
            zones[int(slot) - 1] = _changed_zone(
                zones[int(slot) - 1], node, traits.celsius, since, local
            )
    utility = plan.utility
    block = patch.get("utilityEvent")
    if utility is not None and isinstance(block, dict):
        utility = _changed_utility(utility, block)
    return Plan(since, mode, tuple(zones), utility)


def _changed_zone(
    zone: ZonePlan, node: Node, celsius: bool, since: float, local: float
) -> ZonePlan:
    activities = dict(zone.activities)
    box = node.get("activities")
    for item in many(box.get("activity") if isinstance(box, dict) else None):
        name = id_of(item)
        if name not in activities:
            raise Malformed("an activity needs one of the known ids")
        heat, cool = activities[name]
        if "htsp" in item:
            heat = _to_f(_number(item["htsp"], "htsp"), celsius)
        if "clsp" in item:
            cool = _to_f(_number(item["clsp"], "clsp"), celsius)
        activities[name] = Setpoints(heat, cool)
    changed = replace(zone, activities=activities)
    if "hold" in node:
        changed = replace(changed, hold=switched(node["hold"]), hold_until=NEVER)
    if "holdActivity" in node:
        wanted = text_of(node["holdActivity"])
        if wanted and wanted not in activities:
            raise Malformed("holdActivity must be one of the known activities")
        changed = replace(changed, hold_activity=wanted)
    if text_of(node.get("otmr")):
        changed = replace(changed, hold_until=since + _until(text_of(node["otmr"]), local))
    return changed


def _until(otmr: str, local: float) -> float:
    """Seconds from the local time to the next HH:MM."""
    hours, colon, minutes = otmr.partition(":")
    if len(otmr) > 5 or not colon or not hours.isdecimal() or not minutes.isdecimal():
        raise Malformed("otmr must be HH:MM")
    return (int(hours) * 3600 + int(minutes) * 60 - local) % 86400


def _changed_utility(settings: UtilitySettings, block: Node) -> UtilitySettings:
    numbers = {
        field: _number(block[name], name)
        for name, field in _UTILITY_NUMBERS.items()
        if name in block
    }
    changed = replace(settings, **numbers)  # type: ignore[arg-type]
    if "enabled" in block:
        changed = replace(changed, enabled=switched(block["enabled"]))
    for name, field in (("priceResp", "price_resp"), ("demandResp", "demand_resp")):
        if name in block:
            wanted = text_of(block[name])
            if wanted not in ("offset", "absolute"):
                raise Malformed(f"{name} must be offset or absolute")
            changed = replace(changed, **{field: wanted})  # type: ignore[arg-type]
    return changed


def _to_f(value: float, celsius: bool) -> float:
    """A zone setpoint of the wire in °F. A °C system that is sent °F numbers keeps them, as
    observed.
    """
    return value * 9 / 5 + 32 if celsius and value < 45 else value


def shown(fahrenheit: float, celsius: bool) -> float:
    """A temperature in the system's own unit: whole °F, half °C."""
    if celsius:
        return round((fahrenheit - 32) * 5 / 9 * 2) / 2
    return float(round(fahrenheit))
