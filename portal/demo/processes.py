"""Starts the parts, watches them, and stops them in the reverse order of their start.

Children write straight into their log files: no pipe that could fill up, and no thread here, which
matters because the kernel's "your parent died" signal follows the *thread* that started a child.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import requests

from portal.embedded import die_with_parent

POLL_S = 0.05
READY_LIMIT_S = 60.0  # a slow machine compiling everything for the first time
STOP_LIMIT_S = 70.0  # a little more than the longest task may take
LOG_LIMIT_BYTES = 10_000_000  # a log above this size is begun anew at the next start
COLOURS = (36, 35, 33, 32, 34, 31)


class StopAsked(BaseException):
    """Ctrl-C or TERM. Not an Exception: nothing on the way may swallow it."""


class ChildDied(RuntimeError):
    """A part ended by itself; the text names it and shows the end of its log."""


@dataclass
class Child:
    name: str
    process: subprocess.Popen[bytes]
    log: Path
    log_start: int  # where this run's part of the log begins, in bytes
    shown: int  # how much of the log has been echoed, in bytes

    def said(self) -> str:
        """What it has written since its start."""
        with self.log.open("rb") as file:
            file.seek(self.log_start)
            return file.read().decode(errors="replace")

    def died(self) -> ChildDied:
        tail = "\n".join(self.said().splitlines()[-25:])
        return ChildDied(
            f"{self.name} ended by itself ({_how(self.process.returncode)}).\n"
            f"The end of {self.log}:\n{tail}"
        )


def _how(status: int) -> str:
    return f"exit status {status}" if status >= 0 else signal.Signals(-status).name


class Supervisor(contextlib.ExitStack):
    """An ExitStack of processes: what started last is stopped first, whatever the reason to stop.

    Servers of other kinds join with `enter_context`. The first Ctrl-C or TERM raises StopAsked in
    the main thread; one that comes while stopping kills what is left.
    """

    def __init__(self, logs: Path, *, echo: bool = False) -> None:
        super().__init__()
        self.logs, self.echo = logs, echo
        self.children: list[Child] = []
        self.stopping = False

    def __enter__(self) -> Supervisor:
        self.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            before = signal.getsignal(number)
            if number == signal.SIGHUP and before == signal.SIG_IGN:
                continue  # started under nohup: a closed terminal is no reason to stop
            signal.signal(number, self._asked_to_stop)
            self.callback(signal.signal, number, before)
        return self

    def __exit__(self, *details: Any) -> bool:
        self.stopping = True
        return bool(super().__exit__(*details))

    def _asked_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        if self.stopping:
            self.kill_all()
            return
        self.stopping = True
        raise StopAsked

    def start(
        self,
        name: str,
        argv: list[str],
        env: Mapping[str, str],
        *,
        ready: Callable[[Child], bool] | None = None,
        stop_limit_s: float = STOP_LIMIT_S,
    ) -> Child:
        """Start a part; with `ready`, return only once it answers. Raises ChildDied."""
        child = self._spawn(name, argv, env)
        self.children.append(child)
        self.callback(self._stop, child, stop_limit_s)
        if ready:
            self.wait_until(lambda: ready(child), f"{name} to answer", READY_LIMIT_S)
        return child

    def run(self, name: str, argv: list[str], env: Mapping[str, str]) -> str:
        """Run a short command to its end and return what it wrote. Raises ChildDied if it fails."""
        child = self._spawn(name, argv, env)
        try:
            while child.process.poll() is None:
                self.check()
                time.sleep(POLL_S)
        finally:
            self._stop(child, 10.0)
        if child.process.returncode != 0:
            raise child.died()
        return child.said()

    def wait_until(self, fact: Callable[[], bool], what: str, limit_s: float) -> None:
        """Poll until `fact()`; a part that dies meanwhile is reported at once, with its log."""
        deadline = time.monotonic() + limit_s
        while not fact():
            self.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"Waited {limit_s:.0f} s for {what}; see {self.logs}.")
            time.sleep(POLL_S)

    def check(self) -> None:
        """Raise ChildDied for the first part that is gone; echo what is new in the logs."""
        if self.echo:
            self._echo()
        for child in self.children:
            if child.process.poll() is not None:
                raise child.died()

    def forever(self, tick: Callable[[], None]) -> None:
        """Stay until Ctrl-C, TERM or the death of a part; call `tick` about once a second."""
        while True:
            tick()
            for _ in range(5):
                self.check()
                time.sleep(4 * POLL_S)

    def kill_all(self) -> None:
        for child in self.children:
            _kill_group(child)

    def _spawn(self, name: str, argv: list[str], env: Mapping[str, str]) -> Child:
        log = self.logs / f"{name}.log"
        too_long = log.exists() and log.stat().st_size > LOG_LIMIT_BYTES
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if too_long else 0)
        with open(os.open(log, flags, 0o600), "ab") as output:
            size = os.fstat(output.fileno()).st_size
            process = subprocess.Popen(
                argv,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us alone, or the order of stopping is lost
                # Our own sudden death is a crash. Closing down in order would take a database and
                # a broker that are going away too; being killed is what every part is built for.
                preexec_fn=functools.partial(die_with_parent, signal.SIGKILL, os.getpid()),
            )
        return Child(name, process, log, size, size)

    def _stop(self, child: Child, limit_s: float) -> None:
        """TERM (a Celery worker finishes its task: warm), then KILL for it and all it started."""
        if child in self.children:
            self.children.remove(child)
        if child.process.poll() is None:
            # Stays known to kill_all while it closes down, for the second Ctrl-C.
            self.children.append(child)
            child.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(limit_s)
            self.children.remove(child)
        _kill_group(child)
        child.process.wait()

    def _echo(self) -> None:
        for number, child in enumerate(self.children):
            with child.log.open("rb") as file:
                file.seek(child.shown)
                new = file.read()
            whole = new[: new.rfind(b"\n") + 1]
            child.shown += len(whole)
            for line in whole.decode(errors="replace").splitlines():
                print(f"{prefix(child.name, number)} {line}", flush=True)


def _kill_group(child: Child) -> None:
    """Each child leads a session of its own, so its number also names all it started.

    Also called for a child that has ended: what it may have left behind still has the group, and a
    group's number is not given to another process while any member lives.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.process.pid, signal.SIGKILL)


def prefix(name: str, number: int) -> str:
    padded = f"{name:>8} |"
    if not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        return padded
    return f"\033[{COLOURS[number % len(COLOURS)]}m{padded}\033[0m"


def answers(url: str, *, status: int = 200) -> Callable[[Child], bool]:
    """Ready when GET `url` gives `status`. Straight to the address: no proxy stands before it."""
    session = requests.Session()
    session.trust_env = False

    def ready(_child: Child) -> bool:
        with contextlib.suppress(requests.RequestException):
            return session.get(url, timeout=2, allow_redirects=False).status_code == status
        return False

    return ready


def says(words: str) -> Callable[[Child], bool]:
    """Ready when its log holds `words`: for parts that listen on no port."""
    return lambda child: words in child.said()
