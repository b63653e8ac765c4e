"""What people and wall controls do about an event; pure questions about one system and a business
time.

Section 4.3 of the contract page: the more saving of current and event setpoint counts, an override
restores the original ones. Times of day and delays here are ASSUMED.
"""

from __future__ import annotations

from typing import NamedTuple

from carrier_sandbox.dice import Dice
from carrier_sandbox.plans import Setpoints, UtilitySettings
from carrier_sandbox.records import NEVER, EventRecord
from carrier_sandbox.world import System

DELIVERY_S = 15.0  # the wall control asks every 15 s
DROP_BEFORE_S = 600.0  # persona goes_offline: 10 minutes before the start ...
DROP_AFTER_S = 3600.0  # ... until an hour after the end


class Window(NamedTuple):
    """When an event moves setpoints at a home, and how it is called."""

    begins: float
    ends: float
    record: EventRecord


def offline_until(system: System, sim: float) -> float:
    """The business time the system is next connected: ``sim`` itself when it is, infinity when
    never.
    """
    if system.persona == "offline":
        return NEVER
    until = sim
    for begins, ends in system.offline_spans:
        if begins <= until < ends:
            until = ends
    if system.persona == "goes_offline":
        for record in system.records:
            cut = min(record.removed_sim, NEVER)
            begins, ends = record.start - DROP_BEFORE_S, record.end + DROP_AFTER_S
            if cut > begins and begins <= until < ends:
                until = ends
    return until


def connected(system: System, sim: float) -> bool:
    """Is the wall control linked to the cloud at a business time?"""
    return offline_until(system, sim) <= sim


def last_contact(system: System, sim: float, opened_sim: float) -> float:
    """The time of the newest status, no later than ``sim``; ``opened_sim`` is when the sandbox
    began.
    """
    if system.persona == "offline":
        return opened_sim - 86400 * Dice(system.seed, "offline", system.number).between(1, 30)
    found = sim
    for begins, ends in system.offline_spans:
        if begins <= sim < ends:
            found = min(found, begins)
    if system.persona == "goes_offline" and not connected(system, sim):
        starts = [r.start - DROP_BEFORE_S for r in system.records if r.start - DROP_BEFORE_S <= sim]
        found = min(found, max(starts, default=sim))
    return found


def delivered_at(system: System, record: EventRecord) -> float:
    """When the wall control has fetched the event."""
    return offline_until(system, record.effect_sim + DELIVERY_S)


def begins_at(system: System, record: EventRecord) -> float:
    """The start at this home: the common start plus this home's share of startRandomization."""
    if record.randomization_s <= 0:
        return record.start
    dice = Dice(system.seed, "start", system.serial, record.wire_id)
    return record.start + dice.between(0, record.randomization_s)


def engaged_at(system: System, record: EventRecord) -> float:
    """When the home begins to answer; infinity when it cannot before the end."""
    moment = max(begins_at(system, record), delivered_at(system, record))
    if moment < record.end:
        moment = offline_until(system, moment)
    return moment if moment < record.end else NEVER


def reacts(settings: UtilitySettings | None, record: EventRecord) -> bool:
    """Would the wall control's settings answer an event of this kind?"""
    if settings is None or not settings.enabled:
        return False
    if record.members["eventType"] == "price":
        return float(record.members["price"]) >= settings.price_limit
    return int(record.members["signalLevel"]) > 0


def override_at(system: System, record: EventRecord) -> float:
    """When somebody at this home declines; infinity when nobody does."""
    chosen = NEVER
    if system.persona in ("overrides_before", "overrides_during"):
        dice = Dice(system.seed, "override", system.serial, record.wire_id)
        if system.persona == "overrides_during":
            begins = begins_at(system, record)
            chosen = begins + dice.between(0.2, 0.7) * (record.end - begins)
        else:
            lead = record.start - record.effect_sim
            early = dice.between(300, 2700) if lead > 3600 else lead * dice.between(0.2, 0.6)
            chosen = record.start - early
        if chosen < delivered_at(system, record) or not reacts(
            system.plan_at(chosen).utility, record
        ):
            chosen = NEVER
    chosen = min(chosen, record.pressed_override_sim)
    return chosen if chosen < min(record.end, record.removed_sim) else NEVER


def windows(system: System) -> list[Window]:
    """Every stretch of time in which an event moves this home's setpoints."""
    found = []
    for record in system.records:
        begins = engaged_at(system, record)
        ends = min(record.end, record.removed_sim, override_at(system, record))
        if begins < ends and reacts(system.plan_at(begins).utility, record):
            found.append(Window(begins, ends, record))
    return found


def eased(base: Setpoints, settings: UtilitySettings, record: EventRecord) -> Setpoints:
    """The more saving of the home's setpoints and the event's, inside minLimit and maxLimit."""
    how = str(record.members.get("response") or "customer")
    price = record.members["eventType"] == "price"
    if how == "customer":
        how = settings.price_resp if price else settings.demand_resp
        offset = settings.price_offset if price else settings.demand_offset
        heat = settings.price_ht_abs if price else settings.demand_ht_abs
        cool = settings.price_cl_abs if price else settings.demand_cl_abs
    else:
        offset = float(record.members.get("offset") or 0)
        heat = float(record.members.get("htAbs") or base.heat_f)
        cool = float(record.members.get("clAbs") or base.cool_f)
    if how == "offset":
        heat, cool = base.heat_f - offset, base.cool_f + offset
    low, high = settings.min_limit, settings.max_limit
    return Setpoints(
        min(base.heat_f, max(heat, low)),
        max(base.cool_f, min(cool, high)),
    )


def opt_state(system: System, record: EventRecord, sim: float) -> tuple[str, float]:
    """(optType, business time it was chosen) as the list reports it."""
    declined = override_at(system, record)
    if declined <= sim:
        return "optOut", declined
    delivered = delivered_at(system, record)
    missed = sim >= record.start and engaged_at(system, record) > sim >= begins_at(system, record)
    if delivered > sim or missed or not connected(system, sim):
        return "none", NEVER
    if not reacts(system.plan_at(sim).utility, record):
        return "none", NEVER
    return "optIn", delivered


def status_word(record: EventRecord, real: float, sim: float) -> str:
    """far, near (an hour or less to go), active, completed or cancelled."""
    if record.removed_by == "cancelled" and record.removed_real <= real:
        return "cancelled"
    if sim >= record.end:
        return "completed"
    if sim >= record.start:
        return "active"
    return "near" if record.start - sim <= 3600 else "far"


def outcome(system: System, record: EventRecord, sim: float) -> str:
    """The truth about one event at one home, in one word."""
    declined = override_at(system, record)
    if declined <= sim:
        return "opted_out_before" if declined < record.start else "opted_out_during"
    if record.removed_by and record.removed_sim <= sim:
        return record.removed_by
    if sim < record.start:
        return "pending"
    engaged = engaged_at(system, record)
    if engaged > sim and (engaged == NEVER or not connected(system, sim)):
        return "unreachable"
    if not reacts(system.plan_at(min(engaged, sim)).utility, record):
        return "ignored"
    return "active" if sim < record.end else "completed"
