"""The 23 operations: status codes, media, shapes (contract page sections 1 to 4)."""

from __future__ import annotations

from typing import Any

import pytest
from defusedxml.ElementTree import fromstring

OPERATIONS = [
    ("GET", "/users/{user}", "Read-User"),
    ("GET", "/users/{user}/locations", "Read-User"),
    ("GET", "/locations/{location}", "Read-User"),
    ("GET", "/systems/{serial}", "Read-System"),
    ("GET", "/systems/{serial}/status", "Read-System"),
    ("GET", "/systems/{serial}/profile", "Read-System"),
    ("GET", "/systems/{serial}/config", "Read-System"),
    ("PUT", "/systems/{serial}/config", "Write-System"),
    ("GET", "/systems/{serial}/energy", "Read-System"),
    ("GET", "/systems/{serial}/dealer", "Read-System"),
    ("GET", "/systems/{serial}/odu_config", "Read-Equip"),
    ("GET", "/systems/{serial}/odu_status", "Read-Equip"),
    ("DELETE", "/systems/{serial}/odu_status", "Read-Equip"),
    ("GET", "/systems/{serial}/odu_faults", "Read-Equip"),
    ("GET", "/systems/{serial}/idu_config", "Read-Equip"),
    ("GET", "/systems/{serial}/idu_status", "Read-Equip"),
    ("DELETE", "/systems/{serial}/idu_status", "Read-Equip"),
    ("GET", "/systems/{serial}/idu_faults", "Read-Equip"),
    ("GET", "/systems/{serial}/history", "Read-Equip"),
    ("GET", "/systems/{serial}/equipment_events", "Read-Equip"),
    ("GET", "/systems/{serial}/root_cause", "Read-Equip"),
    ("GET", "/systems/{serial}/utility_events", "Read-UtilityEvents"),
    ("POST", "/systems/{serial}/utility_events", "Write-UtilityEvents"),
]
ALL_SCOPES = "Read-User Read-System Write-System Read-Equip Read-UtilityEvents Write-UtilityEvents"
NAMES = [f"{method} {path.rpartition('/')[2]}" for method, path, _ in OPERATIONS]
EVENT = {
    "$": {"id": "dr-table"}, "modificationNumber": 0, "eventType": "demand", "signalLevel": 1,
    "start": "2025-07-15T20:00:00Z", "duration": "PT1H",
}  # fmt: skip
BODIES = {
    "PUT": {"config": {"humidityHome": {"rhtg": 6}}},
    "POST": {"utility_events": {"events": {"event": [EVENT]}}},
}


def path_of(template: str, home: dict[str, Any]) -> str:
    return template.format(
        user=home["username"], location=home["location_id"], serial=home["systems"][0]["serial"]
    )


def allowed_at(template: str) -> str:
    return ", ".join(method for method, path, _ in OPERATIONS if path == template)


@pytest.mark.parametrize(("method", "template", "scope"), OPERATIONS, ids=NAMES)
def test_status_codes(cloud, method, template, scope):
    homes = [home for home in cloud.homes() if home["persona"] == "cooperates"]
    mine, other = homes[0], homes[1]
    token = cloud.token(mine["username"])
    path = path_of(template, mine)
    more = {"json": BODIES[method]} if method in BODIES else {}

    assert cloud.call(method, path, token, **more).status_code == 200
    assert cloud.call(method, path, token, "application/xml", **more).status_code == 200
    assert cloud.call(method, path, None, **more).status_code == 400
    assert cloud.call(method, path, "nonsense", **more).status_code == 401
    basic = {"Authorization": f"Basic {token}"}
    assert cloud.call(method, path, None, headers=basic, **more).status_code == 401
    assert cloud.call(method, path_of(template, other), token, **more).status_code == 403
    others = " ".join(name for name in ALL_SCOPES.split() if name != scope)
    narrow = cloud.token(mine["username"], others)
    assert cloud.call(method, path, narrow, **more).status_code == 403
    alone = cloud.token(mine["username"], scope)
    assert cloud.call(method, path, alone, **more).status_code == 200
    nowhere = template.format(user="home-9999", location="99999", serial="0100W999999")
    assert cloud.call(method, nowhere, token, **more).status_code == 404
    assert cloud.call(method, path, token, "text/html", **more).status_code == 406
    wrong = cloud.call("PATCH", path, token, **more)
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, allowed_at(template))


def test_expired_token_is_401(start_cloud):
    cloud = start_cloud("--homes", "3", "--access-ttl-s", "0")
    token = cloud.token("home-0001")
    assert cloud.call("GET", "/users/home-0001", token).status_code == 401


