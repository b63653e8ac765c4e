"""The process that dies: ``python -m tests.faults.crash``.

It loads the product once and then forks a child for each line it reads, so that a child costs
milliseconds. Before a fork it has no thread, no connection and no fan-out: each child makes its
own. A line: ``{"case", "job", "args", "serials", "at", "act", "settings", "off", "go"}``. Lines
out: ``{"case", "at", "backend"}`` for each point reached, ``stopped``, ``error``, and ``ended``:
the exit code, or minus the signal.
"""

import json
import os
import select
import signal
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection, connections, transaction  # noqa: E402

from base import clock  # noqa: E402
from carrier.channel import Channel  # noqa: E402
from dr_events import dispatch, operations, queries  # noqa: E402
from dr_events.dispatch import watch  # noqa: E402
from dr_events.states import OptOutVia  # noqa: E402
from enrollments import vendor_session  # noqa: E402
from people.operations import Actor  # noqa: E402
from portal.embedded import die_with_parent  # noqa: E402
from tests.faults import crash_guards, crash_points  # noqa: E402

OLGA = Actor("user:olga")


def _cancel(event_id: int, now: str) -> None:
    operations.cancel(event_id=event_id, actor=OLGA, now=datetime.fromisoformat(now))


def _opt_out(dispatch_id: int, now: str) -> None:
    moment = datetime.fromisoformat(now)
    operations.opt_out(dispatch_id=dispatch_id, via=OptOutVia.HOME_PAGE, actor=OLGA, now=moment)


def _settle(event_id: int) -> None:
    event = queries.work.sending(event_id)
    assert event is not None
    operations.settle(
        event_id=event_id,
        last_send=event.last_send,
        ends_at=event.ends_at,
        now=clock.database_now(),
    )


def _send_in_one_transaction(event_id: int) -> None:
    with transaction.atomic():
        dispatch.send_wave(event_id)


JOBS: dict[str, Callable[..., Any]] = {
    "send": dispatch.send_wave,
    "look": dispatch.look_at_unsure,
    "cancel": _cancel,
    "opt_out": _opt_out,
    "settle": _settle,
    "take_back": dispatch.take_back,
    "refresh": vendor_session.refresh,
    "send in one transaction": _send_in_one_transaction,
}


def say(**line: Any) -> None:
    os.write(1, json.dumps(line).encode() + b"\n")


def _arrive(order: dict[str, Any]) -> crash_points.Reach:
    backend = connections["default"]  # the main thread's; a point may be reached on the fan-out's

    def reached(label: str) -> None:
        here = label == order.get("at")
        pid = backend.connection.info.backend_pid if here else None
        say(case=order["case"], at=label, backend=pid)
        if here:
            assert pid is not None
            match order["act"]:
                case "kill":
                    crash_points.kill()
                case "stop":
                    crash_points.stop()
                case "cut":
                    crash_points.cut(pid)
                case "hold":
                    crash_points.hold(Path(order["go"]))

    return reached


def _shortest(undo: ExitStack) -> None:
    """What depends on the machine's speed happens once: points that are always reached."""
    undo.enter_context(patch.multiple(watch, LOOK_EVERY_S=60.0, TOO_OLD_S=60.0))
    collect = Channel.collect

    def patient(self: Channel, *, at_most: int, wait_s: float) -> Any:
        return collect(self, at_most=at_most, wait_s=max(wait_s, 5.0))

    undo.enter_context(patch.object(Channel, "collect", patient))


def _child(order: dict[str, Any]) -> int:
    die_with_parent(signal.SIGKILL)
    for name, value in order.get("settings", {}).items():
        setattr(settings, name, value)
    connection.ensure_connection()
    points = crash_points.Points(_arrive(order))
    try:
        with ExitStack() as undo:
            if order.get("act") is None:
                _shortest(undo)
            for guard in order.get("off", []):
                undo.enter_context(crash_guards.OFF[guard]())
            undo.enter_context(crash_points.marked(points.reach, order["serials"]))
            JOBS[order["job"]](**order["args"])
            points.reach("the end")
    except Exception as trouble:
        say(case=order["case"], error=f"{type(trouble).__name__}: {trouble}"[:300])
        return 1
    return 0


def _report(cases: dict[int, str]) -> None:
    """Tell what became of children: stopped, or ended."""
    while cases:
        pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
        if pid == 0:
            return
        if os.WIFSTOPPED(status):
            say(case=cases[pid], stopped=True)
        else:
            say(case=cases.pop(pid), ended=os.waitstatus_to_exitcode(status))


def _obey(line: str, cases: dict[int, str]) -> None:
    order = json.loads(line)
    if "resume" in order:
        (pid,) = (pid for pid, case in cases.items() if case == order["resume"])
        os.kill(pid, signal.SIGCONT)
        return
    pid = os.fork()
    if pid == 0:
        os._exit(_child(order))
    cases[pid] = order["case"]


def main() -> None:
    say(ready=True)
    cases: dict[int, str] = {}
    waiting = b""
    while True:
        readable, _, _ = select.select([0], [], [], 0.01)
        if readable:
            piece = os.read(0, 65536)
            if not piece:
                break
            *lines, waiting = (waiting + piece).split(b"\n")
            for line in lines:
                _obey(line.decode(), cases)
        _report(cases)
    for pid in cases:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
