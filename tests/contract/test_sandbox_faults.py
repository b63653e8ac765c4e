"""Faults: each does what it is called, as often as it was asked for."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
import requests

POST = "POST utility_events"


@pytest.fixture
def home(cloud: Any) -> dict[str, Any]:
    """A home nobody has posted to yet, with a token of its own."""
    fresh = next(
        h
        for h in cloud.homes()[40:]
        if h["persona"] == "cooperates" and cloud.truth(h["systems"][0]["serial"])["posts"] == 0
    )
    return {
        "serial": fresh["systems"][0]["serial"],
        "token": cloud.token(fresh["username"]),
        "user": fresh["username"],
    }


def rule(cloud: Any, kind: str, **more: Any) -> None:
    cloud.admin("PUT", "faults", rules=[{"kind": kind, "match": {"operation": POST}, **more}])


def last(cloud: Any) -> dict[str, Any]:
    return cloud.entries(POST)[-1]


@pytest.mark.parametrize(
    ("kind", "settings", "status", "effects"),
    [
        ("error_before", {}, 500, []),
        ("error_before", {"status": 503}, 503, []),
        ("error_after", {}, 500, ["created"]),
        ("too_many", {"retry_after": "7"}, 429, []),
        ("unauthorized", {}, 401, []),
        ("redirect", {"status": 307}, 307, []),
        ("empty_body", {}, 200, ["created"]),
        ("empty_body", {"status": 201}, 201, ["created"]),
        ("error_body", {}, 200, ["created"]),
        ("garbage", {}, 200, ["created"]),
        ("web_page", {}, 200, ["created"]),
        ("delay", {"seconds": 0.05}, 200, ["created"]),
        ("delay_after", {"seconds": 0.05}, 200, ["created"]),
    ],
)
def test_a_fault_with_an_answer(cloud, home, kind, settings, status, effects):
    rule(cloud, kind, **settings)
    answer = cloud.post_event(home["serial"], home["token"])
    assert answer.status_code == status
    if kind == "too_many":
        assert answer.headers["Retry-After"] == "7"
    entry = last(cloud)
    assert (entry["status"], entry["fault"]) == (status, kind)
    assert [effect["effect"] for effect in entry["effects"]] == effects
    assert len(cloud.truth(home["serial"])["events"]) == len(effects)


@pytest.mark.parametrize(
    ("kind", "effects"),
    [
        ("hang_before", []), ("hang_after", ["created"]), ("reset_before", []),
        ("reset_after", ["created"]),
    ],
)  # fmt: skip
def test_a_fault_without_an_answer_still_stands_in_the_ledger(cloud, home, kind, effects):
    rule(cloud, kind)
    with pytest.raises((requests.ConnectionError, requests.ReadTimeout)):
        cloud.post_event(home["serial"], home["token"], timeout=0.3)
    entry = last(cloud)
    assert (entry["status"], entry["fault"], entry["serial"]) == (0, kind, home["serial"])
    assert [effect["effect"] for effect in entry["effects"]] == effects
    assert len(cloud.truth(home["serial"])["events"]) == len(effects)


@pytest.mark.parametrize("kind", ["drip", "endless_body"])
def test_answers_without_an_end(cloud, home, kind):
    rule(cloud, kind)
    path = f"/systems/{home['serial']}/utility_events"
    body = {"utility_events": {"events": {"event": [event("dr-1")]}}}
    answer = cloud.call("POST", path, home["token"], json=body, stream=True, timeout=0.4)
    assert answer.status_code == 200
    if kind == "drip":
        with pytest.raises(requests.ConnectionError):
            list(answer.iter_content(100_000))
    else:
        assert sum(map(len, islice(answer.iter_content(65536), 40))) > 1_000_000
    answer.close()
    assert len(cloud.truth(home["serial"])["events"]) == 1


def test_a_big_body_and_a_gzip_bomb_keep_their_promise(cloud, home):
    for kind in ("big_body", "gzip_bomb"):
        rule(cloud, kind, megabytes=2)
        assert len(cloud.post_event(home["serial"], home["token"]).content) == 2 << 20


def event(event_id: str) -> dict[str, Any]:
    return {
        "$": {"id": event_id}, "modificationNumber": 0, "eventType": "demand", "signalLevel": 2,
        "start": "2025-07-15T20:00:00Z", "duration": "PT2H",
    }  # fmt: skip


def test_a_revoked_token_stays_revoked(cloud, home):
    rule(cloud, "token_revoked", count=1)
    assert cloud.post_event(home["serial"], home["token"]).status_code == 401
    assert cloud.post_event(home["serial"], home["token"]).status_code == 401
    assert [entry["fault"] for entry in cloud.entries(POST)[-2:]] == ["token_revoked", ""]


def test_rules_count_skip_and_match(cloud, home):
    match = {"operation": "POST *", "serial": home["serial"]}
    cloud.admin(
        "PUT", "faults", rules=[{"kind": "error_before", "match": match, "skip": 1, "count": 2}]
    )
    codes = [cloud.post_event(home["serial"], home["token"]).status_code for _ in range(5)]
    assert codes == [200, 500, 500, 200, 200]
    (shown,) = cloud.admin("GET", "faults")["rules"]
    assert shown["hits"] == 2


def test_the_dice_fall_the_same_way_with_the_same_seed(cloud, home):
    runs = []
    for seed in (3, 3, 4):
        given = {"kind": "error_before", "probability": 0.5, "match": {"operation": "GET status"}}
        cloud.admin("PUT", "faults", seed=seed, rules=[given])
        path = f"/systems/{home['serial']}/status"
        runs.append([cloud.call("GET", path, home["token"]).status_code for _ in range(20)])
    assert runs[0] == runs[1] != runs[2]
    assert set(runs[0]) == {200, 500}


def test_a_refresh_whose_answer_is_lost_has_still_rotated(cloud):
    owner = cloud.homes()[30]
    first = cloud.redeem(cloud.code(owner)).json()
    match = {"operation": "POST oauth/token"}
    cloud.admin("PUT", "faults", rules=[{"kind": "reset_after", "match": match, "count": 1}])
    with pytest.raises(requests.ConnectionError):
        cloud.token_call(grant_type="refresh_token", refresh_token=first["refresh_token"])
    again = cloud.token_call(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert again.json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "given",
    [
        {"rules": [{"kind": "nonsense"}]},
        {"rules": [{"kind": "delay", "seconds": -1}]},
        {"rules": [{"kind": "delay", "minutes": 1}]},
        {"rules": [{"kind": "delay", "match": {"colour": "red"}}]},
        {"rules": [{"kind": "delay", "probability": 2}]},
        {"variants": {"ids": "sometimes"}},
        {"variants": {"effect_delay_s": "long"}},
        {"variants": {"other": 1}},
    ],
)
def test_rules_that_make_no_sense_are_refused_and_change_nothing(cloud, given):
    before = cloud.admin("GET", "faults")
    answer = requests.put(
        f"{cloud.base}/_sandbox/faults", json=given, timeout=10,
        headers={"X-Sandbox-Key": "admin-key-for-tests"},
    )  # fmt: skip
    assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert cloud.admin("GET", "faults") == before
