"""The wall control's settings (contract 3.6), above all what it does in a utility event (4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .home import Document, Unit, fahrenheit, unit_of
from .parsing import (
    Tree,
    attribute,
    child,
    flag,
    many,
    moment,
    number,
    redact,
    root,
    text,
    utc,
    word,
)


@dataclass(frozen=True)
class UtilityEventSettings:
    """The homeowner's own reaction to events. °F always, also on a °C system (4.2)."""

    enabled: bool | None
    price_response: str | None
    price_limit: float | None
    price_offset_f: float | None
    price_heat_f: float | None
    price_cool_f: float | None
    demand_response: str | None
    demand_offset_f: float | None
    demand_heat_f: float | None
    demand_cool_f: float | None
    min_limit_f: float | None
    max_limit_f: float | None
    ven_id: str | None
    vtn_id: str | None


@dataclass(frozen=True)
class Activity:
    """One comfort profile of a zone, in °F."""

    heat_f: float | None
    cool_f: float | None
    fan: str | None


@dataclass(frozen=True)
class ConfigZone:
    """One zone's settings. `hold_until` is the wall control's local HH:MM, None = indefinite."""

    id: str
    name: str | None
    enabled: bool
    hold: bool | None
    hold_activity: str | None
    hold_until: str | None
    activities: Mapping[str, Activity]


@dataclass(frozen=True, kw_only=True)
class Config(Document):
    """Operation 7. `deadband` is a difference in °F; vacation times are local and naive.

    `utility_event` None means that the block is missing: whether the wall control can take part
    is then unknown, which is not the same as switched off (4.2).
    """

    timestamp: datetime | None
    mode: str | None
    unit: Unit
    deadband: float | None
    is_mqtt: bool | None
    utility_event: UtilityEventSettings | None
    vacation: bool | None
    vacation_start: datetime | None
    vacation_end: datetime | None
    electric_rate: float | None
    zones: tuple[ConfigZone, ...]

    @classmethod
    def of(cls, tree: Tree) -> Config:
        config = root(tree, "config")
        unit = unit_of(config)
        deadband = number(config.get("cfgdead"))
        if deadband is not None and unit == "C":
            deadband = round(deadband * 9 / 5, 1)
        zones = many(child(config, "zones"), "zone")
        return cls(
            timestamp=utc(config.get("timestamp")),
            mode=word(config.get("mode")),
            unit=unit,
            deadband=deadband,
            is_mqtt=flag(config.get("isMqtt")),
            utility_event=_utility_event(child(config, "utilityEvent")),
            vacation=flag(config.get("vacat")),
            vacation_start=moment(config.get("vacstart")),
            vacation_end=moment(config.get("vacend")),
            electric_rate=number(config.get("erate")),
            zones=tuple(_zone(zone, unit) for zone in zones if isinstance(zone, dict)),
            raw=redact(tree),
        )


def _utility_event(block: Tree) -> UtilityEventSettings | None:
    if not block:
        return None
    return UtilityEventSettings(
        enabled=flag(block.get("enabled")),
        price_response=word(block.get("priceResp")),
        price_limit=number(block.get("priceLimit")),
        price_offset_f=number(block.get("priceOffset")),
        price_heat_f=number(block.get("priceHtAbs")),
        price_cool_f=number(block.get("priceClAbs")),
        demand_response=word(block.get("demandResp")),
        demand_offset_f=number(block.get("demandOffset")),
        demand_heat_f=number(block.get("demandHtAbs")),
        demand_cool_f=number(block.get("demandClAbs")),
        min_limit_f=number(block.get("minLimit")),
        max_limit_f=number(block.get("maxLimit")),
        ven_id=word(block.get("venId")),
        vtn_id=word(block.get("vtnId")),
    )


def _zone(zone: Tree, unit: Unit) -> ConfigZone:
    activities = many(child(zone, "activities"), "activity")
    return ConfigZone(
        id=attribute(zone, "id") or "",
        name=text(zone.get("name")),
        enabled=flag(zone.get("enabled")) is True,
        hold=flag(zone.get("hold")),
        hold_activity=word(zone.get("holdActivity")),
        hold_until=word(zone.get("otmr")),
        activities={
            attribute(activity, "id") or "": _activity(activity, unit)
            for activity in activities
            if isinstance(activity, dict)
        },
    )


def _activity(activity: dict[str, Any], unit: Unit) -> Activity:
    return Activity(
        heat_f=fahrenheit(activity.get("htsp"), unit),
        cool_f=fahrenheit(activity.get("clsp"), unit),
        fan=text(activity.get("fan")),
    )


def demand_response_on(config: Config) -> dict[str, Any]:
    """The smallest document that makes a wall control take part in events (operation 8), spelled
    as its own generation spells it (6.5). It changes nothing else (3.6: partial writes)."""
    return {"utilityEvent": {"enabled": True if config.is_mqtt is False else "on"}}
