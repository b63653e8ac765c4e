"""The example client of the documentation, run against the running product."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from django.utils import timezone

from base import clock
from dr_events.models import Dispatch, Event
from partners.models import KeptAnswer, PartnerClient
from partners.operations import clients, world
from partners.rules import signing
from people.operations import Actor
from tests import cast
from tests.partner_calls import wanted

FILE = Path(__file__).resolve().parents[2] / "docs/examples/client.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("example_client", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def made(transactional_db):
    summer = cast.program(
        weekdays=list(range(7)), hours_from="00:00", hours_to="00:00",
        season_from="01-01", season_to="12-31",
    )  # fmt: skip
    cast.neighborhood(summer, 3)
    return clients.create(
        name="Leap", slugs=[summer.slug], read_only=False, actor=Actor("user:test"),
        now=cast.MORNING, real_now=timezone.now(),
    )  # fmt: skip


def test_a_first_event_as_the_guide_tells_it(made, live_server):
    env = os.environ | {
        "PORTAL": live_server.url,
        "CLIENT_ID": made.client_id,
        "CLIENT_SECRET": made.secret,
    }
    ran = subprocess.run(
        [sys.executable, FILE, "summer-peak"],
        env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    first, second, *homes = ran.stdout.splitlines()
    event = Event.objects.get()
    assert first == "Would get it: 3"
    assert second == f"{event.wire_id} SCHEDULED"
    assert homes == [f"240{n}W00000{n} PLANNED UNKNOWN" for n in range(3)]
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    assert event.starts_at == datetime(tomorrow.year, tomorrow.month, tomorrow.day, 15, tzinfo=UTC)


def test_the_first_walk_of_the_guide_works_word_for_word(transactional_db, live_server):
    """Its commands as they stand there, in a shell; only the first two are done here."""
    made = clients.create(
        name="Leap", slugs=[], read_only=False, is_practice=True, actor=Actor("user:test"),
        now=datetime.now(UTC), real_now=datetime.now(UTC),
    )  # fmt: skip
    guide = (FILE.parents[1] / "partner_api.md").read_text()
    walk = guide.split("## A first event in ten minutes", 1)[1].split("**With real homes**", 1)[0]
    create, export, *commands = re.findall(r"```sh\n(.*?)```", walk, re.DOTALL)
    assert create == 'python manage.py partner_client create "Leap" --practice\n'
    assert export.startswith("export PORTAL=http://127.0.0.1:8000 CLIENT_ID=")
    env = os.environ | {
        "PORTAL": live_server.url,
        "CLIENT_ID": made.client_id,
        "CLIENT_SECRET": made.secret,
    }
    script = "set -eu\n" + "echo\n".join(
        block.replace("\ncurl", "\necho\ncurl") for block in commands
    )
    try:
        ran = subprocess.run(
            ["sh"], input=script, env=env, capture_output=True, text=True, timeout=60, check=False
        )
    finally:
        world.build()
    assert (ran.returncode, ran.stderr) == (0, "")
    programs, systems, event, homes, results, cancelled = (
        json.loads(line) for line in ran.stdout.splitlines() if line
    )
    assert len(programs["items"]) == 1
    assert len(systems["items"]) == len(homes["items"]) == 3
    assert event["state"] == "COMPLETED"
    assert (results["confirmed"], results["opted_out"], results["participating"]) == (20, 6, 14)
    assert (cancelled["event"]["state"], cancelled["spared"]) == ("CANCELLED", 20)
    assert (Event.objects.count(), Dispatch.objects.count()) == (0, 0)


def test_the_client_does_everything_once(made, live_server, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    example = load()
    portal = example.Offpeak(live_server.url, made.client_id, made.secret)
    assert [one["slug"] for one in portal.programs()] == ["summer-peak"]
    assert len(list(portal.systems("summer-peak"))) == 3
    assert portal.preview(wanted())["targeted"] == 3
    event = portal.plan(wanted(), key="mine-1")
    assert portal.plan(wanted(), key="mine-1") == event
    assert Event.objects.count() == 1
    assert portal.event(event["id"])["state"] == "SCHEDULED"
    assert portal.opt_out(event["id"], "2400W000000")["in_time"] is True
    assert portal.results(event["id"])["targeted"] == 3
    assert portal.cancel(event["id"])["spared"] == 2
    assert [one["delivery"] for one in portal.deliveries(event["id"])] == [
        "SKIPPED",
        "CANCELLED",
        "CANCELLED",
    ]
    assert Dispatch.objects.count() == 3
    with pytest.raises(example.Problem) as no:
        portal.cancel(event["id"])
    assert (no.value.status, no.value.type) == (409, "/problems/wrong-state")
    assert KeptAnswer.objects.filter(client_id=made.client_id).count() == 5


def test_the_client_waits_when_it_is_told_to(made, live_server, monkeypatch):
    PartnerClient.objects.update(requests_per_minute=1)
    example = load()
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        PartnerClient.objects.update(requests_per_minute=100)

    monkeypatch.setattr(example.time, "sleep", wait)
    portal = example.Offpeak(live_server.url, made.client_id, made.secret)
    portal.programs()
    assert len(portal.programs()) == 1
    assert len(waited) == 1
    assert 1 <= waited[0] <= 60


def test_the_client_knows_a_genuine_message():
    example = load()
    body, now = b'{"id":"1"}', time.time()
    headers = {
        "Offpeak-Timestamp": str(int(now)),
        "Offpeak-Signature": signing.header({"k2": "b", "k1": "a"}, timestamp=int(now), body=body),
    }
    assert example.is_genuine(headers, body, {"k1": "a"}, now_s=now)
    assert not example.is_genuine(headers, body, {"k1": "x"}, now_s=now)
    assert not example.is_genuine(headers, body, {}, now_s=now)
    assert not example.is_genuine(headers, body + b" ", {"k1": "a"}, now_s=now)
    assert not example.is_genuine(headers, body, {"k1": "a"}, now_s=now + 301)
