"""The home, as Carrier describes it: user, locations, status, profile, settings (contract 3.1-3.6).

Every document is frozen, reads tolerantly (a missing member is None) and carries `raw`, the whole
normalized body without secrets. Temperatures are °F whatever the wall control displays: setpoints
and room temperatures follow `cfgem` and are converted, outdoor temperature and utility-event
settings are °F already (6.1). Timestamps are aware UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias
from urllib.parse import unquote, urlsplit

from .parsing import (
    SERIAL,
    Tree,
    Unreadable,
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

Raw: TypeAlias = "Mapping[str, Any]"
Unit: TypeAlias = Literal["F", "C"]


class Incomplete(Unreadable):
    """A list with an entry that cannot be identified: half a list is worse than none."""


@dataclass(frozen=True, kw_only=True)
class Document:
    """What all documents share. `raw` is for learning the real format, not for logic."""

    raw: Raw = field(repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class User(Document):
    """Operation 1. No public capture: every member may be None (3.1)."""

    username: str | None
    first: str | None
    last: str | None
    email: str | None

    @classmethod
    def of(cls, tree: Tree) -> User:
        user = root(tree, "user")
        return cls(
            username=text(user.get("username")) or _last_segment(user),
            first=text(user.get("first")),
            last=text(user.get("last")),
            email=text(user.get("email")),
            raw=redact(tree),
        )


@dataclass(frozen=True)
class SystemLink:
    """A system as its location names it: the serial is the system's id (2.6)."""

    serial: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Location(Document):
    """One location with all its systems (operations 2 and 3)."""

    id: str
    name: str | None
    street1: str | None
    street2: str | None
    city: str | None
    state: str | None
    country: str | None
    postal: str | None
    systems: tuple[SystemLink, ...]

    @classmethod
    def of(cls, tree: Tree) -> Location:
        return cls.read(root(tree, "location"))

    @classmethod
    def list_of(cls, tree: Tree) -> tuple[Location, ...]:
        """All of a user's locations. Raises `Incomplete` rather than leave one out."""
        return tuple(cls.read(entry) for entry in many(root(tree, "locations"), "location"))

    @classmethod
    def read(cls, entry: Any) -> Location:
        identity = _last_segment(entry)
        if identity is None:
            raise Incomplete("a location has no link to itself")
        systems = many(child(entry, "systems"), "system")
        return cls(
            id=identity,
            name=text(entry.get("name")),
            street1=text(entry.get("street1")),
            street2=text(entry.get("street2")),
            city=text(entry.get("city")),
            state=text(entry.get("state")),
            country=text(entry.get("country")),
            postal=text(entry.get("postal")),
            systems=tuple(_system_link(system) for system in systems),
            raw=redact(entry),
        )


def _system_link(system: Any) -> SystemLink:
    serial = _last_segment(system)
    if serial is None or not SERIAL.fullmatch(serial):
        raise Incomplete("a system has no link that ends in a serial")
    return SystemLink(serial, attribute(_self_link(system), "title") or "")


def _self_link(entry: Any) -> Tree:
    links = [link for link in many(entry, "atom:link") if isinstance(link, dict)]
    only = links[0] if len(links) == 1 else {}
    return next((link for link in links if attribute(link, "rel") == "self"), only)


def _last_segment(entry: Any) -> str | None:
    path = urlsplit(attribute(_self_link(entry), "href") or "").path
    return unquote(path.rstrip("/").rpartition("/")[2]) or None


@dataclass(frozen=True)
class EquipmentStatus:
    """The compact equipment block inside a status; `opstat` is the load signal (6.2)."""

    type: str | None
    opstat: str | None
    opmode: str | None


@dataclass(frozen=True)
class Zone:
    """One of eight slots; only `enabled` ones are real, the others carry stale numbers (6.1)."""

    id: str
    name: str | None
    enabled: bool
    activity: str | None
    temperature_f: float | None
    humidity: float | None
    heat_f: float | None
    cool_f: float | None
    hold: bool | None
    conditioning: str | None
    occupied: bool | None


