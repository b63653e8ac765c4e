"""Everything up: servers, the pretend cloud, web, two workers, two beats. Faults included."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import requests

from portal.demo import clock, environment
from portal.demo.environment import Addresses, Ports, Secrets
from portal.demo.house import FIRST_MORNING
from portal.embedded import discard, spare_port
from tests.faults.parts import Part, until
from tests.faults.servers import Postgres, Valkey

# Short, so that a schedule takes seconds. Real seconds.
LEASE_S, TOTAL_S, LATE_S = 6.0, 2.0, 1.0
IN_FLIGHT = 12  # of all processes together: a wave takes a while, and a stop finds it at work
TOKEN_LIFE_S = 312  # renewed when 300 s are left: a dozen seconds after it was given
SETTINGS = {
    "LEASE_S": str(LEASE_S),
    "CARRIER_TOTAL_TIMEOUT_S": str(TOTAL_S),
    "CARRIER_CONNECT_TIMEOUT_S": "1",
    "CARRIER_LATE_EFFECT_S": str(LATE_S),
    "CARRIER_IN_FLIGHT": "24",
    "CARRIER_MAX_IN_FLIGHT": str(IN_FLIGHT),
    "READ_BACK_EVERY_S": "300",
    "STREAMS_PER_EVENT": "2",
    "LOG_LEVEL": "INFO",
    "WEB_THREADS": "4",
}
# Two that send, one for everything else, as docs/running.md has it.
QUEUES, BEATS = ("dispatch", "dispatch", "default"), 2
SANDBOX_HOMES = 400_000  # they cost nothing until somebody asks for them


class Cloud:
    """The admin door of the pretend Carrier."""

    def __init__(self, address: str, key: str) -> None:
        self.address = address
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["X-Sandbox-Key"] = key

    def ask(self, method: str, what: str, **values: Any) -> Any:
        answer = self._session.request(
            method,
            f"{self.address}/_sandbox/{what}",
            params=values if method == "GET" else None,
            json=values if method != "GET" else None,
            timeout=60,
        )
        if answer.status_code != 200:
            raise RuntimeError(f"the sandbox refused {what}: {answer.text[:200]}")
        return answer.json()

    def ledger(self, after: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while page := self.ask("GET", "ledger", after=after, limit=20000)["entries"]:
            found += page
            after = page[-1]["seq"]
        return found

    def last_entry(self) -> int:
        return int(self.ask("GET", "counts")["requests"])


@dataclass
class Stack:
    state: Path
    postgres: Postgres
    valkey: Valkey
    cloud: Cloud
    at: Addresses
    kept: Secrets
    env: dict[str, str]
    sandbox: Part
    web: Part
    workers: list[Part]
    beats: list[Part]

    @property
    def clock_file(self) -> Path:
        return environment.clock_file(self.state)

    def python(self, name: str, *arguments: str) -> Part:
        """A short-lived command of the product."""
        part = Part(name, [sys.executable, *arguments], self.env, self.state / "logs")
        part.start()
        return part

    def restart_dead(self) -> int:
        """What a service manager does all the time: whoever ended is started again; how many."""
        dead = [part for part in (self.web, *self.workers, *self.beats) if not part.runs]
        for part in dead:
            part.kill()  # what it left behind
            part.start()
        return len(dead)

    def mend(self, *, wrong_clocks: bool = True) -> None:
        """Everything runs again, as a service manager would see to; clocks are set right only if
        somebody asks for that."""
        if not self.postgres.runs:
            self.postgres.start()
        if not self.valkey.runs:
            self.valkey.start()
        self.valkey.hang(False)
        self.valkey.fill(False)
        for part in (self.web, *self.workers, *self.beats):
            if part.paused:
                part.pause(False)
            if not part.runs or (wrong_clocks and part.skewed):
                part.kill()  # what it left behind
                part.start()
        until(lambda: all(map(_is_ready, self.workers)), "the workers")


@contextlib.contextmanager
def open_stack(root: Path, *, recall: str = "none") -> Iterator[Stack]:
    """Start everything below ``root``; sets the environment that Django in this process reads.

    ``recall``: whether the vendor is believed to take events back (CARRIER_CANCEL).
    """
    state = root / ".offpeak"
    state.mkdir(mode=0o711, exist_ok=True)
    (state / "logs").mkdir(mode=0o700, exist_ok=True)
    kept = environment.load_secrets(state)
    ports = Ports(spare_port(), spare_port(), ())
    at = Addresses.of(ports)
    with contextlib.ExitStack() as stack:
        stack.callback(discard, root)
        postgres = Postgres(root)
        stack.callback(postgres.close)
        valkey = Valkey(root)
        stack.callback(valkey.close)
        env = environment.portal_environment(
            state, kept, at, database_url=postgres.url, redis_url=valkey.url
        )
        env |= SETTINGS | {"WITNESS_FILE": str(state / "witness.json"), "CARRIER_CANCEL": recall}
        clock.start_at(environment.clock_file(state), FIRST_MORNING)
        parts = _parts(state, kept, at, ports, env)
        for part in parts.values():
            stack.callback(part.kill)
        _start(parts, env, state, at)
        os.environ.update(env)
        yield Stack(
            state, postgres, valkey, Cloud(at.sandbox, kept.sandbox_admin_key), at, kept, env,
            parts["sandbox"], parts["web"],
            [parts[f"worker-{number}"] for number in range(len(QUEUES))],
            [parts[f"beat-{number}"] for number in range(BEATS)],
        )  # fmt: skip


def _parts(
    state: Path, kept: Secrets, at: Addresses, ports: Ports, env: dict[str, str]
) -> dict[str, Part]:
    python, logs = [sys.executable, "-m"], state / "logs"
    celery = [*python, "celery", "-A", "portal"]
    sandbox = [*python, "carrier_sandbox", "--port", str(ports.sandbox)]
    sandbox += ["--homes", str(SANDBOX_HOMES), "--scenario", "cooperative"]
    sandbox += ["--access-ttl-s", str(TOKEN_LIFE_S)]
    sandbox += ["--clock-file", str(environment.clock_file(state))]
    web = [*python, "gunicorn", "-c", "portal/gunicorn.py", "portal.wsgi"]
    made = {
        "sandbox": Part("sandbox", sandbox, environment.sandbox_environment(kept), logs),
        "web": Part("web", web, env, logs),
    }
    for number, queue in enumerate(QUEUES):
        argv = [*celery, "worker", "-l", "INFO", "-Q", queue, "-c", "2"]
        argv += ["--without-gossip", "--without-mingle", "-n", f"worker-{number}@%h"]
        made[f"worker-{number}"] = Part(f"worker-{number}", argv, env, logs)
    for number in range(BEATS):
        argv = [*celery, "beat", "-l", "INFO", "-s", str(state / f"beat-{number}")]
        argv += ["--pidfile="]
        made[f"beat-{number}"] = Part(f"beat-{number}", argv, env, logs)
    return made


def _start(parts: dict[str, Part], env: dict[str, str], state: Path, at: Addresses) -> None:
    password = environment.load_secrets(state).console_password
    for words in (["migrate", "--noinput"], ["demo_utility", f"--password={password}"]):
        command = Part("migrate", [sys.executable, "manage.py", *words], env, state / "logs")
        command.start()
        until(partial(_ended, command), words[0])
        if command.status:
            raise RuntimeError(f"{words[0]} ended with {command.status}: {command.said()[-400:]}")
    for part in parts.values():
        part.start()
    for address in (f"{at.sandbox}/_sandbox/health", f"{at.web}/readyz"):
        until(partial(_answers, address), address)
    for name, part in parts.items():
        if name.startswith("worker"):
            until(partial(_is_ready, part), name)


def _ended(part: Part) -> bool:
    return not part.runs


def _is_ready(worker: Part) -> bool:
    return "ready." in worker.said()


def _answers(address: str) -> bool:
    with contextlib.suppress(requests.RequestException), requests.Session() as session:
        session.trust_env = False
        return session.get(address, timeout=2).status_code == 200
    return False
