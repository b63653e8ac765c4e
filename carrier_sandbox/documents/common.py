"""What every document is made with: the view of one system at one time, links, and the two
flavours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from carrier_sandbox.clock import Clock, Moment
from carrier_sandbox.thermal import Physics, SystemState
from carrier_sandbox.tree import Node
from carrier_sandbox.variants import Variants
from carrier_sandbox.world import System, World

VERSION = "1.48"
ATOM = "http://www.w3.org/2005/Atom"
RELS = "http://www.api.ing.carrier.com/rels"
SLOTS = 8


@dataclass(frozen=True, slots=True)
class View:
    """Who is looked at, from which address, when. ``contact`` is the business time of the newest
    data.
    """

    world: World
    physics: Physics
    variants: Variants
    base: str
    now: Moment
    opened_sim: float
    system: System
    contact: float

    @property
    def clock(self) -> Clock:
        """The clock the homes live by."""
        return self.physics.clock

    def state(self) -> SystemState:
        """Rooms and load at the newest contact."""
        return self.physics.state(self.system, self.contact)

    def local_text(self, sim: float, timespec: str = "milliseconds") -> str:
        """Local time where the home stands, ISO without an offset."""
        return datetime.fromtimestamp(sim + self.clock.offset_s(sim), UTC).isoformat(
            timespec=timespec
        )[: 23 if timespec == "milliseconds" else 19]

    def href(self, tail: str = "") -> str:
        """The address of this system's resource."""
        return f"{self.base}/systems/{self.system.serial}{tail}"


def link(rel: str, href: str, title: str = "") -> Node:
    """One atom:link."""
    attributes = {"rel": rel, "href": href}
    if title:
        attributes["title"] = title
    return {"$": attributes}


def root_of() -> Node:
    """The attributes of a root element."""
    return {"version": VERSION, "xmlns:atom": ATOM}


def head(view: View, tail: str) -> Node:
    """A root with its two links: itself and its system."""
    links = [link("self", view.href(tail)), link(f"{RELS}/system", view.href())]
    return {"$": root_of(), "atom:link": links}


def onoff(value: object) -> str:
    """on or off."""
    return "on" if value else "off"


def flavoured(node: Node, mqtt: bool) -> Node:
    """Legacy wall controls send empty elements; MQTT ones leave the member out."""
    if not mqtt:
        return node
    return {key: _without_empties(value) for key, value in node.items() if value is not None}


def _without_empties(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_empties(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_empties(item) for item in value]
    return value
