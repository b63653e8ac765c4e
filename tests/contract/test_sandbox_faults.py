"""Faults, vendor variants, the ledger and the admin door."""

from __future__ import annotations

import hashlib
import json
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


# --- variants -------------------------------------------------------------------------------------


def effects_of(cloud: Any, home: dict[str, Any], *posts: dict[str, Any]) -> list[str]:
    for members in posts:
        cloud.post_event(home["serial"], home["token"], **members)
    found = [e for entry in cloud.entries(POST)[-len(posts) :] for e in entry["effects"]]
    return [effect["effect"].partition(":")[0] for effect in found]


CANCEL = {"modificationNumber": 1, "status": "cancelled"}


@pytest.mark.parametrize(
    ("variants", "second", "effect", "events", "peak"),
    [
        ({}, {}, "merged", 1, 1),
        ({}, {"modificationNumber": 1, "offset": 2}, "replaced", 1, 1),
        ({"second_post": "adds"}, {}, "added", 2, 2),
        ({"second_post": "merges"}, {"offset": 2}, "merged", 1, 1),
        ({"second_post": "replaces"}, {}, "replaced", 1, 1),
        ({"ids": "ignored"}, {}, "created", 2, 2),
        ({}, CANCEL, "cancelled", 1, 1),
        ({}, {"status": "cancelled"}, "ignored", 1, 1),
        ({"cancel": "ignored"}, CANCEL, "ignored", 1, 1),
        ({"cancel": "new_event"}, CANCEL, "added", 2, 2),
    ],
)
def test_what_a_second_post_does(cloud, home, variants, second, effect, events, peak):
    cloud.admin("PUT", "faults", variants=variants)
    assert effects_of(cloud, home, {}, second) == ["created", effect]
    told = cloud.truth(home["serial"])
    assert (told["posts"], len(told["events"]), told["peak_overlap"]) == (2, events, peak)
    cancelled = effect == "cancelled"
    assert told["events"][0]["live"] is not cancelled
    assert told["events"][0]["outcome"] == ("cancelled" if cancelled else "pending")
    assert cloud.admin("GET", "truth", event_id="dr-1")["totals"]["systems"] >= 1


def test_an_older_modification_is_ignored(cloud, home):
    posts = ({"modificationNumber": 3}, {"modificationNumber": 2})
    assert effects_of(cloud, home, *posts) == ["created", "ignored"]
    assert cloud.truth(home["serial"])["events"][0]["modification"] == 3


@pytest.mark.parametrize(
    ("variants", "first", "second"),
    [({"ids": "rejected"}, 400, 400), ({"cancel": "rejected"}, 200, 400)],
)
def test_a_cloud_that_refuses(cloud, home, variants, first, second):
    cloud.admin("PUT", "faults", variants=variants)
    codes = [
        cloud.post_event(home["serial"], home["token"], **members).status_code
        for members in ({}, CANCEL)
    ]
    assert codes == [first, second]


def test_a_late_effect_is_not_there_yet(cloud, home):
    cloud.admin("PUT", "faults", variants={"effect_delay_s": 3600})
    cloud.post_event(home["serial"], home["token"])
    path = f"/systems/{home['serial']}/utility_events"
    assert cloud.call("GET", path, home["token"]).json()["utility_events"]["events"] is None
    (told,) = cloud.truth(home["serial"])["events"]
    assert told["live"] is False
    assert told["effect_real"] - told["received_real"] == pytest.approx(3600)


@pytest.mark.parametrize(
    ("variants", "ids"),
    [
        ({}, ["dr-1", "dr-2"]),
        ({"listing": "reordered"}, ["dr-2", "dr-1"]),
        ({"listing": "empty"}, []),
        ({"listing": "partial"}, ["dr-1", "dr-2"]),
        ({"list_delay_s": 3600}, []),
    ],
)
def test_how_the_list_may_lie(cloud, home, variants, ids):
    effects_of(cloud, home, {}, {"event_id": "dr-2"})
    cloud.admin("PUT", "faults", variants=variants)
    path = f"/systems/{home['serial']}/utility_events"
    events = cloud.call("GET", path, home["token"]).json()["utility_events"]["events"]
    found = events["event"] if events else []
    assert [one["$"]["id"] for one in found] == ids
    assert all(("optType" in one) is (variants.get("listing") != "partial") for one in found)


