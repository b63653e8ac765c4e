"""Rooms that warm and cool: one first-order balance a zone, stepped only when somebody looks.

    dT/dt = (outdoor + gain - pull * u - T) / tau

u is the part of the capacity in use, 0 to 1, just as much as keeps the setpoint. Each step of
300 s has a closed solution. A look steps on from the last one, or from a fixed point 12 to 24
hours back, so the figures do not depend on who looked when. Numbers are ASSUMED but of ordinary
size: a house drifts 1 to 3 °F an hour on a hot afternoon with the unit off.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from carrier_sandbox.behaviour import Window, eased, windows
from carrier_sandbox.clock import Clock
from carrier_sandbox.plans import Plan, Setpoints
from carrier_sandbox.weather import STEP_S, Weather
from carrier_sandbox.world import System

HALF_DAY_STEPS = 43200 // STEP_S
CYCLE_S = 1200.0


class ZoneState(NamedTuple):
    """One zone: room temperature and setpoints in °F, load as part of its capacity, + cooling, -
    heating.
    """

    room_f: float
    setpoints: Setpoints
    activity: str
    load: float


class SystemState(NamedTuple):
    """One system at one business time. ``load`` is the part of capacity in use, + cooling, -
    heating.
    """

    sim: float
    outdoor_f: float
    zones: tuple[ZoneState, ...]
    load: float
    in_event: bool


class Physics:
    """The thermal model over all homes."""

    def __init__(self, clock: Clock, weather: Weather) -> None:
        self.clock = clock
        self.weather = weather

    def state(self, system: System, sim: float) -> SystemState:
        """Rooms and load at a business time."""
        step = int(sim // STEP_S)
        rooms, loads = self._rooms_at(system, step)
        calm = windows(system)
        outdoor = self.weather.outdoor_f(sim)
        local = sim + self.clock.offset_s(sim)
        plan = system.plan_at(sim)
        zones = []
        for index, room in enumerate(rooms):
            wanted = setpoints_now(plan, index, sim, local, calm)
            room, load = stepped(system, plan.mode, room, outdoor, wanted, sim - step * STEP_S)
            if sim - step * STEP_S < 1:
                load = loads[index]
            activity = plan.zones[index].activity_at(sim, local)
            zones.append(ZoneState(room, wanted, activity, load))
        share = system.traits.zones
        load = sum(zone.load * part for zone, part in zip(zones, share, strict=True))
        in_event = any(window.begins <= sim < window.ends for window in calm)
        return SystemState(sim, outdoor, tuple(zones), load, in_event)

    def _rooms_at(self, system: System, step: int) -> tuple[list[float], list[float]]:
        """Room temperatures and loads at a grid step, from memory or from the fixed point."""
        anchor = (step // HALF_DAY_STEPS - 1) * HALF_DAY_STEPS
        memory = system.heat_memory
        if memory is not None and memory[0] == anchor and memory[1] <= step:
            at, rooms, loads = memory[1], memory[2], memory[3]
        else:
            at, rooms, loads = (
                anchor,
                self._settled(system, anchor),
                [0.0] * len(system.traits.zones),
            )
        rooms, loads, _ = self.run(system, at, step, rooms, loads)
        if memory is None or (anchor, step) > memory[:2]:  # a look back leaves the memory alone
            system.heat_memory = (anchor, step, rooms, loads)
        return rooms, loads

    def _settled(self, system: System, step: int) -> list[float]:
        """Rooms as a controlled house would have them: the outdoor temperature held between the
        setpoints.
        """
        sim = float(step * STEP_S)
        local = sim + self.clock.offset_s(sim)
        outdoor = self.weather.at_step(step) + system.traits.gain_f
        plan = system.plan_at(sim)
        wanted = [zone.setpoints_at(sim, local) for zone in plan.zones]
        return [min(max(outdoor, point.heat_f), point.cool_f) for point in wanted]

    def run(
        self, system: System, first: int, last: int, rooms: list[float], loads: list[float]
    ) -> tuple[list[float], list[float], float]:
        """Step from grid step ``first`` to ``last``; the third figure is load-hours at full
        capacity.
        """
        rooms, loads, hours = list(rooms), list(loads), 0.0
        calm = windows(system)
        share = system.traits.zones
        for step in range(first, last):
            sim = float(step * STEP_S)
            local = sim + self.clock.offset_s(sim)
            plan = system.plan_at(sim)
            outdoor = self.weather.at_step(step)
            for index, room in enumerate(rooms):
                wanted = setpoints_now(plan, index, sim, local, calm)
                rooms[index], loads[index] = stepped(
                    system, plan.mode, room, outdoor, wanted, STEP_S
                )
                hours += max(loads[index], 0.0) * share[index] * STEP_S / 3600
        return rooms, loads, hours

    def cooling_hours(self, system: System, begins: float, ends: float) -> float:
        """Hours at full cooling capacity between two business times, from a settled house at the
        beginning.
        """
        first = int(begins // STEP_S)
        rooms = self._settled(system, first)
        return self.run(system, first, int(ends // STEP_S), rooms, [0.0] * len(rooms))[2]


def setpoints_now(plan: Plan, zone: int, sim: float, local: float, calm: list[Window]) -> Setpoints:
    """Setpoints of a zone with every event that is on."""
    base = plan.zones[zone].setpoints_at(sim, local)
    if plan.utility is not None:
        for window in calm:
            if window.begins <= sim < window.ends:
                base = eased(base, plan.utility, window.record)
    return base


def stepped(
    system: System, mode: str, room: float, outdoor: float, wanted: Setpoints, seconds: float
) -> tuple[float, float]:
    """(room °F, load) after some seconds at one outdoor temperature, one pair of setpoints."""
    traits = system.traits
    free = outdoor + traits.gain_f
    if seconds < 1:
        return room, 0.0
    fade = math.exp(-seconds / traits.tau_s)
    drifted = free + (room - free) * fade
    if drifted > wanted.cool_f and mode in ("auto", "cool") and traits.kind.stages >= 0:
        need = (drifted - wanted.cool_f) / (traits.cool_pull_f * (1 - fade))
        load = min(need, 1.0)
        return drifted - load * traits.cool_pull_f * (1 - fade), load
    if drifted < wanted.heat_f and mode in ("auto", "heat"):
        need = (wanted.heat_f - drifted) / (traits.heat_push_f * (1 - fade))
        load = min(need, 1.0)
        return drifted + load * traits.heat_push_f * (1 - fade), -load
    return drifted, 0.0


class Running(NamedTuple):
    """What the outdoor unit does at this instant: fraction of capacity, stage (0 = off),
    direction.
    """

    fraction: float
    stage: int
    opmode: str


def running(system: System, state: SystemState) -> Running:
    """Cycling or modulation of the outdoor unit: too big a stage cycles in 20 minutes."""
    kind = system.traits.kind
    load = abs(state.load)
    cooling = state.load > 0
    if kind.stages < 0 or load < 0.01 or (not cooling and not kind.heats_outdoors):
        return Running(0.0, 0, "off")
    word = "cooling" if cooling else "hpheat"
    part = ((state.sim + system.traits.phase_s) % CYCLE_S) / CYCLE_S
    if kind.stages == 0:
        low = 0.25
        if load >= low:
            return Running(load, 1, word)
        return Running(low, 1, word) if part < load / low else Running(0.0, 0, "off")
    speeds = (0.67, 1.0) if kind.stages == 2 else (0.35, 0.57, 0.65, 0.84, 1.0)
    below, under = 0, 0.0
    for stage, speed in enumerate(speeds, 1):
        if load <= speed:
            upper = part < (load - under) / (speed - under)
            chosen = stage if upper else below
            return Running(speed if upper else under, chosen, word if chosen else "off")
        below, under = stage, speed
    return Running(1.0, len(speeds), word)
