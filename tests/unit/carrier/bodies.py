"""Bodies of all readable operations, in the shapes of contract section 3; all values invented."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

HOST = "https://host.example"
SERIAL = "2319W004821"
PIN = "c0ffee42"


def link(path: str, title: str | None = None, rel: str = "self") -> dict[str, Any]:
    title_too = {} if title is None else {"title": title}
    return {"$": {"rel": rel, "href": HOST + path, **title_too}}


def zone(number: int, **members: Any) -> dict[str, Any]:
    return {"$": {"id": str(number)}, **members}


LOCATION: dict[str, Any] = {
    "atom:link": link("/locations/40231", "Home"),
    "name": "Home",
    "street1": "12 Example Rd",
    "street2": None,
    "city": "Springfield",
    "state": "IL",
    "country": "United States",
    "postal": "62701",
    "systems": {"system": [{"atom:link": [link(f"/systems/{SERIAL}", "Downstairs")]}]},
}
UTILITY_EVENT: dict[str, Any] = {
    "enabled": "on",
    "priceResp": "offset",
    "priceLimit": 10,
    "priceOffset": 4,
    "priceHtAbs": 60,
    "priceClAbs": 82,
    "demandResp": "absolute",
    "demandOffset": 3,
    "demandHtAbs": 61,
    "demandClAbs": 83,
    "minLimit": 50,
    "maxLimit": 90,
    "restoreDefaults": "off",
    "venId": None,
    "vtnId": "vtn-1",
}
PROFILE: dict[str, Any] = {
    "atom:link": [link(f"/systems/{SERIAL}/profile")],
    "name": "Downstairs",
    "serial": SERIAL,
    "pin": PIN,
    "brand": "Carrier",
    "model": "SYSTXCCITC01-B",
    "firmware": "CESR131626-04.10",
    "indoorModel": "FE4ANB006",
    "outdoorModel": "25VNA048",
    "idutype": "fancoil",
    "idusource": "electric",
    "odutype": "varcaphp",
    "oducapacity": 48,
    "routerMac": "00:00:5e:00:53:01",
    "zones": {"zone": [zone(1, present="on"), zone(2, present="off")]},
}
CONFIG: dict[str, Any] = {
    "timestamp": "2025-07-15T20:00:00.000Z",
    "mode": "cool",
    "cfgem": "F",
    "cfgdead": 2,
    "isMqtt": True,
    "vacat": "on",
    "vacstart": "2025-08-01T12:00",
    "vacend": "2025-08-09T12:00",
    "erate": "0.13",
    "utilityEvent": UTILITY_EVENT,
    "zones": {
        "zone": [
            zone(
                1,
                name="Downstairs",
                enabled="on",
                hold="on",
                holdActivity="manual",
                otmr="18:30",
                activities={
                    "activity": [
                        {"$": {"id": "home"}, "htsp": "68.0", "clsp": "75.0", "fan": "off"},
                        {"$": {"id": "manual"}, "htsp": 66, "clsp": 79, "fan": "low"},
                    ]
                },
            ),
            zone(2, name=None, enabled="off", hold="off", holdActivity="none", otmr=None),
        ]
    },
}
STATUS: dict[str, Any] = {
    "$": {"version": "1.48"},
    "timestamp": "2025-07-15T20:04:11.120Z",
    "pingRate": 15,
    "utilityEventsHasChanges": True,
    "name": "Downstairs",
    "oat": 94,
    "mode": "cool",
    "cfgem": "F",
    "vacatrunning": "off",
    "localTime": "2025-07-15T15:04:11.120",
    "isDisconnected": False,
    "idu": {"type": "fancoilelectric", "opstat": "off", "cfm": 1010},
    "odu": {"type": "proteushp", "opstat": "Stage 3", "opmode": "cooling"},
    "zones": {
        "zone": [
            zone(
                1,
                name="Downstairs",
                enabled="on",
                currentActivity="home",
                rt=76,
                rh=48,
                hold="off",
                htsp="68.0",
                clsp=75.0,
                otmr=None,
                zoneconditioning="active_cool",
                occupancy="motion",
            ),
            zone(2, name="Zone 2", enabled="off", rt="NaN", rh="na", htsp=60, clsp="-----"),
        ]
    },
}
BODIES: dict[str, dict[str, Any]] = {
    "user": {
        "user": {"username": "pat.doe", "first": "Pat", "last": "Doe", "email": "p@x.example"}
    },
    "locations": {
        "locations": {
            "$": {"version": "1.48"},
            "atom:link": [link("/users/pat.doe/locations"), link("/users/pat.doe", rel="user")],
            "location": [LOCATION],
        }
    },
    "location": {"location": LOCATION},
    "system": {"system": {"profile": PROFILE, "config": CONFIG, "dealer": {"name": "Cool Co"}}},
    "status": {"status": STATUS},
    "profile": {"system_profile": PROFILE},
    "config": {"config": CONFIG},
    "energy": {
        "energy": {
            "timestamp": "2025-07-15T08:10:00.000Z",
            "seer": "18.0",
            "hspf": "9.5",
            "cooling": {"$": {"display": "on", "enabled": "on"}},
            "usage": {
                "period": [
                    {"$": {"id": "day1"}, "cooling": 21, "hpheat": "0", "fan": 2, "gas": 170},
                    {"$": {"id": "day2"}, "cooling": 18, "eheat": None, "fan": "NaN"},
                ]
            },
            "cost": {"period": {"$": {"id": "day1"}, "cooling": "2.73", "fan": "0.26"}},
        }
    },
    "dealer": {"dealer": {"name": "Cool Co", "phone": "5550100", "email": None, "url": "N/A"}},
    "odu_config": {"odu_config": {"odutype": "proteushp", "curtailcool": "disabled"}},
    "odu_status": {
        "odu_status": {
            "timestamp": "2025-07-15T20:03:40.000Z",
            "odutype": "proteushp",
            "opstat": "Stage 3",
            "opmode": "cooling",
            "lat": "na",
            "oat": 94,
            "linevolt": 241,
            "aclinecurrent": "9.5",
            "lockactive": "off",
            "comprpm": 2800,
            "curtail": "on",
            "exvposvi": {"_": "0", "$": {"unit": "steps"}},
        }
    },
    "odu_faults": {"odu_faults": {"source": "HP", "faults": None}},
    "idu_config": {"idu_config": {"idutype": "furnace2stg"}},
    "idu_status": {
        "idu_status": {
            "idutype": "furnace2stg",
            "opstat": "high",
            "iducfm": 1010,
            "blwrpm": "na",
            "lockoutactive": "off",
        }
    },
    "idu_faults": {
        "idu_faults": {
            "source": "furnace",
            "faults": {
                "fault": {"code": "41", "description": "41-BLOWER MOTOR FAULT", "occurrences": 1}
            },
        }
    },
    "history": {
        "history": {
            "idu": {"powercycles": 12, "lowheathours": None},
            "odu": {"lowcoolhours": "840", "highcoolhours": 120, "lowventhours": "N/A"},
        }
    },
    "equipment_events": {
        "equipment_events": {
            "events": {
                "event": [
                    {
                        "$": {"id": "1"},
                        "code": "179",
                        "source": "UI",
                        "description": "OUTDOOR UNIT COMMUNICATION FAULT",
                        "localtime": "2025-07-02T15:47:00",
                        "occurrences": 1,
                        "active": "off",
                    }
                ]
            }
        }
    },
    "root_cause": {"root_cause": {"$": {"version": "1.7"}}},
    "utility_events": {"utility_events": {"$": {"version": "1.48"}, "events": None}},
}


def as_json(tree: dict[str, Any]) -> bytes:
    return json.dumps(tree).encode()


def as_xml(tree: dict[str, Any]) -> bytes:
    ((name, content),) = tree.items()
    body = ElementTree.tostring(_element(name, content), encoding="utf-8")
    return body.replace(f"<{name}".encode(), f'<{name} xmlns:atom="{_ATOM}"'.encode(), 1)


_ATOM = "http://www.w3.org/2005/Atom"


def _element(name: str, content: Any) -> ElementTree.Element:
    element = ElementTree.Element(name)
    if not isinstance(content, dict):
        if content is not None:
            element.text = str(content).lower() if isinstance(content, bool) else str(content)
        return element
    for key, value in content.items():
        if key == "$":
            element.attrib.update(value)
        elif key == "_":
            element.text = value
        else:
            for one in value if isinstance(value, list) else [value]:
                element.append(_element(key, one))
    return element