@pytest.mark.parametrize("path", ["/", "/systems", "/systems/x/nothing", "/users/home-0001/x"])
def test_unknown_paths_are_404(cloud, path):
    assert cloud.call("GET", path, cloud.token("home-0001")).status_code == 404


# --- JSON and XML ---------------------------------------------------------------------------------


def from_json(name: str, node: Any) -> list[Any]:
    """Elements as (name, attributes, text, children) from the JSON form."""
    if isinstance(node, list):
        return [element for item in node for element in from_json(name, item)]
    if not isinstance(node, dict):
        text = "" if node is None else str(node).lower() if isinstance(node, bool) else str(node)
        return [(name, {}, text, [])]
    attributes = {k: v for k, v in node.get("$", {}).items() if not k.startswith("xmlns")}
    children = [e for k, v in node.items() if k not in ("$", "_") for e in from_json(k, v)]
    return [(name, attributes, node.get("_", ""), children)]


def from_xml(element: Any) -> Any:
    name = element.tag.replace("{http://www.w3.org/2005/Atom}", "atom:")
    return (name, dict(element.attrib), element.text or "", [from_xml(e) for e in element])


@pytest.mark.parametrize("mqtt", [False, True], ids=["legacy", "mqtt"])
@pytest.mark.parametrize(
    "template", [path for method, path, _ in OPERATIONS if method == "GET"], ids=str
)
def test_both_media_say_the_same(cloud, template, mqtt):
    home = cloud.a_home(flavour="mqtt" if mqtt else "legacy")
    token = cloud.token(home["username"])
    as_json = cloud.call("GET", path_of(template, home), token)
    as_xml = cloud.call("GET", path_of(template, home), token, "application/xml")
    assert as_json.headers["Content-Type"] == "application/json; charset=utf-8"
    assert as_xml.headers["Content-Type"] == "application/xml; charset=utf-8"
    document = as_json.json()
    assert len(document) == 1
    (root,) = document
    assert from_json(root, document[root]) == [from_xml(fromstring(as_xml.content))]


def test_an_event_posted_as_xml_reads_like_one_posted_as_json(cloud):
    first, second = [h for h in cloud.homes() if h["persona"] == "cooperates"][2:4]
    body = (
        '<utility_events><events><event id="dr-x"><modificationNumber>0</modificationNumber>'
        "<eventType>demand</eventType><signalLevel>2</signalLevel>"
        "<start>2025-07-15T20:00:00Z</start><duration>PT2H</duration>"
        "<startRandomization>PT10M</startRandomization><response>customer</response>"
        "<priority>1</priority><testEvent>false</testEvent><message>Peak &lt;5 pm</message>"
        "</event></events></utility_events>"
    )
    path = f"/systems/{first['systems'][0]['serial']}/utility_events"
    sent = cloud.call(
        "POST", path, cloud.token(first["username"]), data=body,
        headers={"Content-Type": "application/xml"},
    )  # fmt: skip
    assert sent.status_code == 200
    same = {
        "startRandomization": "PT10M", "response": "customer", "offset": None, "priority": 1,
        "message": "Peak <5 pm",
    }  # fmt: skip
    serial = second["systems"][0]["serial"]
    other = cloud.post_event(serial, cloud.token(second["username"]), "dr-x", **same)
    assert sent.json()["utility_events"]["events"] == other.json()["utility_events"]["events"]


# --- shapes ---------------------------------------------------------------------------------------


def test_locations_lead_to_systems(cloud):
    home = cloud.homes()[0]
    path = f"/users/{home['username']}/locations"
    document = cloud.call("GET", path, cloud.token(home["username"])).json()["locations"]
    (location,) = document["location"]
    assert location["atom:link"]["$"]["href"] == f"{cloud.base}/locations/{home['location_id']}"
    hrefs = [one["atom:link"]["$"]["href"] for one in location["systems"]["system"]]
    assert hrefs == [f"{cloud.base}/systems/{one['serial']}" for one in home["systems"]]
    assert [link["$"]["rel"] for link in document["atom:link"]] == [
        "self",
        "http://www.api.ing.carrier.com/rels/user",
    ]


def test_status_has_eight_zone_slots_and_nan_in_the_empty_ones(cloud):
    home = cloud.a_home(zones=1)
    path = f"/systems/{home['systems'][0]['serial']}/status"
    status = cloud.call("GET", path, cloud.token(home["username"])).json()["status"]
    zones = status["zones"]["zone"]
    assert [zone["$"]["id"] for zone in zones] == [str(n) for n in range(1, 9)]
    assert [zone["enabled"] for zone in zones] == ["on"] + ["off"] * 7
    assert [zone["rt"] for zone in zones[1:]] == ["NaN"] * 7
    assert status["isDisconnected"] is False
    assert len(status["atom:link"]) == 2
    assert status["timestamp"] == "2025-07-15T17:00:00.000Z"
    assert status["localTime"] == "2025-07-15T12:00:00.000"


