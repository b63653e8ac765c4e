"""All parts of the product up and answering: database, broker, sandbox, web, worker, beat."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from portal.demo import clock, environment
from portal.demo.cloud import Cloud
from portal.demo.environment import Addresses, Ports, Secrets
from portal.demo.people import Mailbox
from portal.demo.processes import READY_LIMIT_S, Child, Supervisor, answers, says
from portal.embedded import servers, write_secret

# A Tuesday in July, on the morning of the demo's first event.
FIRST_MORNING = datetime(2026, 7, 14, 10, 0, tzinfo=ZoneInfo("America/Chicago"))


@dataclass(frozen=True)
class Partner:
    """A partner's API client. The portal shows the secret once and keeps its hash only."""

    client_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class House:
    parts: Supervisor
    state: Path
    at: Addresses
    kept: Secrets
    partner: Partner
    cloud: Cloud
    mailbox: Mailbox

    @property
    def clock_file(self) -> Path:
        return environment.clock_file(self.state)


def open_house(
    parts: Supervisor,
    root: Path,
    ports: Ports,
    *,
    homes: int,
    keep: bool,
    say: Callable[[str], None],
) -> House:
    """Start everything under `root`; returns once every part answers. Raises ChildDied."""
    state = root / ".offpeak"
    kept, at = environment.load_secrets(state), Addresses.of(ports)
    clock_file = environment.clock_file(state)
    if not clock.resume(clock_file):
        clock.start_at(clock_file, FIRST_MORNING)
    parts.callback(clock.hold, clock_file)
    say("Starting PostgreSQL and Valkey.")
    database, broker = parts.enter_context(servers(root, keep=keep))
    env = environment.portal_environment(
        state, kept, at, database_url=database.url, redis_url=broker.url
    )
    sandbox = _start_sandbox(parts, state, kept, at, ports, homes)
    say("Bringing the database up to date.")
    manage = [sys.executable, "manage.py"]
    parts.run("migrate", [*manage, "migrate", "--noinput"], env)
    # In one word: a password may begin with a dash.
    utility = ["demo_utility", f"--password={kept.console_password}"]
    parts.run("migrate", [*manage, *utility], env)
    partner = _partner(parts, state, manage, env)
    say("Starting web server, worker and beat.")
    _start_portal(parts, state, at, env, sandbox)
    cloud = Cloud(at.sandbox, kept.sandbox_admin_key)
    return House(parts, state, at, kept, partner, cloud, Mailbox(environment.mail_folder(state)))


def _partner(parts: Supervisor, state: Path, manage: list[str], env: dict[str, str]) -> Partner:
    path = state / "partner.json"
    if not path.exists():
        create = ["partner_client", "create", "Demo partner", "--program", environment.PROGRAM]
        said = parts.run("partner", [*manage, *create], env)
        (parts.logs / "partner.log").unlink()  # no secret stays in a log
        found = re.findall(r"^client (?:id|secret):\s+(\S+)$", said, re.MULTILINE)
        if len(found) != 2:
            raise RuntimeError("manage.py partner_client did not print an id and a secret.")
        write_secret(path, json.dumps(found))
    return Partner(*json.loads(path.read_text(encoding="utf-8")))


def _start_sandbox(
    parts: Supervisor, state: Path, kept: Secrets, at: Addresses, ports: Ports, homes: int
) -> Child:
    """The pretend Carrier; not waited for here, the migrations take longer."""
    argv = [sys.executable, "-m", "carrier_sandbox", "--port", str(ports.sandbox)]
    argv += ["--homes", str(homes), "--seed", str(environment.SEED)]
    argv += ["--redirect-uri", f"{at.web}/connect/callback/"]
    argv += ["--clock-file", str(environment.clock_file(state))]
    argv += ["--ledger-file", str(state / "ledger.jsonl")]
    # The portal keeps its tokens across restarts; the cloud must still know them.
    argv += ["--state-file", str(state / "sandbox.state")]
    return parts.start("sandbox", argv, environment.sandbox_environment(kept))


def _start_portal(
    parts: Supervisor, state: Path, at: Addresses, env: dict[str, str], sandbox: Child
) -> None:
    """All at once, then wait for each. What starts last stops first: beat, workers, web."""
    python = [sys.executable, "-m"]
    celery = [*python, "celery", "-A", "portal"]
    web = parts.start("web", [*python, "gunicorn", "-c", "portal/gunicorn.py", "portal.wsgi"], env)
    processes = os.environ.get("WORKER_PROCESSES", "2")
    # Two kinds, so that a wave that holds every sender for half a minute holds up no token renewal.
    worker = [*celery, "worker", "-l", "INFO"]
    senders = ["-n", "dispatch@%h", "-Q", "dispatch", "-c", processes]
    dispatch = parts.start("dispatch", [*worker, *senders], env)
    chores = parts.start("worker", [*worker, "-n", "default@%h", "-Q", "default", "-c", "1"], env)
    timetable = ["-s", str(state / "beat-schedule")]
    beat = parts.start("beat", [*celery, "beat", "-l", "INFO", *timetable], env)
    # A port that another program took at the last moment: the part ends and wait_until says so.
    for child, ready in (
        (sandbox, answers(f"{at.sandbox}/_sandbox/health")),
        (web, answers(f"{at.web}/readyz")),
        (dispatch, says(" ready.")),
        (chores, says(" ready.")),
        (beat, says("beat: Starting")),
    ):
        parts.wait_until(partial(ready, child), f"{child.name} to answer", READY_LIMIT_S)
