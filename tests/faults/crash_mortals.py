"""Children that run one job each and die where they are told: this side of ``crash``."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from portal.embedded import die_with_parent
from tests.contract.conftest import ROOT

PATIENCE_S = 30.0
LOG = "mortals.log"


def until(true: Callable[[], bool]) -> None:
    """Wait for something that is sure to come."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


@dataclass
class Fate:
    """What became of a child."""

    points: list[str] = field(default_factory=list)
    backend: int | None = None
    stopped: bool = False
    ended: int | None = None
    error: str = ""


class Mortals:
    """Children that run one job each and die where they are told."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.fates: dict[str, Fate] = {}
        self._names = count(1)
        self._folder = folder
        self._log = (folder / LOG).open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.crash"], cwd=ROOT, env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
            preexec_fn=die_with_parent, bufsize=0,
        )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._rest = b""
        self._ready = False
        self._listen(lambda: self._ready)

    def close(self) -> None:
        self._stdin.close()
        self._process.wait(timeout=10)
        self._stdout.close()
        self._log.close()

    def start(
        self, job: str, serials: Sequence[str], *, at: str | None = None, act: str | None = None,
        off: Sequence[str] = (), settings: dict[str, Any] | None = None, **args: Any,
    ) -> str:  # fmt: skip
        """Start a child; its name. Without ``act`` it only tells its points, the fewest there are:
        what depends on the speed of the machine then happens once."""
        name = f"child {next(self._names)}"
        self.fates[name] = Fate()
        self._order(
            case=name, job=job, at=at, act=act, off=list(off), serials=list(serials), args=args,
            settings=settings or {}, go=str(self._go(name)),
        )  # fmt: skip
        return name

    def run(self, job: str, serials: Sequence[str], **more: Any) -> Fate:
        """Start a child and wait until it has ended."""
        return self.ended(self.start(job, serials, **more))

    def ended(self, name: str) -> Fate:
        self._listen(lambda: self.fates[name].ended is not None)
        return self.fates[name]

    def stopped(self, name: str) -> Fate:
        """Wait until it stands still, or has ended without ever coming to its point."""
        self._listen(lambda: self.fates[name].stopped or self.fates[name].ended is not None)
        return self.fates[name]

    def at(self, name: str, label: str) -> None:
        self._listen(lambda: label in self.fates[name].points)

    def resume(self, name: str) -> None:
        self.fates[name].stopped = False
        self._order(resume=name)

    def let_go(self, name: str) -> None:
        """For a thread that was told to hold."""
        self._go(name).touch()

    def _go(self, name: str) -> Path:
        return self._folder / f"go-{name.removeprefix('child ')}"

    def _order(self, **order: Any) -> None:
        self._stdin.write(json.dumps(order).encode() + b"\n")

    def _listen(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not true():
            left = deadline - time.monotonic()
            assert left > 0, "it never came to that"
            if select.select([self._stdout], [], [], left)[0]:
                piece = os.read(self._stdout.fileno(), 1 << 16)
                assert piece, f"it ended: {(self._folder / LOG).read_text()[-2000:]}"
                *lines, self._rest = (self._rest + piece).split(b"\n")
                for line in lines:
                    self._hear(json.loads(line))

    def _hear(self, line: dict[str, Any]) -> None:
        if "ready" in line:
            self._ready = True
            return
        fate = self.fates[line["case"]]
        if "at" in line:
            fate.points.append(line["at"])
            fate.backend = line["backend"] or fate.backend
        fate.stopped = line.get("stopped", fate.stopped)
        fate.ended = line.get("ended", fate.ended)
        fate.error = line.get("error", fate.error)