def test_a_frozen_list_does_not_learn(cloud, home):
    effects_of(cloud, home, {})
    cloud.admin("PUT", "faults", variants={"listing": "frozen"})
    effects_of(cloud, home, {"event_id": "dr-2"}, CANCEL)
    path = f"/systems/{home['serial']}/utility_events"
    (one,) = cloud.call("GET", path, home["token"]).json()["utility_events"]["events"]["event"]
    assert (one["$"]["id"], one["status"]) == ("dr-1", "far")


def test_an_event_of_somebody_else_stands_in_the_list(cloud, home):
    cloud.admin("POST", "act", system=home["serial"], do="foreign_event")
    path = f"/systems/{home['serial']}/utility_events"
    (one,) = cloud.call("GET", path, home["token"]).json()["utility_events"]["events"]["event"]
    assert one["$"]["id"].startswith("foreign-")


# --- ledger and admin door ------------------------------------------------------------------------


def test_the_ledger_tells_what_was_sent(cloud, home):
    body = json.dumps({"utility_events": {"events": {"event": [event("dr-9")]}}}).encode()
    path = f"/systems/{home['serial']}/utility_events"
    cloud.call("POST", path, home["token"], data=body, headers={"Content-Type": "application/json"})
    entry = last(cloud)
    assert entry["body"] == body.decode()
    assert entry["body_sha256"] == hashlib.sha256(body).hexdigest()
    assert (entry["user"], entry["client"], entry["path"]) == (home["user"], "offpeak-test", path)
    assert entry["sim_at"] == 1752598800.0
    (effect,) = entry["effects"]
    assert (effect["event_id"], effect["modification"], effect["effect_sim"]) == (
        "dr-9",
        0,
        1752598800.0,
    )
    page = cloud.admin("GET", "ledger", after=entry["seq"] - 1, limit=5)
    assert [one["seq"] for one in page["entries"]] == [entry["seq"]]


def test_no_secret_enters_the_ledger_and_the_file_says_the_same(start_cloud):
    cloud = start_cloud("--homes", "5")
    owner = cloud.homes()[0]
    code = cloud.code(owner)
    tokens = cloud.redeem(code).json()
    newer = cloud.token_call(
        grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    ).json()
    serial = owner["systems"][0]["serial"]
    assert cloud.post_event(serial, newer["access_token"]).status_code == 200
    assert cloud.call("GET", f"/systems/{serial}/profile", newer["access_token"]).ok
    entries = cloud.entries()
    assert cloud.stop() == 0
    lines = [json.loads(line) for line in cloud.ledger_file.read_text().splitlines()]
    assert lines == entries
    secrets = [
        code, owner["password"], "client-secret-for-tests", "admin-key-for-tests", "v" * 50, "st-1",
        *(found[name] for found in (tokens, newer) for name in ("access_token", "refresh_token")),
    ]  # fmt: skip
    text = cloud.ledger_file.read_text()
    assert [secret for secret in secrets if secret in text] == []
    assert owner["username"] in text


def test_the_admin_door_does_not_exist_without_its_key(cloud):
    for headers in ({}, {"X-Sandbox-Key": "wrong"}):
        answer = requests.get(f"{cloud.base}/_sandbox/homes", headers=headers, timeout=10)
        assert answer.status_code == 404
    health = requests.get(f"{cloud.base}/_sandbox/health", timeout=10)
    assert health.json() == {"status": "ok", "homes": 120}


def test_counts(start_cloud):
    cloud = start_cloud("--homes", "5")
    owner = cloud.homes()[0]
    token = cloud.token(owner["username"])
    cloud.post_event(owner["systems"][0]["serial"], token)
    cloud.call("GET", f"/users/{owner['username']}", None)
    assert cloud.admin("GET", "counts") == {
        "requests": 2,
        "in_flight": 0,
        "peak_in_flight": 1,
        "by_operation": {"GET user 400": 1, "POST utility_events 200": 1},
        "effects": {"created": 1},
        "consents": {"standing": 1, "revoked": 0, "revoked_by_reuse": 0, "refreshes": 0},
    }
    assert cloud.ready_line.startswith("carrier_sandbox ready on http://127.0.0.1:")