@dataclass(frozen=True, kw_only=True)
class Status(Document):
    """Operation 5. Judge its age by `timestamp` before believing anything else in it (5)."""

    timestamp: datetime | None
    name: str | None
    outdoor_f: float | None
    mode: str | None
    unit: Unit
    is_disconnected: bool | None
    ping_rate_s: float | None
    utility_events_has_changes: bool | None
    vacation_running: bool | None
    local_time: datetime | None
    odu: EquipmentStatus
    idu: EquipmentStatus
    zones: tuple[Zone, ...]

    @classmethod
    def of(cls, tree: Tree) -> Status:
        status = root(tree, "status")
        unit = unit_of(status)
        zones = many(child(status, "zones"), "zone")
        return cls(
            timestamp=utc(status.get("timestamp")),
            name=text(status.get("name")),
            outdoor_f=number(status.get("oat")),
            mode=word(status.get("mode")),
            unit=unit,
            is_disconnected=flag(status.get("isDisconnected")),
            ping_rate_s=number(status.get("pingRate")),
            utility_events_has_changes=flag(status.get("utilityEventsHasChanges")),
            vacation_running=flag(status.get("vacatrunning")),
            local_time=moment(status.get("localTime")),
            odu=_block(child(status, "odu")),
            idu=_block(child(status, "idu")),
            zones=tuple(_zone(zone, unit) for zone in zones if isinstance(zone, dict)),
            raw=redact(tree),
        )


def _block(block: Tree) -> EquipmentStatus:
    return EquipmentStatus(
        text(block.get("type")), text(block.get("opstat")), text(block.get("opmode"))
    )


def _zone(zone: Tree, unit: Unit) -> Zone:
    return Zone(
        id=attribute(zone, "id") or "",
        name=text(zone.get("name")),
        enabled=flag(zone.get("enabled")) is True,
        activity=word(zone.get("currentActivity")),
        temperature_f=fahrenheit(zone.get("rt"), unit),
        humidity=number(zone.get("rh")),
        heat_f=fahrenheit(zone.get("htsp"), unit),
        cool_f=fahrenheit(zone.get("clsp"), unit),
        hold=flag(zone.get("hold")),
        conditioning=word(zone.get("zoneconditioning")),
        occupied={"occupied": True, "motion": True, "unoccupied": False}.get(
            (text(zone.get("occupancy")) or "").lower()
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Profile(Document):
    """Operation 6: what is installed. The pairing pin is dropped on reading (2.6)."""

    name: str | None
    serial: str | None
    brand: str | None
    model: str | None
    firmware: str | None
    outdoor_type: str | None
    outdoor_model: str | None
    outdoor_capacity_kbtu: float | None
    indoor_type: str | None
    indoor_model: str | None
    indoor_source: str | None
    zones_present: tuple[str, ...]

    @property
    def has_outdoor_unit(self) -> bool:
        """Section 6.4: no outdoor unit, no load to shed. Not told counts as none."""
        return (self.outdoor_type or "none").lower() not in ("none", "na", "n/a", "invalid")

    @classmethod
    def of(cls, tree: Tree) -> Profile:
        profile = root(tree, "system_profile", "profile")
        zones = many(child(profile, "zones"), "zone")
        return cls(
            name=text(profile.get("name")),
            serial=text(profile.get("serial")),
            brand=text(profile.get("brand")),
            model=text(profile.get("model")),
            firmware=text(profile.get("firmware")),
            outdoor_type=text(profile.get("odutype")),
            outdoor_model=word(profile.get("outdoorModel")),
            outdoor_capacity_kbtu=number(profile.get("oducapacity")),
            indoor_type=text(profile.get("idutype")),
            indoor_model=word(profile.get("indoorModel")),
            indoor_source=word(profile.get("idusource")),
            zones_present=tuple(
                attribute(zone, "id") or "" for zone in zones if flag(child_value(zone, "present"))
            ),
            raw=redact(tree),
        )


def child_value(tree: Any, name: str) -> Any:
    """A member of what may not be a structure at all."""
    return tree.get(name) if isinstance(tree, Mapping) else None


def unit_of(tree: Tree) -> Unit:
    """The unit of setpoints and room temperatures (`cfgem`); not told counts as F."""
    return "C" if (text(tree.get("cfgem")) or "").upper() == "C" else "F"


def fahrenheit(value: Any, unit: Unit) -> float | None:
    """A temperature in `unit`, in °F to a tenth."""
    degrees = number(value)
    if degrees is None or unit == "F":
        return degrees
    return round(degrees * 9 / 5 + 32, 1)