def test_the_two_flavours_spell_numbers_and_switches_differently(cloud):
    found = {}
    for flavour in ("legacy", "mqtt"):
        home = cloud.a_home(flavour=flavour, unit="F")
        token, serial = cloud.token(home["username"]), home["systems"][0]["serial"]
        config = cloud.call("GET", f"/systems/{serial}/config", token).json()["config"]
        status = cloud.call("GET", f"/systems/{serial}/status", token).json()["status"]
        found[flavour] = (
            config["utilityEvent"]["enabled"],
            config["isMqtt"],
            "vacstart" in config,
            type(status["zones"]["zone"][0]["htsp"]),
        )
    assert found == {"legacy": (True, False, True, str), "mqtt": ("on", True, False, float)}


@pytest.mark.parametrize(("flavour", "spelt"), [("legacy", False), ("mqtt", "off")])
def test_switched_off_and_missing_utility_blocks(start_cloud, flavour, spelt):
    cloud = start_cloud(
        "--homes", "40", "--scenario", "cooperative",
        "--persona", "dr_off=0.5", "--persona", "no_block=0.3",
    )  # fmt: skip
    for persona, expected in (("dr_off", spelt), ("no_block", None)):
        home = cloud.a_home(persona, flavour=flavour)
        path = f"/systems/{home['systems'][0]['serial']}/config"
        config = cloud.call("GET", path, cloud.token(home["username"])).json()["config"]
        assert config.get("utilityEvent", {}).get("enabled") == expected
        assert home["eligible"] is False


def test_setpoints_of_a_celsius_system_are_half_degrees_but_its_event_block_is_fahrenheit(cloud):
    home = cloud.a_home(unit="C")
    token, serial = cloud.token(home["username"]), home["systems"][0]["serial"]
    config = cloud.call("GET", f"/systems/{serial}/config", token).json()["config"]
    status = cloud.call("GET", f"/systems/{serial}/status", token).json()["status"]
    assert (config["cfgem"], status["cfgem"]) == ("C", "C")
    cool = float(status["zones"]["zone"][0]["clsp"])
    assert 21 <= cool <= 27
    assert (cool * 2).is_integer()
    assert config["utilityEvent"]["demandClAbs"] == 82
    assert status["oat"] > 80


def test_no_events_reads_like_the_captured_empty_answer(cloud):
    home = [h for h in cloud.homes() if h["persona"] == "cooperates"][5]
    serial = home["systems"][0]["serial"]
    answer = cloud.call("GET", f"/systems/{serial}/utility_events", cloud.token(home["username"]))
    assert answer.json() == {
        "utility_events": {
            "$": {"version": "1.48", "xmlns:atom": "http://www.w3.org/2005/Atom"},
            "atom:link": [
                {"$": {"rel": "self", "href": f"{cloud.base}/systems/{serial}/utility_events"}},
                {
                    "$": {
                        "rel": "http://www.api.ing.carrier.com/rels/system",
                        "href": f"{cloud.base}/systems/{serial}",
                    }
                },
            ],
            "events": None,
        }
    }


def test_delete_asks_for_a_fresh_equipment_status(cloud):
    home = [h for h in cloud.homes() if h["persona"] == "cooperates"][9]
    path = f"/systems/{home['systems'][0]['serial']}/odu_status"
    token = cloud.token(home["username"])
    before = cloud.call("GET", path, token).json()["odu_status"]["timestamp"]
    assert before < "2025-07-15T17:00:00.000Z"
    assert cloud.call("DELETE", path, token).content == b""
    assert cloud.call("GET", path, token).json()["odu_status"]["timestamp"] == (
        "2025-07-15T17:00:00.000Z"
    )


def test_a_furnace_alone_has_no_outdoor_documents(cloud):
    home = cloud.a_home("no_outdoor_unit")
    token, serial = cloud.token(home["username"]), home["systems"][0]["serial"]
    profile = cloud.call("GET", f"/systems/{serial}/profile", token).json()["system_profile"]
    assert (profile["odutype"], profile["oducapacity"]) == ("none", 0)
    codes = {
        name: cloud.call("GET", f"/systems/{serial}/{name}", token).status_code
        for name in ("odu_config", "odu_status", "odu_faults", "idu_config", "idu_status")
    }
    assert codes == {
        "odu_config": 404, "odu_status": 404, "odu_faults": 404,
        "idu_config": 200, "idu_status": 200,
    }  # fmt: skip
