"""One server process: started as the right account, watched, stopped, and never left behind."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from portal.embedded.home import EmbeddedError, Home, plain_environment, popen_ids

START_LIMIT_S = 30.0  # both take a second; a machine under load or replaying its log may take long
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(sig: int = signal.SIGTERM, parent: int | None = None) -> None:
    """Ask the kernel to send us `sig` when our parent dies; Linux only, elsewhere nothing happens.

    Call it in the child, after any change of user (that clears it). `parent` is the pid the parent
    had before the fork: if it is already gone, the signal is sent at once. The kernel means the
    parent's *thread*, so parents must start children from their main thread.
    """
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(sig), 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), sig)


def spare_port(preferred: int = 0) -> int:
    """`preferred` if 127.0.0.1 has it free, else any free port. Another may still snatch it."""
    for port in (preferred, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            # As servers do: a port whose last owner has just closed counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise EmbeddedError("127.0.0.1 has no free port.")


@dataclass(frozen=True, repr=False)
class Server:
    """A running server. One that was there before us (pid 0) is never stopped by us."""

    url: str
    pid: int
    data_dir: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, compare=False)
    _signals: tuple[signal.Signals, ...] = field(default=(), compare=False)
    _lock: IO[str] | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        parts = urlsplit(self.url)
        return f"Server({parts.scheme}://{parts.hostname}:{parts.port}{parts.path}, pid={self.pid})"

    def stop(self, timeout_s: float = 15.0) -> None:
        """Politely, then harder after each `timeout_s` seconds. Safe to call twice."""
        if self._process is None:
            return
        for sig in (*self._signals, signal.SIGKILL):
            if self._process.poll() is not None:
                break
            self._process.send_signal(sig)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)
        if self._lock:
            self._lock.close()


def start_process(
    home: Home,
    name: str,
    command: Callable[[int], list[str]],
    ready: Callable[[subprocess.Popen[bytes], int], bool],
    death_signal: signal.Signals,
) -> tuple[subprocess.Popen[bytes], int]:
    """Start on a spare port and wait until it answers; a port snatched meanwhile: take another."""
    if threading.current_thread() is not threading.main_thread():
        raise EmbeddedError("Servers must be started from the main thread: they die with it.")
    log = home.state / "logs" / f"{name}.log"
    log.parent.mkdir(mode=0o700, exist_ok=True)
    for _ in range(5):
        port = spare_port()
        with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as output:
            process = subprocess.Popen(
                command(port),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=plain_environment(),
                umask=0o077,
                start_new_session=True,  # Ctrl-C in the terminal is for us; we stop servers last
                preexec_fn=functools.partial(die_with_parent, death_signal, os.getpid()),
                **popen_ids(home.account),
            )
        if _answers(process, functools.partial(ready, process, port)):
            return process, port
        said = log.read_text(errors="replace")
        if "in use" not in said:
            break
    tail = "\n".join(said.splitlines()[-8:])
    raise EmbeddedError(f"{name} did not start; the end of {log}:\n{tail}")


def _answers(process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> bool:
    """True once it is ready; otherwise (it ended, time ran out, Ctrl-C) it is gone afterwards."""
    deadline = time.monotonic() + START_LIMIT_S
    answered = False
    try:
        while not answered and process.poll() is None and time.monotonic() < deadline:
            answered = ready()
            if not answered:
                time.sleep(0.01)
    finally:
        if not answered:
            process.kill()
            process.wait()
    return answered


def run_to_end(home: Home, command: list[str], stdin: str = "") -> None:
    """Run a program of PostgreSQL to its end, as the server's account."""
    done = subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        text=True,
        cwd="/",
        env=plain_environment(),
        check=False,
        preexec_fn=functools.partial(die_with_parent, signal.SIGTERM, os.getpid()),
        **popen_ids(home.account),
    )
    if done.returncode != 0:
        raise EmbeddedError(
            f"{Path(command[0]).name} failed:\n{done.stdout[-500:]}{done.stderr[-1500:]}"
        )


def take_lock(home: Home, name: str) -> IO[str]:
    """One owner for each server's data; the kernel lets go of it when the owner dies."""
    file = open(os.open(home.state / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600), "r+")  # noqa: SIM115
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = file.read().strip()
        file.close()
        raise EmbeddedError(
            f"{name} of {home.state} is already run by process {owner}. Stop that one first."
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def end_leftover(pid_file: Path, marker: str, sig: signal.Signals) -> None:
    """Deal with the pid file of a parent that was killed. We hold the lock: nobody owns the server.

    Its server is still closing (Linux) or was orphaned (macOS): ask it to stop and wait. Otherwise
    the file is stale, and its number may be another program's by now, which PostgreSQL would take
    for a running server: the file goes.
    """
    lines = lines_of(pid_file)
    number = lines[0].strip().lstrip("-") if lines else ""  # single-user mode writes it negative
    if not number.isdigit():
        return
    pid = int(number)
    deadline = time.monotonic() + START_LIMIT_S
    signalled = False
    while marker in _command_line(pid):
        if time.monotonic() > deadline:
            raise EmbeddedError(f"Process {pid} still uses {marker} and does not stop.")
        if not signalled:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)
            signalled = True
        time.sleep(0.02)
    pid_file.unlink(missing_ok=True)


def _command_line(pid: int) -> str:
    if Path("/proc/self").exists():
        with contextlib.suppress(OSError):
            return (
                Path(f"/proc/{pid}/cmdline")
                .read_bytes()
                .replace(b"\0", b" ")
                .decode(errors="replace")
            )
        return ""
    shown = subprocess.run(["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True)
    return shown.stdout


def lines_of(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return []
