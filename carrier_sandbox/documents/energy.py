"""energy (operation 9): yesterday and the day before from the thermal model, longer spans by the
season.

Electric categories are whole kWh, cost is currency, gas is hundredths of a therm. No period
covers today.
"""

from __future__ import annotations

import math

from carrier_sandbox.clock import utc_text
from carrier_sandbox.documents.common import View, head, onoff
from carrier_sandbox.tree import Node
from carrier_sandbox.weather import WARMEST_DAY, YEAR_DAYS

CATEGORIES = ("cooling", "hpheat", "eheat", "reheat", "fan", "fangas", "gas", "looppump")
RATE = 0.13  # $/kWh


def energy(view: View) -> Node:
    """Use and cost of six periods."""
    traits = view.system.traits
    kind = traits.kind
    local = view.contact + view.clock.offset_s(view.contact)
    midnight = view.contact - local % 86400
    day1 = _cooling_kwh(view, midnight - 86400, midnight)
    day2 = _cooling_kwh(view, midnight - 172800, midnight - 86400)
    month = _season(local - 30 * 86400, day1)
    periods = {
        "day1": day1, "day2": day2, "month1": 30 * month,
        "month2": 30 * _season(local - 60 * 86400, day1),
        "year1": 150 * month, "year2": 180 * month,
    }  # fmt: skip
    shown = {
        "cooling": kind.stages >= 0, "hpheat": kind.heats_outdoors, "fan": True,
        "gas": kind.idusource == "gas", "fangas": kind.idusource == "gas",
    }  # fmt: skip
    attributes = {
        name: {"$": {"display": onoff(shown.get(name)), "enabled": onoff(shown.get(name))}}
        for name in CATEGORIES
    }
    return {
        "energy": {
            **head(view, "/energy"), "timestamp": utc_text(midnight + 7200),
            "seer": f"{traits.seer:.1f}", "hspf": "9.5", **attributes,
            "usage": {"period": [_usage(name, kwh) for name, kwh in periods.items()]},
            "cost": {"period": [_cost(name, kwh) for name, kwh in periods.items()]},
        }
    }  # fmt: skip


def _cooling_kwh(view: View, begins: float, ends: float) -> float:
    return view.physics.cooling_hours(view.system, begins, ends) * view.system.traits.kw


def _season(local: float, day_kwh: float) -> float:
    """A daily figure for that part of the year, in proportion to the newest day."""
    angle = 2 * math.pi * ((local / 86400) % YEAR_DAYS - WARMEST_DAY) / YEAR_DAYS
    return day_kwh * (0.5 + 0.5 * math.cos(angle))


def _usage(name: str, kwh: float) -> Node:
    whole: Node = dict.fromkeys(CATEGORIES, 0)
    return {"$": {"id": name}, **whole, "cooling": round(kwh), "fan": round(kwh * 0.1)}


def _cost(name: str, kwh: float) -> Node:
    nothing: Node = dict.fromkeys(CATEGORIES, "0.00")
    return {
        "$": {"id": name}, **nothing, "cooling": f"{round(kwh) * RATE:.2f}",
        "fan": f"{round(kwh * 0.1) * RATE:.2f}",
    }  # fmt: skip
