"""status (operation 5): what the wall control said last. oat is °F always, zones follow cfgem."""

from __future__ import annotations

from carrier_sandbox.behaviour import connected, delivered_at
from carrier_sandbox.clock import utc_text
from carrier_sandbox.documents.common import SLOTS, View, head, onoff
from carrier_sandbox.plans import shown
from carrier_sandbox.thermal import SystemState, ZoneState, running
from carrier_sandbox.traits import SystemTraits
from carrier_sandbox.tree import Node

PING_RATES = {
    "pingRate": 15, "iduStatusPingRate": 93600, "iduFaultsPingRate": 86400,
    "oduStatusPingRate": 90000, "oduFaultsPingRate": 82800, "historyPingRate": 75600,
    "equipEventsPingRate": 79200, "rootCausePingRate": 72000,
}  # fmt: skip
CHANGES = (
    "serverHasChanges", "configHasChanges", "dealerHasChanges", "dealerLogoHasChanges",
    "oduConfigHasChanges", "iduConfigHasChanges", "sensorConfigHasChanges",
    "sensorProfileHasChanges", "sensorDiagnosticHasChanges",
)  # fmt: skip


def status(view: View) -> Node:
    """Live status, or the last one before the link was lost."""
    traits = view.system.traits
    state = view.state()
    contact = view.contact - view.contact % 15
    linked = connected(view.system, view.now.sim)
    return {
        "status": {
            **head(view, "/status"),
            "timestamp": utc_text(contact),
            **PING_RATES,
            **dict.fromkeys(CHANGES, False),
            "utilityEventsHasChanges": _events_waiting(view),
            "name": traits.name, "oat": round(state.outdoor_f), "mode": _mode(view, state),
            "cfgem": "C" if traits.celsius else "F", "cfgtype": "heatcool", "vacatrunning": "off",
            "filtrlvl": 40 if traits.mqtt else "40", "uvlvl": None, "humlvl": None,
            "ventlvl": None, "humid": "off", "vent": None,
            "localTime": view.local_text(contact), "oprstsmsg": "idle",
            "isDisconnected": not linked, "isActive": None,
            "idu": _idu(traits, state), "odu": _odu(view, state),
            "zones": {"zone": [_zone(view, state, slot) for slot in range(SLOTS)]},
        }
    }  # fmt: skip


def _events_waiting(view: View) -> bool:
    """True from the moment an event is listed until the wall control has fetched it."""
    return any(
        record.live_at(view.now.real) and delivered_at(view.system, record) > view.now.sim
        for record in view.system.records
        if record.end > view.now.sim
    )


def _mode(view: View, state: SystemState) -> str:
    setting = view.system.plan_at(view.contact).mode
    if state.load > 0.01:
        return "cool"
    if state.load < -0.01:
        kind = view.system.traits.kind
        return (
            "hpheat"
            if kind.heats_outdoors
            else "gasheat"
            if kind.idusource == "gas"
            else "electric"
        )
    return setting


def opstat(view: View, state: SystemState) -> str:
    """The load signal in the words of this kind of unit: off, Stage n, or percent of capacity."""
    unit = running(view.system, state)
    if unit.stage == 0:
        return "off"
    if view.system.traits.kind.stages == 0:
        return str(round(unit.fraction * 100))
    return f"Stage {unit.stage}"


def indoor_opstat(traits: SystemTraits, state: SystemState) -> str:
    """The indoor unit's own heat: percent for a modulating furnace, low or high, or off."""
    heat = -state.load
    if heat < 0.01 or traits.kind.heats_outdoors:
        return "off"
    if traits.kind.idu_status_type == "furnacemodulating":
        return str(round(heat * 100))
    return "high" if heat > 0.6 else "low"


def _idu(traits: SystemTraits, state: SystemState) -> Node:
    blowing = abs(state.load) > 0.01
    cfm = round(traits.capacity * 30 * max(abs(state.load), 0.4)) if blowing else 0
    return {"type": traits.kind.idu_status_type, "opstat": indoor_opstat(traits, state), "cfm": cfm}


def _odu(view: View, state: SystemState) -> Node:
    kind = view.system.traits.kind
    if kind.stages < 0:
        return {"type": "none", "opstat": "off", "opmode": "off"}
    unit = running(view.system, state)
    return {"type": kind.status_type, "opstat": opstat(view, state), "opmode": unit.opmode}


def _zone(view: View, state: SystemState, slot: int) -> Node:
    traits = view.system.traits
    if slot >= len(state.zones):
        return _empty_zone(slot, traits)
    zone = state.zones[slot]
    plan = view.system.plan_at(view.contact).zones[slot]
    holding = plan.hold and view.contact < plan.hold_until
    heat, cool = (
        shown(zone.setpoints.heat_f, traits.celsius),
        shown(zone.setpoints.cool_f, traits.celsius),
    )
    room = shown(zone.room_f, traits.celsius)
    until = plan.hold_until if holding and plan.hold_until != float("inf") else None
    return {
        "$": {"id": str(slot + 1)}, "name": plan.name, "enabled": "on",
        "currentActivity": zone.activity,
        "rt": (room if traits.celsius else int(room)) if traits.mqtt else f"{room:.1f}",
        "rh": 48, "fan": "off", "hold": onoff(holding),
        "htsp": heat if traits.mqtt else f"{heat:.1f}",
        "clsp": cool if traits.mqtt else f"{cool:.1f}",
        "otmr": view.local_text(until)[11:16] if until is not None else None,
        "zoneconditioning": _conditioning(zone), "damperposition": 15,
        "occupancy": "occupied" if zone.activity in ("home", "wake") else "unoccupied",
        "occupancyOverride": None,
    }  # fmt: skip


def _conditioning(zone: ZoneState) -> str:
    if zone.load > 0.01:
        return "active_cool"
    return "active_heat" if zone.load < -0.01 else "idle"


def _empty_zone(slot: int, traits: SystemTraits) -> Node:
    """A slot without a zone: stale setpoints and NaN, as captured."""
    return {
        "$": {"id": str(slot + 1)}, "name": f"Zone {slot + 1}", "enabled": "off",
        "currentActivity": "home", "rt": "NaN", "rh": "NaN", "fan": "off", "hold": "off",
        "htsp": 20.0 if traits.celsius else 68.0, "clsp": 23.5 if traits.celsius else 74.0,
        "otmr": None, "zoneconditioning": "idle", "damperposition": 0, "occupancy": None,
        "occupancyOverride": None,
    }  # fmt: skip
