"""Configs and events that are written: what is kept, what is refused and changes nothing."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize("as_xml", [False, True], ids=["json", "xml"])
def test_a_partial_config_changes_what_it_names_and_reaches_the_home_a_minute_later(cloud, as_xml):
    homes = [h for h in cloud.homes() if h["persona"] == "cooperates"]
    home = [h for h in homes if h["systems"][0]["unit"] == "F"][6 if as_xml else 7]
    path, token = f"/systems/{home['systems'][0]['serial']}", cloud.token(home["username"])
    if as_xml:
        body: dict[str, Any] = {
            "data": '<config><zones><zone id="1"><hold>on</hold><holdActivity>manual</holdActivity>'
            '<otmr>18:30</otmr><activities><activity id="manual"><htsp>68.0</htsp>'
            "<clsp>79.0</clsp></activity></activities></zone></zones></config>",
            "headers": {"Content-Type": "application/xml"},
        }
    else:
        activity = {"$": {"id": "manual"}, "htsp": "68.0", "clsp": "79.0", "fan": "off"}
        zone = {
            "$": {"id": "1"}, "hold": "on", "holdActivity": "manual", "otmr": "18:30",
            "activities": {"activity": [activity]},
        }  # fmt: skip
        body = {"json": {"config": {"zones": {"zone": [zone]}}}}
    assert cloud.call("PUT", path + "/config", token, **body).status_code == 200

    def now() -> tuple[str, float]:
        status = cloud.call("GET", path + "/status", token).json()["status"]
        zone = status["zones"]["zone"][0]
        return zone["hold"], float(zone["clsp"])

    config = cloud.call("GET", path + "/config", token).json()["config"]
    zone = config["zones"]["zone"][0]
    assert (zone["hold"], zone["otmr"], len(config["zones"]["zone"])) == ("on", "18:30", 8)
    assert now()[0] == "off"
    cloud.move_to(1752598800.0 + 61)
    assert now() == ("on", 79.0)
    cloud.move_to(1752598800.0 + 6.6 * 3600)
    assert now()[0] == "off"


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("modificationNumber", None), ("modificationNumber", -1), ("eventType", "party"),
        ("signalLevel", 4), ("signalLevel", None), ("start", "2025-07-15T20:00:00"),
        ("start", "2025-13-15T20:00:00Z"), ("start", "2025-07-15T16:00:00Z"), ("start", None),
        ("duration", "PT0S"), ("duration", "P2D"), ("duration", "2h"), ("offset", 11),
        ("offset", None), ("response", "maybe"), ("testEvent", "perhaps"), ("status", "active"),
        ("message", "x" * 161),
    ],
)  # fmt: skip
def test_a_body_against_the_rules_is_400_and_without_effect(cloud, member, value):
    home = [h for h in cloud.homes() if h["persona"] == "cooperates"][8]
    serial = home["systems"][0]["serial"]
    before = len(cloud.truth(serial)["events"])
    answer = cloud.post_event(serial, cloud.token(home["username"]), "dr-bad", **{member: value})
    assert answer.status_code == 400
    assert len(cloud.truth(serial)["events"]) == before


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b'{"utility_events": null}'])
@pytest.mark.parametrize("kind", ["application/json", "application/xml", "text/plain"])
def test_an_unreadable_body_is_400(cloud, body, kind):
    home = cloud.homes()[0]
    path = f"/systems/{home['systems'][0]['serial']}/utility_events"
    answer = cloud.call(
        "POST", path, cloud.token(home["username"]), data=body, headers={"Content-Type": kind}
    )
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]


@pytest.mark.parametrize(
    "patch",
    [
        {"mode": "tropical"}, {"zones": {"zone": [{"$": {"id": "9"}}]}}, {"$": 3}, {"a b": 1},
        {"utilityEvent": {"demandOffset": "NaN"}}, {"name": "bell\x07"},
        {"zones": {"zone": {"$": {"id": "9" * 5000}}}},
    ],
)  # fmt: skip
def test_a_config_that_cannot_be_kept_is_400_and_changes_nothing(cloud, patch):
    home = [h for h in cloud.homes() if h["persona"] == "cooperates"][10]
    path, token = f"/systems/{home['systems'][0]['serial']}/config", cloud.token(home["username"])
    before = cloud.call("GET", path, token).content
    assert cloud.call("PUT", path, token, json={"config": patch}).status_code == 400
    assert cloud.call("GET", path, token).content == before
