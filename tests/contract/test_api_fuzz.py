"""Strangers' requests against the running API: made by schemathesis from its own description.

A bounded part of every test run; ``script/fuzz`` gives it as long as you like (FUZZ_SECONDS).
"""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from allauth.idp.oidc.models import Client

from base import clock
from dr_events.models import Event
from partners import lookups
from partners.models import PartnerClient
from tests import cast
from tests.partner_calls import Caller, wanted

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/openapi.yaml"
SECONDS = int(os.environ.get("FUZZ_SECONDS", "30"))
# Not asked: that every body the document allows is accepted. What the business allows depends on
# the program, the hour and the homes, and no document says that.
NOT_ASKED = "positive_data_acceptance"


@pytest.fixture
def town(transactional_db, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    summer = cast.program()
    cast.neighborhood(summer, 5)
    cast.scheduled(summer)
    # Strangers' webhooks have strangers' names; nobody is asked where they lead.
    monkeypatch.setattr(lookups, "addresses_of", lambda host, port: ["93.184.216.34"])
    return summer


def told(event_id: str, folder: Path) -> Path:
    """The description with a few names that exist, so that more than 404 is reached."""
    known = {
        "event_id": event_id,
        "slug": "summer-peak",
        "program": "summer-peak",
        "serial": "2400W000000",
        "hook_id": "00000000-0000-4000-8000-000000000000",
    }
    found = yaml.safe_load(DOCUMENT.read_text())
    for methods in found["paths"].values():
        for operation in methods.values():
            for one in operation.get("parameters", []):
                if one["name"] in known:
                    one["example"] = known[one["name"]]
    copy = folder / "openapi.json"
    copy.write_text(json.dumps(found))
    return copy


def caller(scope: str) -> Caller:
    made = Caller("summer-peak", scope=scope)
    client = Client.objects.get(pk=made.client_id)
    PartnerClient.objects.create(client=client, requests_per_minute=10_000_000)
    return made


@pytest.mark.parametrize(
    ("scope", "share"),
    [("offpeak.read offpeak.events offpeak.webhooks", 0.75), ("offpeak.read", 0.25)],
)
def test_nothing_breaks_and_every_answer_is_described(town, live_server, tmp_path, scope, share):
    asking = caller(scope)
    if "events" in scope:
        later = cast.MORNING + timedelta(days=1)
        body = wanted(
            starts_at=(later + timedelta(hours=6)).isoformat(),
            ends_at=(later + timedelta(hours=8)).isoformat(),
        )
        assert asking.post("events/", body).status_code == 201
    ran = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            "run",
            told(Event.objects.latest("id").wire_id, tmp_path),
            "--url", live_server.url,
            "--header", f"Authorization: Bearer {asking.token}",
            "--phases", "examples,coverage,fuzzing,stateful",
            "--checks", "all",
            "--exclude-checks", NOT_ASKED,
            "--mode", "all",
            "--max-time", str(max(10, int(SECONDS * share))),
            "--seed", "7" if SECONDS <= 60 else str(SECONDS),
            "--continue-on-failure",
            "--generation-database", "none",
            "--no-color",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS * 3 + 240, check=False,
    )  # fmt: skip
    Path(os.environ.get("FUZZ_LOG", os.devnull)).write_text(ran.stdout)
    assert ran.returncode == 0, ran.stdout[-12000:] + ran.stderr[-2000:]
    # The product goes on as before.
    assert asking.get("programs/").status_code == 200
    assert Event.objects.filter(created_by="user:test").count() == 1
