"""The product's own processes, to be killed, paused, shut down and started again."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from portal.embedded import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
START_LIMIT_S = 180.0


class Part:
    """One process group. It writes to its own log; its death is nobody's surprise here."""

    def __init__(self, name: str, argv: list[str], env: Mapping[str, str], logs: Path) -> None:
        self.name, self.log = name, logs / f"{name}.log"
        self._argv, self._env = argv, dict(env)
        self._process: subprocess.Popen[bytes] | None = None
        self._from = 0
        self.paused = False
        self.skewed = False

    def start(self, clock_off_by_s: float = 0.0) -> None:
        """From the main thread: the kernel ends it with the thread that started it."""
        self.skewed = clock_off_by_s != 0.0
        with self.log.open("ab") as output:
            self._from = output.tell()
            self._process = subprocess.Popen(
                self._argv,
                cwd=ROOT,
                env=self._env | (wrong_clock(clock_off_by_s) if self.skewed else {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=functools.partial(die_with_parent, signal.SIGKILL, os.getpid()),
            )

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def status(self) -> int | None:
        """How it ended; None while it runs or before it was started."""
        return self._process.poll() if self._process else None

    def said(self) -> str:
        with self.log.open("rb") as file:
            file.seek(self._from)
            return file.read().decode(errors="replace")

    def children(self) -> list[int]:
        """Its direct children, by the kernel's own list."""
        found: list[int] = []
        for tasks in Path(f"/proc/{self.pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += [int(word) for word in tasks.read_text().split()]
        return sorted(found)

    def tell(self, number: signal.Signals) -> None:
        """To the leader alone; it tells its children what they need to know."""
        if self.runs:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """-9 for all of it, at once."""
        self._group(signal.SIGKILL)
        if self._process:
            self._process.wait(10)
        self.paused = False

    def pause(self, on: bool) -> None:
        self._group(signal.SIGSTOP if on else signal.SIGCONT)
        self.paused = on

    def _group(self, number: signal.Signals) -> None:
        if self._process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


def wrong_clock(off_by_s: float) -> dict[str, str]:
    """Environment of a process whose wall clock is wrong; its durations are right."""
    spec = importlib.util.find_spec("libfaketime")
    if spec is None or spec.origin is None:
        raise RuntimeError("libfaketime is missing; script/bootstrap dev installs it")
    library = Path(spec.origin).parent / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME": f"{off_by_s:+.3f}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def until(fact: Callable[[], bool], what: str, limit_s: float = START_LIMIT_S) -> None:
    """Poll until it is so. Raises TimeoutError, naming what was waited for."""
    deadline = time.monotonic() + limit_s
    while not fact():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {limit_s:.0f} s for {what}")
        time.sleep(0.05)
