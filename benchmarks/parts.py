"""The processes of a benchmark: started from the main thread, gone when it goes."""

from __future__ import annotations

import functools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from portal.embedded import die_with_parent

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def running(
    arguments: list[str],
    *,
    env: dict[str, str] | None = None,
    log: Path | None = None,
    **popen: Any,
) -> Iterator[subprocess.Popen[str]]:
    """`python ARGUMENTS` until the block ends."""
    error = open(log, "w") if log else None  # noqa: SIM115 - the child's for its whole life
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stderr=error,
        text=True,
        preexec_fn=functools.partial(die_with_parent, signal.SIGKILL, os.getpid()),
        **({"stdout": error} if error else {}) | popen,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if error:
            error.close()


class Stub:
    """Our end of the vendor stub's control port."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        ports = json.loads(process.stdout.readline())
        self.pid = process.pid
        self.ca: str | None = ports["ca"]
        self.url = f"{'https' if self.ca else 'http'}://127.0.0.1:{ports['port']}"
        self._line = socket.create_connection(("127.0.0.1", ports["control"])).makefile("rw")

    def ask(self, do: str = "report", **details: Any) -> dict[str, Any]:
        self._line.write(json.dumps({"do": do, **details}) + "\n")
        self._line.flush()
        return dict(json.loads(self._line.readline()))


@contextmanager
def vendor_stub(homes: Path, *, tls: bool) -> Iterator[Stub]:
    flags = ["--tls", str(homes.parent)] if tls else []
    command = ["-m", "benchmarks.vendor_stub", str(homes), *flags]
    with running(command, stdout=subprocess.PIPE) as process:
        yield Stub(process)


class Bare:
    """Two processes of one bare client, waiting for the word."""

    def __init__(self, library: str, processes: list[subprocess.Popen[str]]) -> None:
        self.library = library
        self.pids = [process.pid for process in processes]
        self._processes = processes

    def go(self, **order: Any) -> float:
        """Send everything once; seconds from the word to the last answer of both."""
        began = time.monotonic()
        for process in self._processes:
            assert process.stdin
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
        for process in self._processes:
            assert process.stdout
            answer = json.loads(process.stdout.readline())
            if answer["failed"]:
                raise RuntimeError(f"bare {self.library}: {answer['failed']} requests failed")
        return time.monotonic() - began


@contextmanager
def bare_client(library: str, homes: Path, stub: Stub, in_flight: int) -> Iterator[Bare]:
    command = ["-m", "benchmarks.bare", library, str(homes), stub.url, str(in_flight)]
    if stub.ca:
        command += ["--ca", stub.ca]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with ExitStack() as stack:
        yield Bare(
            library,
            [
                stack.enter_context(running([*command, "--share", str(share), "2"], **pipes))
                for share in range(2)
            ],
        )


def wait_for(what: str, ready: Callable[[], bool], *, limit_s: float = 60.0) -> None:
    deadline = time.monotonic() + limit_s
    while not ready():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not happen within {limit_s:.0f} seconds")
        time.sleep(0.01)
