"""Every point at which a process may die, by name, and what happens to the process there.

The points are not a list somebody keeps: a function is run, and each statement it sends, each
commit, each request on its way out and in calls ``reach``. A new statement is a new point.
"""

import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import pycurl
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from carrier import curl_lane, transport

Reach = Callable[[str], None]
_SENT = {"GET": pycurl.INFOTYPE_HEADER_OUT, "POST": pycurl.INFOTYPE_DATA_OUT}
_SAVEPOINT = re.compile(r'"s\d+_x\d+"')


class Points:
    """Counts how often each point is reached: ``name #2`` is the second time."""

    def __init__(self, told: Reach) -> None:
        self._told = told
        self._times: Counter[str] = Counter()
        self._lock = threading.Lock()

    def reach(self, name: str) -> None:
        with self._lock:
            self._times[name] += 1
            label = f"{name} #{self._times[name]}"
        self._told(label)


@contextmanager
def marked(reach: Reach, serials: Sequence[str]) -> Iterator[None]:
    """Inside, everything this process does to the database and to Carrier reaches its points."""
    with ExitStack() as undo:
        undo.enter_context(connection.execute_wrapper(_statements(reach)))
        for end in ("commit", "rollback"):
            undo.enter_context(_around(BaseDatabaseWrapper, f"_{end}", reach, end.upper()))
        undo.enter_context(_lanes(reach, serials))
        undo.enter_context(_around(transport.BoundedAdapter, "send", reach, "the token call"))
        undo.enter_context(_around(transport._PlainConnection, "send", reach, "token bytes"))
        yield


def _statements(reach: Reach) -> Callable[..., Any]:
    def mark(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        name = _SAVEPOINT.sub("", " ".join(sql.split()))[:90]
        reach(f"before {name}")
        found = execute(sql, *rest)
        # After a read comes the point before the next statement: nothing changed in between.
        if not name.startswith("SELECT"):
            reach(f"after {name}")
        return found

    return mark


def _around(owner: type, method: str, reach: Reach, name: str) -> Any:
    original = getattr(owner, method)

    def marked_call(self: Any, *given: Any, **named: Any) -> Any:
        reach(f"before {name}")
        found = original(self, *given, **named)
        reach(f"after {name}")
        return found

    return patch.object(owner, method, marked_call)


@contextmanager
def _lanes(reach: Reach, serials: Sequence[str]) -> Iterator[None]:
    """A request on the fan-out: taken up, looked at for the last time, out, answered."""
    load, depart, answer = (getattr(curl_lane.Lane, name) for name in ("load", "_depart", "answer"))

    def name_of(lane: Any) -> str:
        out = lane.outgoing
        homes = [n for n, serial in enumerate(serials, 1) if f"/{serial}/" in out.url]
        return f"{out.method} home {homes[0] if homes else '?'}"

    def marked_load(self: Any, *given: Any) -> None:
        load(self, *given)

        def debug(kind: int, _: bytes) -> None:
            if kind == _SENT[self.outgoing.method]:
                reach(f"bytes out {name_of(self)}")

        self.easy.setopt(pycurl.DEBUGFUNCTION, debug)
        self.easy.setopt(pycurl.VERBOSE, 1)
        reach(f"taken up {name_of(self)}")

    def marked_depart(self: Any, *given: Any) -> int:
        reach(f"last look {name_of(self)}")
        verdict = int(depart(self, *given))
        if verdict == pycurl.PREREQFUNC_OK:
            reach(f"looked {name_of(self)}")
        return verdict

    def marked_answer(self: Any, *given: Any) -> Any:
        found = answer(self, *given)
        reach(f"answered {name_of(self)}")
        return found

    with ExitStack() as undo:
        for name, marked_one in (
            ("load", marked_load),
            ("_depart", marked_depart),
            ("answer", marked_answer),
        ):
            undo.enter_context(patch.object(curl_lane.Lane, name, marked_one))
        yield


# --- what happens at a point -------------------------------------------------------------------
def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def stop() -> None:
    """To this thread: it goes no step further, and takes the others with it."""
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def cut(backend: int) -> None:
    """The database ends this process's session; returns when it is gone."""
    of = connection.settings_dict
    names = {"dbname": of["NAME"], "user": of["USER"], "password": of["PASSWORD"]}
    with psycopg.connect(host=of["HOST"], port=of["PORT"], **names) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])


def hold(until: Path) -> None:
    """This thread alone waits until the file is there; the others go on."""
    deadline = time.monotonic() + 30
    while not until.exists() and time.monotonic() < deadline:
        time.sleep(0.005)
