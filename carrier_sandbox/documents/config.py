"""config and the whole system (operations 4, 7, 8): settings, schedule and the utilityEvent block.

utilityEvent is °F always; zone setpoints follow cfgem. A written member is shown as it was
written.
"""

from __future__ import annotations

from typing import Any

from carrier_sandbox.clock import utc_text
from carrier_sandbox.documents.common import (
    RELS,
    SLOTS,
    View,
    flavoured,
    head,
    link,
    onoff,
    root_of,
)
from carrier_sandbox.documents.profile import dealer_members, profile_members
from carrier_sandbox.plans import ACTIVITIES, DAYS, Plan, UtilitySettings, ZonePlan, shown
from carrier_sandbox.traits import SystemTraits
from carrier_sandbox.tree import Node, id_of, many


def config(view: View) -> Node:
    """Settings as a document of its own."""
    return {"config": {**head(view, "/config"), **config_members(view)}}


def system(view: View) -> Node:
    """Dealer, profile and config in one document."""
    home = view.world.home(view.system.number // 2)
    links = [
        link("self", view.href(), view.system.traits.name),
        link(f"{RELS}/user", f"{view.base}/users/{home.username}"),
        link(f"{RELS}/location", f"{view.base}/locations/{home.location_id}"),
        link(f"{RELS}/notifications", view.href("/notifications")),
        link(f"{RELS}/system_notification_prefs", view.href("/notification_prefs")),
        link(f"{RELS}/status", view.href("/status")),
    ]
    return {
        "system": {
            "$": root_of(), "atom:link": links, "dealer": dealer_members(view),
            "profile": profile_members(view), "config": config_members(view),
        }
    }  # fmt: skip


def config_members(view: View) -> Node:
    """The first settings with everything written since laid over them."""
    traits = view.system.traits
    plan = view.system.plans[0]
    members: Node = {
        "timestamp": utc_text(view.contact - view.contact % 60),
        "mode": plan.mode, "previousMode": "cool", "heatsource": "system",
        "cfgem": "C" if traits.celsius else "F", "cfgtype": "heatcool", "cfgauto": "on",
        "cfgdead": 1 if traits.celsius else 2, "cfgfan": "on", "cfgpgm": "on", "cfgchgovr": 30,
        "cfgsimultheatcool": "off", "cfgrecovery": "on", "cfgzoning": onoff(len(plan.zones) > 1),
        "cfghumid": "off", "cfgvent": "off", "cfguv": "off", "cfgcph": 4,
        "erate": 0.13 if traits.mqtt else "0.13", "grate": "1.60", "fueltype": "gas",
        "gasunit": "therm", "vacat": "off", "vacstart": None, "vacend": None,
        "vacmint": 15.5 if traits.celsius else "60.0",
        "vacmaxt": 26.5 if traits.celsius else "80.0", "vacfan": "off",
        "filtertype": "airfilter", "filterinterval": 4, "filtrrmd": "on",
        "weatherPostalCode": view.world.home(view.system.number // 2).postal,
        "blight": 10, "screensaver": "off", "sound": "on", "timeAndDate": None,
        "isMqtt": traits.mqtt, "occParameters": None,
        "windowprotect": {"enabled": "off", "rhtg": 1, "ventprotect": None},
        "humidityHome": {"humid": "off", "rhtg": 5, "rclg": 4, "rclgovercool": "off"},
    }  # fmt: skip
    if plan.utility is not None:
        members["utilityEvent"] = _utility(plan.utility, traits.mqtt)
    members["wholeHouse"] = {
        "holdActivity": "none", "hold": "off", "otmr": None,
        "activities": {"activity": [{"$": {"id": name}, "blight": 10} for name in ACTIVITIES[:4]]},
    }  # fmt: skip
    members["zones"] = {"zone": [_zone(plan, traits, slot) for slot in range(SLOTS)]}
    return flavoured(merged(members, view.system.config_patch), traits.mqtt)


def _utility(settings: UtilitySettings, mqtt: bool) -> Node:
    enabled: object = onoff(settings.enabled) if mqtt else settings.enabled
    return {
        "enabled": enabled, "priceResp": settings.price_resp, "priceLimit": settings.price_limit,
        "priceOffset": settings.price_offset, "priceHtAbs": settings.price_ht_abs,
        "priceClAbs": settings.price_cl_abs, "demandResp": settings.demand_resp,
        "demandOffset": settings.demand_offset, "demandHtAbs": settings.demand_ht_abs,
        "demandClAbs": settings.demand_cl_abs, "minLimit": settings.min_limit,
        "maxLimit": settings.max_limit, "restoreDefaults": "off", "venId": None, "vtnId": None,
    }  # fmt: skip


def _zone(plan: Plan, traits: SystemTraits, slot: int) -> Node:
    zone = plan.zones[min(slot, len(plan.zones) - 1)]
    real = slot < len(plan.zones)
    return {
        "$": {"id": str(slot + 1)}, "name": zone.name if real else f"Zone {slot + 1}",
        "enabled": onoff(real), "holdActivity": None, "hold": "off", "otmr": None, "setback": None,
        "airflowlimit": "high", "cfmlimit": None, "tempoffset": 0, "occEnabled": "off",
        "activities": {"activity": [_activity(zone, traits, name) for name in ACTIVITIES]},
        "program": {"day": [_day(zone, index) for index in range(7)]},
    }  # fmt: skip


def _activity(zone: ZonePlan, traits: SystemTraits, name: str) -> Node:
    heat, cool = (shown(value, traits.celsius) for value in zone.activities[name])
    return {
        "$": {"id": name}, "htsp": heat if traits.mqtt else f"{heat:.1f}",
        "clsp": cool if traits.mqtt else f"{cool:.1f}", "fan": "off", "previousFan": None,
    }  # fmt: skip


def _day(zone: ZonePlan, index: int) -> Node:
    periods = []
    for number in range(5):
        used = number < len(zone.week[index])
        minute, activity = zone.week[index][number] if used else (0, "home")
        periods.append(
            {
                "$": {"id": str(number + 1)}, "activity": activity,
                "time": f"{minute // 60:02d}:{minute % 60:02d}", "enabled": onoff(used),
            }
        )  # fmt: skip
    return {"$": {"id": DAYS[index]}, "period": periods}


def merged(base: Any, patch: Any) -> Any:
    """Lay a partial document over another: objects by member, lists by ``$.id``, the rest
    replaced.
    """
    if isinstance(base, list):
        result = list(base)
        for item in many(patch):
            at = next((i for i, old in enumerate(result) if id_of(old) == id_of(item)), None)
            if at is None:
                result.append(item)
            else:
                result[at] = merged(result[at], item)
        return result
    if not isinstance(base, dict) or not isinstance(patch, dict):
        return patch
    result_node: Node = dict(base)
    for key, value in patch.items():
        if key != "$":
            result_node[key] = merged(base[key], value) if key in base else value
    return result_node
