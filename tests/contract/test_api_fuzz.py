"""Strangers' requests against the running API: made by schemathesis from its own description.

A bounded part of every test run; ``script/fuzz`` gives it as long as you like (FUZZ_SECONDS).
"""

import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from allauth.idp.oidc.models import Client

from base import clock
from dr_events.models import Event
from enrollments.models import Group, Membership
from partners import lookups
from partners.api import desk
from partners.models import PartnerClient
from partners.operations import world
from partners.who import READ, SCOPES
from tests import cast
from tests.contract.fuzz_town import DOCUMENT, Town, operation_of
from tests.partner_calls import Caller

SECONDS = int(os.environ.get("FUZZ_SECONDS", "45"))
# Not asked: that every body the document allows is accepted. What the business allows depends on
# the program, the hour and the homes, and no document says that.
NOT_ASKED = "positive_data_acceptance"
# First what exists, each thing for the operation it was made for, in the order of the description;
# after that strangers take what they find.
RULES = """
[phases.examples]
fill-missing = true
operation-ordering = "none"
extra-data-sources.responses = false
"""
SPEC = yaml.safe_load(DOCUMENT.read_text())
OPERATIONS = {
    operation["operationId"]: operation["security"][0]["token"]
    for methods in SPEC["paths"].values()
    for operation in methods.values()
}
# Runs are for practice clients alone; to all others there is none.
OF_PRACTICE = {"beginRun", "readRun"}


@pytest.fixture
def summer(transactional_db, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    made = cast.program(max_per_week=50, max_per_season=500)
    homes = cast.neighborhood(made, 5)
    north = Group.objects.create(program=made, name="North")
    Membership.objects.create(group=north, system=homes[0], since=cast.MORNING.date())
    cast.scheduled(made)
    # Strangers' webhooks have strangers' names; nobody is asked where they lead.
    monkeypatch.setattr(lookups, "addresses_of", lambda host, port: ["93.184.216.34"])
    yield made
    world.build()  # between tests only the real tables are emptied


@pytest.fixture
def answered(monkeypatch):
    """How often each operation was answered with which status, as the server saw it."""
    found: Counter[tuple[str, int]] = Counter()
    finish = desk.PartnerView.finalize_response

    def counted(self: Any, request: Any, *args: Any, **more: Any) -> Any:
        answer = finish(self, request, *args, **more)
        route = "/" + str(request.resolver_match.route).replace("/?", "/")
        address = re.sub(r"<\w+:(\w+)>", r"{\1}", route)
        method = str(request.method).lower()
        if method in SPEC["paths"].get(address, {}):
            found[operation_of(method, address, SPEC), answer.status_code] += 1
        return answer

    monkeypatch.setattr(desk.PartnerView, "finalize_response", counted)
    return found


def caller(scope: str, *, practice: bool = False) -> Caller:
    made = Caller(*(() if practice else ("summer-peak",)), scope=scope, practice=practice)
    client = Client.objects.get(pk=made.client_id)
    PartnerClient.objects.update_or_create(
        client=client, defaults={"requests_per_minute": 10_000_000}
    )
    return made


def town_of(name: str) -> Town:
    if name == "reading":
        return Town(caller(READ)).with_event(Event.objects.get().wire_id)
    town = Town(caller(" ".join(SCOPES), practice=name == "practice"))
    town.with_plans().with_webhooks()
    return town.with_runs() if name == "practice" else town


def may(name: str) -> set[str]:
    """The operations that this client can do."""
    if name == "reading":
        return {one for one, scopes in OPERATIONS.items() if scopes == [READ]} - OF_PRACTICE
    return set(OPERATIONS) - (set() if name == "practice" else OF_PRACTICE)


@dataclass(frozen=True)
class Strangers:
    description: Path
    url: str
    token: str

    def ask(self, phases: str, *, seconds: int | None = None) -> str:
        """What schemathesis says of a run without a failure; all phases together take so long."""
        ran = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"),
                "run",
                self.description,
                "--url", self.url,
                "--header", f"Authorization: Bearer {self.token}",
                "--phases", phases,
                "--checks", "all",
                "--exclude-checks", NOT_ASKED,
                "--mode", "all",
                *(["--max-time", str(seconds)] if seconds else []),
                "--seed", "7" if SECONDS <= 60 else str(SECONDS),
                "--continue-on-failure",
                "--generation-database", "none",
                "--no-color",
            ],
            cwd=self.description.parent, capture_output=True, text=True,
            timeout=SECONDS * 3 + 240, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout[-12000:] + ran.stderr[-2000:]
        return ran.stdout


@pytest.mark.parametrize(
    ("name", "share"), [("everything", 0.4), ("reading", 0.2), ("practice", 0.4)]
)
def test_nothing_breaks_and_every_answer_is_described(
    summer, live_server, tmp_path, answered, name, share
):
    town = town_of(name)
    (tmp_path / "schemathesis.toml").write_text(RULES)
    events = set(Event.objects.filter(created_by="user:test").values_list("wire_id", "state"))
    answered.clear()
    strangers = Strangers(town.description(tmp_path), live_server.url, town.who.token)
    told = strangers.ask("examples")  # all of them, however slow the machine is
    told += strangers.ask("coverage,fuzzing,stateful", seconds=max(5, int(SECONDS * share)))
    if log := os.environ.get("FUZZ_LOG"):
        counts = "\n".join(f"{one} {status} {n}" for (one, status), n in sorted(answered.items()))
        Path(f"{log}.{name}").write_text(f"{told}\n{counts}\n")
    # It was not all refusals: whatever this client can do, it did.
    done = {one for one, status in answered if 200 <= status < 300}
    assert done == may(name)
    assert {one for one, status in answered if status == 403} >= set(OPERATIONS) - may(name) - {
        "readRun"
    }
    # The product goes on as before, and the utility's own event is what it was.
    assert town.who.get("programs/").status_code == 200
    after = set(Event.objects.filter(created_by="user:test").values_list("wire_id", "state"))
    assert after == events
