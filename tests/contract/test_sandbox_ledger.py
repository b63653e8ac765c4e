"""The ledger and the admin door."""

from __future__ import annotations

import hashlib
import json

import requests

from tests.contract.test_sandbox_faults import event, home, last

__all__ = ["home"]  # a fixture


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
