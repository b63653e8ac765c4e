"""Homes that warm up and people who touch the dial, as the clock file is moved. No sleeping."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

HOUR = 3600.0
NOON = 1752598800.0  # 15 July 2025 12:00 in Chicago
START = 1752609600.0  # 15:00
END = START + 2 * HOUR
# A share of everybody, so that a small town has each of them.
TOWN = (
    "--homes", "40", "--persona", "dr_off=0.1", "--persona", "no_block=0.1",
    "--persona", "offline=0.1", "--persona", "goes_offline=0.1",
    "--persona", "overrides_before=0.1", "--persona", "overrides_during=0.1",
)  # fmt: skip


def event_for_everybody(cloud: Any, event_id: str = "dr-1", **members: Any) -> None:
    for grant in cloud.admin("POST", "grants", users="all")["grants"]:
        for serial in grant["systems"]:
            answer = cloud.post_event(serial, grant["access_token"], event_id, **members)
            assert answer.status_code == 200, answer.text


def outcomes(cloud: Any) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for system in cloud.admin("GET", "truth")["systems"]:
        found.setdefault(system["persona"], set()).update(e["outcome"] for e in system["events"])
    return found


def test_every_persona_comes_to_its_outcome(start_cloud):
    cloud = start_cloud(*TOWN)
    event_for_everybody(cloud)
    assert outcomes(cloud) == {home["persona"]: {"pending"} for home in cloud.homes()}
    cloud.move_to(START + 60)
    assert outcomes(cloud)["goes_offline"] == {"unreachable"}
    assert outcomes(cloud)["cooperates"] == {"active"}
    cloud.move_to(END + 1)
    expected = {home["persona"]: {home["expected_outcome"]} for home in cloud.homes()}
    assert outcomes(cloud) == expected
    assert set(expected) >= {
        "cooperates", "dr_off", "no_block", "offline", "goes_offline",
        "overrides_before", "overrides_during",
    }  # fmt: skip
    totals = cloud.admin("GET", "truth", event_id="dr-1")["totals"]
    assert totals["peak_overlap"] == 1
    assert totals["systems"] == sum(len(home["systems"]) for home in cloud.homes())


def listed(cloud: Any, home: dict[str, Any], token: str) -> tuple[str, str]:
    path = f"/systems/{home['systems'][0]['serial']}/utility_events"
    (event,) = cloud.call("GET", path, token).json()["utility_events"]["events"]["event"]
    return event["status"], event["optType"]


@pytest.mark.parametrize(
    ("persona", "opts"),
    [
        ("cooperates", ["none", "optIn", "optIn", "optIn", "optIn"]),
        ("overrides_before", ["none", "optIn", "optOut", "optOut", "optOut"]),
        ("overrides_during", ["none", "optIn", "optIn", "optOut", "optOut"]),
        ("goes_offline", ["none", "optIn", "none", "none", "none"]),
        ("offline", ["none"] * 5),
        ("dr_off", ["none"] * 5),
        ("no_block", ["none"] * 5),
    ],
)
def test_the_list_tells_status_and_choice(start_cloud, persona, opts):
    cloud = start_cloud(*TOWN)
    home = cloud.a_home(persona)
    token = cloud.token(home["username"])
    assert cloud.post_event(home["systems"][0]["serial"], token).status_code == 200
    seen = [listed(cloud, home, token)]
    for moment in (START - 0.9 * HOUR, START + 1, END - 60, END):
        cloud.move_to(moment)
        seen.append(listed(cloud, home, token))
    statuses = ["far", "near", "active", "active", "completed"]
    assert seen == list(zip(statuses, opts, strict=True))
    cloud.move_to(END + 49 * HOUR)
    path = f"/systems/{home['systems'][0]['serial']}/utility_events"
    assert cloud.call("GET", path, token).json()["utility_events"]["events"] is None


def test_a_home_that_drops_off_says_so_and_keeps_its_setpoints(start_cloud):
    cloud = start_cloud(*TOWN)
    home = cloud.a_home("goes_offline")
    token, serial = cloud.token(home["username"]), home["systems"][0]["serial"]
    cloud.post_event(serial, token)
    path = f"/systems/{serial}/status"
    before = cloud.call("GET", path, token).json()["status"]
    cloud.move_to(START + HOUR)
    during = cloud.call("GET", path, token).json()["status"]
    assert (before["isDisconnected"], during["isDisconnected"]) == (False, True)
    assert during["timestamp"] == "2025-07-15T19:50:00.000Z"
    assert cloud.truth(serial)["events"][0]["setpoints_moved"] is None


def test_the_fetch_flag_is_up_until_the_wall_control_has_the_event(cloud):
    home = [h for h in cloud.homes() if h["persona"] == "cooperates"][20]
    token, serial = cloud.token(home["username"]), home["systems"][0]["serial"]
    cloud.post_event(serial, token)
    flags = []
    for moment in (NOON, NOON + 14, NOON + 15):
        cloud.move_to(moment)
        status = cloud.call("GET", f"/systems/{serial}/status", token).json()["status"]
        flags.append(status["utilityEventsHasChanges"])
    assert flags == [True, True, False]


def afternoon(cloud: Any, serial: str) -> list[dict[str, Any]]:
    """The thermal model at 5 minute steps through the two hours of the event."""
    cloud.move_to(END)
    return [
        cloud.admin("GET", "rooms", system=serial, sim=START + minutes * 60)
        for minutes in range(5, 120, 5)
    ]


def test_an_event_saves_runtime_and_warms_the_room_against_a_twin(start_cloud):
    with_event, twin = start_cloud("--homes", "20"), start_cloud("--homes", "20")
    home = with_event.a_home()
    serial = home["systems"][0]["serial"]
    with_event.post_event(serial, with_event.token(home["username"]))
    eased, plain = afternoon(with_event, serial), afternoon(twin, serial)
    assert [one["outdoor_f"] for one in eased] == [one["outdoor_f"] for one in plain]
    loads = [sum(one["load"] for one in side) / len(side) for side in (eased, plain)]
    assert loads[0] < 0.6 * loads[1]
    assert plain[-1]["load"] > 0.4
    warmer = [
        one["zones"][0]["room_f"] - other["zones"][0]["room_f"]
        for one, other in zip(eased, plain, strict=True)
    ]
    assert all(now >= before for before, now in pairwise(warmer[:7]))
    assert 1.0 < max(warmer) <= 4.0
    assert eased[0]["zones"][0]["cool_f"] - plain[0]["zones"][0]["cool_f"] == 4.0


def test_heat_outdoors_means_more_runtime(cloud):
    home = cloud.a_home(kind="heat_pump_inverter", zones=1)
    serial = home["systems"][0]["serial"]
    cloud.move_to(NOON + 12 * HOUR)
    dawn = cloud.admin("GET", "rooms", system=serial, sim=NOON - 7 * HOUR)
    peak = cloud.admin("GET", "rooms", system=serial, sim=NOON + 4 * HOUR)
    assert 76 <= dawn["outdoor_f"] <= 84
    assert 95 <= peak["outdoor_f"] <= 100
    assert peak["load"] > dawn["load"] + 0.3
    assert peak["kw"] > dawn["kw"]


def test_the_answer_does_not_depend_on_who_looked_when(start_cloud):
    looked, slept = start_cloud("--homes", "5"), start_cloud("--homes", "5")
    serial = looked.homes()[0]["systems"][0]["serial"]
    for hours in range(1, 40, 3):
        looked.move_to(NOON + hours * HOUR)
        looked.admin("GET", "rooms", system=serial)
    for cloud in (looked, slept):
        cloud.move_to(NOON + 40 * HOUR)
    assert looked.admin("GET", "rooms", system=serial) == slept.admin("GET", "rooms", system=serial)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ({"response": "offset", "offset": 2}, 2.0),
        ({"response": "customer", "offset": None}, 4.0),
        ({"response": "absolute", "offset": None, "htAbs": 55, "clAbs": 60}, 0.0),
        ({"eventType": "price", "signalLevel": None, "price": 9.5, "response": "customer"}, 0.0),
        ({"eventType": "price", "signalLevel": None, "price": 10, "response": "customer"}, 4.0),
    ],
)
def test_the_more_saving_setpoint_counts(start_cloud, response, expected):
    cloud = start_cloud("--homes", "8")
    home = cloud.a_home()
    serial = home["systems"][0]["serial"]
    cloud.post_event(serial, cloud.token(home["username"]), **response)
    cloud.move_to(END + 60)
    moments = (START - 60, START + 60, END + 1)
    before, during, after = (
        cloud.admin("GET", "rooms", system=serial, sim=moment)["zones"][0]["cool_f"]
        for moment in moments
    )
    assert during - before == expected
    assert after == before


@pytest.mark.parametrize("ask", [{"htAbs": 55, "clAbs": 60}, {"htAbs": 78, "clAbs": 80}])
def test_an_event_can_neither_pre_cool_nor_pre_heat(start_cloud, ask):
    """Colder than the home cools to, or warmer than it heats to: that setpoint stays as it was."""
    cloud = start_cloud("--homes", "8")
    home = cloud.a_home()
    serial = home["systems"][0]["serial"]
    answer = cloud.post_event(
        serial, cloud.token(home["username"]), response="absolute", offset=None, **ask
    )
    assert answer.status_code == 200
    cloud.move_to(START + 120)
    before, during = (
        cloud.admin("GET", "rooms", system=serial, sim=moment)["zones"][0]
        for moment in (START - 60, START + 60)
    )
    if ask["clAbs"] == 60:
        assert ask["clAbs"] < before["cool_f"] == during["cool_f"]
        assert during["heat_f"] == 55 < before["heat_f"], "the event did arrive"
    else:
        assert ask["htAbs"] > before["heat_f"] == during["heat_f"]
        assert during["cool_f"] == 80 > before["cool_f"], "the event did arrive"


def test_override_restores_the_setpoints(cloud):
    home = [h for h in cloud.homes() if h["persona"] == "cooperates"][21]
    token, serial = cloud.token(home["username"]), home["systems"][0]["serial"]
    cloud.post_event(serial, token)
    cool = []
    for minutes in (10, 20):
        cloud.move_to(START + minutes * 60)
        cool.append(cloud.admin("GET", "rooms", system=serial)["zones"][0]["cool_f"])
        if minutes == 10:
            cloud.admin("POST", "act", system=serial, do="override")
    assert cool[0] - cool[1] == 4.0
    (event,) = cloud.truth(serial)["events"]
    assert (event["outcome"], event["opt_type"]) == ("opted_out_during", "optOut")


def test_acts_switch_the_wall_control(cloud):
    home = [h for h in cloud.homes() if h["persona"] == "cooperates"][22]
    token, serial = cloud.token(home["username"]), home["systems"][0]["serial"]

    def look() -> tuple[Any, Any]:
        status = cloud.call("GET", f"/systems/{serial}/status", token).json()["status"]
        config = cloud.call("GET", f"/systems/{serial}/config", token).json()["config"]
        return status["isDisconnected"], str(config["utilityEvent"]["enabled"]).lower()

    seen = []
    for do in ("go_offline", "come_online", "dr_off", "dr_on"):
        cloud.admin("POST", "act", system=serial, do=do)
        offline, enabled = look()
        seen.append((offline, enabled in ("true", "on")))
    assert seen == [(True, True), (False, True), (False, False), (False, True)]


def test_the_same_seed_makes_the_same_homes_and_outcomes(start_cloud):
    runs = []
    for _ in range(2):
        cloud = start_cloud(*TOWN, "--seed", "11")
        event_for_everybody(cloud)
        cloud.move_to(END + 1)
        told = {
            system["serial"]: [(e["outcome"], e["override_sim"]) for e in system["events"]]
            for system in cloud.admin("GET", "truth")["systems"]
        }
        runs.append(json.dumps([cloud.homes(), told], sort_keys=True))
    assert runs[0] == runs[1]
    other = start_cloud(*TOWN, "--seed", "12")
    assert other.homes() != json.loads(runs[0])[0]
    assert len({home["persona"] for home in other.homes()}) == 9
