"""What really happened at every home, for a checker that trusts nobody's database."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from carrier_sandbox.behaviour import (
    begins_at,
    connected,
    delivered_at,
    opt_state,
    outcome,
    override_at,
    windows,
)
from carrier_sandbox.clock import Moment
from carrier_sandbox.records import EventRecord, peak_overlap
from carrier_sandbox.sandbox import Sandbox
from carrier_sandbox.thermal import running
from carrier_sandbox.world import System


def _finite(value: float) -> float | None:
    return None if value == float("inf") else value


def _event(system: System, record: EventRecord, now: Moment) -> dict[str, Any]:
    moved = next((window for window in windows(system) if window.record is record), None)
    return {
        "event_id": record.event_id, "wire_id": record.wire_id,
        "modification": record.modification, "start": record.start, "end": record.end,
        "begins": begins_at(system, record), "post_seq": record.post_seq,
        "received_real": record.received_real, "received_sim": record.received_sim,
        "effect_real": record.effect_real, "effect_sim": record.effect_sim,
        "delivered_sim": _finite(delivered_at(system, record)),
        "override_sim": _finite(override_at(system, record)),
        "removed_by": record.removed_by, "removed_sim": _finite(record.removed_sim),
        "live": record.live_at(now.real), "opt_type": opt_state(system, record, now.sim)[0],
        "setpoints_moved": [moved.begins, moved.ends] if moved else None,
        "outcome": outcome(system, record, now.sim),
    }  # fmt: skip


def system_truth(system: System, now: Moment, event_id: str = "") -> dict[str, Any]:
    """One system: its events (replaced ones apart), how often it was posted to, the worst overlap
    ever.
    """
    wanted = [r for r in system.records if not event_id or r.event_id == event_id]
    return {
        "serial": system.serial, "user": system.username, "persona": system.persona,
        "connected": connected(system, now.sim), "posts": system.posts,
        "peak_overlap": peak_overlap(system.records),
        "events": [_event(system, r, now) for r in wanted if r.removed_by != "replaced"],
        "replaced": [_event(system, r, now) for r in wanted if r.removed_by == "replaced"],
    }  # fmt: skip


async def truth(sandbox: Sandbox, now: Moment, event_id: str) -> dict[str, Any]:
    """Every system that holds an event (or this event), and the outcomes counted.

    Twenty thousand systems take a few seconds, so other requests are let in between.
    """
    systems = []
    outcomes: Counter[str] = Counter()
    for count, system in enumerate(sandbox.world.touched()):
        if count % 50 == 49:
            await asyncio.sleep(0)
        found = system_truth(system, now, event_id)
        if found["events"] or found["replaced"]:
            systems.append(found)
            outcomes.update(event["outcome"] for event in found["events"])
    return {
        "now": {"real": now.real, "sim": now.sim}, "event_id": event_id or None,
        "totals": {
            "systems": len(systems), "outcomes": dict(sorted(outcomes.items())),
            "live": sum(event["live"] for one in systems for event in one["events"]),
            "peak_overlap": max((one["peak_overlap"] for one in systems), default=0),
        },
        "systems": systems,
    }  # fmt: skip


def rooms(sandbox: Sandbox, system: System, sim: float) -> dict[str, Any]:
    """The thermal model at a business time, unrounded, °F and kW."""
    state = sandbox.physics.state(system, sim)
    unit = running(system, state)
    return {
        "sim": sim, "outdoor_f": state.outdoor_f, "load": state.load, "in_event": state.in_event,
        "fraction": unit.fraction, "stage": unit.stage, "kw": unit.fraction * system.traits.kw,
        "zones": [
            {
                "room_f": zone.room_f, "heat_f": zone.setpoints.heat_f,
                "cool_f": zone.setpoints.cool_f, "activity": zone.activity, "load": zone.load,
            }
            for zone in state.zones
        ],
    }  # fmt: skip
