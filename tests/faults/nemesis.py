"""Breaks things, on the plan's word, from the main thread. Each blow is noted with its span."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import redis
from django.db import connection
from kombu.exceptions import OperationalError

from portal.demo import clock as business
from tests.faults.history import Blow
from tests.faults.parts import Part
from tests.faults.stack import Cloud, Stack
from tests.faults.town import Town

END = float("inf")


class Nemesis:
    def __init__(self, stack: Stack, town: Town, all_events: list[int]) -> None:
        self.stack, self.town, self.all_events = stack, town, all_events
        self.blows: list[Blow] = []
        self.revoked: list[str] = []  # users whose consent was taken back at the cloud
        self.counts: Counter[str] = Counter()
        self._open: dict[str, tuple[str, float]] = {}  # target -> (kind, since)

    def do(self, what: str, args: dict[str, Any]) -> None:
        """Strike. A blow at what is down already lands nowhere; that is fine."""
        method: Callable[..., None] = getattr(self, f"_{what}")
        with contextlib.suppress(
            redis.RedisError, psycopg.Error, ProcessLookupError, OperationalError
        ):
            method(**args)

    def over(self) -> None:
        """Everything was mended: close what is still open."""
        for target in list(self._open):
            self._ends(target)

    def spans(self, *kinds: str) -> list[tuple[float, float]]:
        return [(blow.begins, blow.ends) for blow in self.blows if blow.kind in kinds]

    # --- writing down --------------------------------------------------------------------------
    def _begins(self, target: str, kind: str) -> None:
        self._ends(target)
        self.counts[kind] += 1
        self._open[target] = (kind, time.time())

    def _ends(self, target: str) -> None:
        if target in self._open:
            kind, since = self._open.pop(target)
            self.blows.append(Blow(kind, since, time.time()))

    def _at_once(self, kind: str) -> None:
        self.counts[kind] += 1
        self.blows.append(Blow(kind, time.time(), time.time()))

    # --- workers -------------------------------------------------------------------------------
    def _worker(self, number: int) -> Part:
        return self.stack.workers[number]

    def _kill(self, worker: int, dice: int) -> None:
        self._begins(f"worker {worker}", "kill worker")
        self._worker(worker).kill()

    def _kill_child(self, worker: int, dice: int) -> None:
        children = self._worker(worker).children() if self._worker(worker).runs else []
        if children:
            self._at_once("kill child")
            os.kill(children[dice % len(children)], signal.SIGKILL)

    def _pause(self, worker: int, dice: int) -> None:
        self._begins(f"worker {worker}", "pause worker")
        self._worker(worker).pause(True)

    def _pause_child(self, worker: int, dice: int) -> None:
        children = self._worker(worker).children() if self._worker(worker).runs else []
        if children:
            self._begins(f"worker {worker}", "pause child")
            self._worker(worker).paused = True
            os.kill(children[dice % len(children)], signal.SIGSTOP)

    def _go_on(self, worker: int) -> None:
        self._worker(worker).pause(False)
        self._ends(f"worker {worker}")

    def _warm(self, worker: int, dice: int) -> None:
        self._begins(f"worker {worker}", "warm shutdown")
        self._worker(worker).tell(signal.SIGTERM)

    def _cold(self, worker: int, dice: int) -> None:
        self._begins(f"worker {worker}", "cold shutdown")
        self._worker(worker).tell(signal.SIGQUIT)

    def _restart(self, worker: int) -> None:
        """A service manager's patience is short here: what has not left by now is killed."""
        self._worker(worker).kill()
        self._worker(worker).start()
        self._ends(f"worker {worker}")

    def _beats_still(self) -> None:
        self._begins("beats", "beats stand still")
        for beat in self.stack.beats:
            beat.pause(True)

    def _beats_go_on(self) -> None:
        for beat in self.stack.beats:
            beat.pause(False)
        self._ends("beats")

    # --- broker --------------------------------------------------------------------------------
    def _broker_kill(self) -> None:
        self._begins("broker", "broker killed")
        self.stack.valkey.kill()

    def _broker_hang(self) -> None:
        self._begins("broker", "broker hung")
        self.stack.valkey.hang(True)

    def _broker_fill(self) -> None:
        self._begins("broker", "broker full")
        self.stack.valkey.fill(True)

    def _broker_flush(self) -> None:
        self._at_once("broker flushed")
        self.stack.valkey.flush()

    def _broker_mend(self) -> None:
        if not self.stack.valkey.runs:
            self.stack.valkey.start()
        self.stack.valkey.hang(False)
        self.stack.valkey.fill(False)
        self._ends("broker")

    # --- database ------------------------------------------------------------------------------
    def _db_restart(self, kind: str, how: signal.Signals) -> None:
        self._begins("database", kind)
        self.stack.postgres.end(how)
        self.stack.postgres.start()
        self._ends("database")

    def _db_fast(self, dice: int) -> None:
        self._db_restart("database fast restart", signal.SIGINT)

    def _db_immediate(self, dice: int) -> None:
        self._db_restart("database immediate restart", signal.SIGQUIT)

    def _db_kill(self, dice: int) -> None:
        self._db_restart("database kill -9", signal.SIGKILL)

    def _backends(self) -> list[int]:
        with psycopg.connect(self.stack.postgres.url, autocommit=True, connect_timeout=3) as link:
            rows = link.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND application_name <> 'harness' ORDER BY pid"
            ).fetchall()
        return [pid for (pid,) in rows]

    def _db_backend_kill(self, dice: int) -> None:
        if backends := self._backends():
            self._at_once("database backend kill -9")
            self.stack.postgres.kill_a_backend(backends[dice % len(backends)])

    def _db_cut(self, dice: int) -> None:
        """Some connections go: a sender may lose its session, and with it its locks."""
        backends = self._backends()
        chosen = random.Random(dice).sample(backends, (len(backends) + 1) // 2)
        self._at_once("database connections cut")
        with psycopg.connect(self.stack.postgres.url, autocommit=True, connect_timeout=3) as link:
            link.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) pid", [chosen])

    # --- tokens, messages, clock -----------------------------------------------------------------
    def _revoke(self, home: float) -> None:
        self._at_once("consent revoked at the cloud")
        user = self.town.at(home).user
        self.revoked.append(user)
        self.stack.cloud.ask("POST", "act", user=user, do="revoke")

    def _expire(self, share: float, dice: int) -> None:
        """Tokens are believed to end now: they must be renewed in the middle of the wave."""
        self._at_once("tokens about to end")
        grants = sorted({home.grant for home in self.town.homes})
        chosen = random.Random(dice).sample(grants, int(len(grants) * share))
        with psycopg.connect(self.stack.postgres.url, autocommit=True, connect_timeout=3) as link:
            link.execute(
                "UPDATE enrollments_carriergrant SET access_expires_at = clock_timestamp()"
                " + interval '20 s' WHERE id = ANY (%s)", [chosen],
            )  # fmt: skip

    def _ring_again(self, dice: int) -> None:
        """Old and new task messages, several times each, in any order."""
        from dr_events import tasks

        chance = random.Random(dice)
        messages: list[tuple[Any, dict[str, Any]]] = [
            (task, {"event_id": event})
            for task in (tasks.send, tasks.prove, tasks.read_back)
            for event in self.all_events[-6:]
        ]
        messages += [(tasks.renew, {})] * 3
        chance.shuffle(messages := messages * 2)
        for task, kwargs in messages[:24]:
            self._at_once("task message again")
            task.apply_async(kwargs=kwargs)

    def _sweep(self) -> None:
        self._at_once("sweep by command")
        self.stack.python("sweep", "manage.py", "sweep")

    def _skew(self, worker: int, seconds: float) -> None:
        """A worker whose host has the wrong time."""
        self._begins(f"worker {worker}", "wrong clock")
        self._worker(worker).kill()
        self._worker(worker).start(clock_off_by_s=seconds)

    def _skip(self, minutes: float) -> None:
        self._at_once("clock skips forward")
        now = business.now(self.stack.clock_file)
        business.jump_to(self.stack.clock_file, now + timedelta(minutes=minutes))


def vendor_faults(cloud: Cloud, seed: int, rules: list[Any], variants: dict[str, Any]) -> None:
    cloud.ask("PUT", "faults", seed=seed, rules=rules, variants=variants)


def harness_connection() -> None:
    """Our own connection is marked, so that the nemesis spares the referee."""
    with contextlib.suppress(Exception), connection.cursor() as cursor:
        cursor.execute("SET application_name = 'harness'")
