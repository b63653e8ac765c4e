"""Equipment documents (operations 11 to 21). °F, V, A, rpm, psi as on the wire.

odu_status and idu_status are a day old unless a DELETE asked for a fresh one less than a day ago.
"""

from __future__ import annotations

from carrier_sandbox.clock import utc_text
from carrier_sandbox.documents.common import View, head, onoff
from carrier_sandbox.documents.status import indoor_opstat, opstat
from carrier_sandbox.thermal import SystemState, running
from carrier_sandbox.tree import Node

RPM = (0, 1500, 2460, 2800, 3650, 4320)
STALE_S = {"odu_status": 90000.0, "idu_status": 93600.0}


def _as_of(view: View, name: str) -> float:
    """The business time of a cached equipment document: the newest of its own rhythm and the last
    DELETE.
    """
    period = STALE_S[name]
    routine = view.contact - (view.contact + view.system.number * 977) % period
    asked = view.system.refreshed.get(name, 0.0)
    return max(routine, min(asked, view.contact))


def _stages(view: View) -> int:
    stages = view.system.traits.kind.stages
    return 5 if stages == 0 else max(stages, 0)


def odu_config(view: View) -> Node:
    """Outdoor-unit settings."""
    kind = view.system.traits.kind
    stages = _stages(view)
    return {
        "odu_config": {
            **head(view, "/odu_config"), "timestamp": utc_text(view.contact - view.contact % 86400),
            "odutype": kind.odutype, "oducoolafl": "comfort", "oduheatafl": "comfort",
            "coollocktemp": "none", "heatlocktemp": "none", "lowambcool": "off",
            "quietshift": "off", "brownout": "on", "defrostInt": 90, "curtailcool": "disabled",
            "curtailheat": "disabled", "mincoolstage": min(stages, 1), "maxcoolstage": stages,
            "usermincoolstage": min(stages, 1), "usermaxcoolstage": stages, "lockoutcount": 0,
        }
    }  # fmt: skip


def odu_status(view: View) -> Node:
    """Outdoor-unit readings as of the last refresh."""
    as_of = _as_of(view, "odu_status")
    state = view.physics.state(view.system, as_of)
    traits = view.system.traits
    unit = running(view.system, state)
    stages = _stages(view)
    inverter = traits.kind.stages in (0, 5)
    speed = round(4320 * unit.fraction) if traits.kind.stages == 0 else RPM[unit.stage]
    body: Node = {
        **head(view, "/odu_status"), "timestamp": utc_text(as_of),
        "odutype": traits.kind.status_type, "opstat": opstat(view, state), "opmode": unit.opmode,
        "iducfm": _cfm(view, state), "lat": "na",
        "oducoiltmp": round(state.outdoor_f + 8 * unit.fraction),
        "oat": round(state.outdoor_f), "linevolt": 241, "lockactive": "off", "locktime": 0,
        "comprpm": speed, "outdoorfanrpm": 700 if unit.stage else 0, "suctpress": 130,
        "exvposvi": {"_": "0", "$": {"unit": "steps"}}, "statpress": "0.45", "curtail": "off",
        "availmincoolstage": min(stages, 1), "availmaxcoolstage": stages,
        "opmincoolstage": min(stages, 1), "opmaxcoolstage": stages,
    }  # fmt: skip
    if inverter:
        body["aclinecurrent"] = f"{traits.kw * unit.fraction * 1000 / 241:.1f}"
    return {"odu_status": body}


def _cfm(view: View, state: SystemState) -> int:
    return round(view.system.traits.capacity * 30 * abs(state.load))


def idu_config(view: View) -> Node:
    """Indoor-unit settings."""
    traits = view.system.traits
    return {
        "idu_config": {
            **head(view, "/idu_config"), "timestamp": utc_text(view.contact - view.contact % 86400),
            "idutype": traits.kind.idu_status_type, "iduairflow": "comfort", "gtermavail": "no",
            "heatoffdelay": 120, "auxheatlocktmp": "none", "reheat": "off", "dehumdrain": "off",
            "mincfm": 400, "maxcfm": traits.capacity * 34, "furnstages": 2, "elevation": 600,
        }
    }  # fmt: skip


def idu_status(view: View) -> Node:
    """Indoor-unit readings as of the last refresh."""
    as_of = _as_of(view, "idu_status")
    state = view.physics.state(view.system, as_of)
    return {
        "idu_status": {
            **head(view, "/idu_status"), "timestamp": utc_text(as_of),
            "idutype": view.system.traits.kind.idu_status_type, "pwmblower": onoff(False),
            "opstat": indoor_opstat(view.system.traits, state), "iducfm": _cfm(view, state),
            "blwrpm": 600 if abs(state.load) > 0.01 else 0, "statpress": "0.45",
            "coiltemp": "na", "inducerrpm": 0, "lat": "na", "lockoutactive": "off",
            "lockouttime": 0,
        }
    }  # fmt: skip


def odu_faults(view: View) -> Node:
    """Outdoor-unit faults: none."""
    return {"odu_faults": {**head(view, "/odu_faults"), "source": "HP", "faults": None}}


def idu_faults(view: View) -> Node:
    """Indoor-unit faults: every twelfth system remembers one."""
    faults: Node | None = None
    if view.system.number % 12 == 5:
        fault = {"code": "41", "description": "41-BLOWER MOTOR FAULT", "occurrences": 1}
        faults = {"fault": [fault]}
    source = "furnace" if view.system.traits.kind.idusource == "gas" else "fancoil"
    return {"idu_faults": {**head(view, "/idu_faults"), "source": source, "faults": faults}}


def history(view: View) -> Node:
    """Counters since installation; what does not apply is empty."""
    years = 2 + view.system.number % 6
    cooling = view.system.traits.kind.stages >= 0
    return {
        "history": {
            **head(view, "/history"), "timestamp": utc_text(view.contact - view.contact % 75600),
            "idu": {
                "powercycles": 3 * years, "lowheatcycles": 900 * years, "medheatcycles": None,
                "highheatcycles": 120 * years, "blowercycles": 3100 * years,
                "onhours": 8766 * years,
                "lowheathours": 400 * years, "medheathours": None, "highheathours": 60 * years,
                "blowerhours": 2100 * years,
            },
            "odu": {
                "powercycles": 3 * years if cooling else None,
                "lowcoolcycles": 800 * years if cooling else None,
                "highcoolcycles": 150 * years if cooling else None,
                "onhours": 8766 * years if cooling else None,
                "lowcoolhours": 700 * years if cooling else None,
                "highcoolhours": 210 * years if cooling else None, "defrostcycles": None,
                "defrosthours": None,
            },
        }
    }  # fmt: skip


def equipment_events(view: View) -> Node:
    """Equipment faults, newest first; every fifth system has one old one."""
    events: Node | None = None
    if view.system.number % 5 == 2:
        then = view.contact - view.contact % 86400 - 13 * 86400
        event = {
            "$": {"id": "1"}, "code": "179", "source": "UI",
            "description": "OUTDOOR UNIT COMMUNICATION FAULT",
            "localtime": view.local_text(then, "seconds"), "occurrences": 1, "active": "off",
        }  # fmt: skip
        events = {"event": [event]}
    return {"equipment_events": {**head(view, "/equipment_events"), "events": events}}


def root_cause(view: View) -> Node:
    """Only the empty form is public."""
    return {"root_cause": {"$": {"version": "1.7"}}}
