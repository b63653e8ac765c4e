"""PostgreSQL and Valkey that may be stopped, killed, hung and started again at the same address.

The product's own ``portal.embedded`` makes their data and their passwords; it starts them on a
fresh port each time, and everybody else here was told an address once. So their second start, and
every one after it, is ours. Start them from the main thread: they die with it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import redis

from portal.embedded import start_postgres, start_valkey
from portal.embedded.home import EmbeddedError, find_home
from portal.embedded.postgres import POSTGRES_SETTINGS
from portal.embedded.process import lines_of, start_process
from portal.embedded.programs import postgres_programs, valkey_program

# After a kill -9 its children need a moment before the data may be opened again.
TRIES, PAUSE_S = 40, 0.1


class Postgres:
    """Fast, immediate and sudden ends; a start replays the log, as after a power cut."""

    def __init__(self, root: Path) -> None:
        first = start_postgres(root)
        self.url, self.data = first.url, first.data_dir
        self.port = urlsplit(first.url).port
        first.stop()
        self._home = find_home(root)
        self._programs, _ = postgres_programs(self._home)
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        options = {**POSTGRES_SETTINGS, "port": str(self.port)}
        flags = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        command = [str(self._programs / "postgres"), "-D", str(self.data), *flags]

        def ready(process: subprocess.Popen[bytes], _port: int) -> bool:
            lines = lines_of(self.data / "postmaster.pid")
            return len(lines) > 7 and lines[0] == str(process.pid) and lines[7].strip() == "ready"

        for attempt in range(TRIES):
            try:
                self._process, _ = start_process(
                    self._home, "postgres", lambda _: command, ready, signal.SIGINT
                )
                return
            except EmbeddedError:
                if attempt == TRIES - 1:
                    raise
                time.sleep(PAUSE_S)

    def end(self, how: signal.Signals) -> None:
        """INT: fast, clients are cut. QUIT: immediate, no checkpoint. KILL: the power cut."""
        assert self._process
        self._process.send_signal(how)
        self._process.wait(30)

    def kill_a_backend(self, pid: int) -> None:
        """One backend dies by -9: PostgreSQL ends them all and recovers by itself."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        if self.runs:
            self.end(signal.SIGINT)


class Valkey:
    """Killed, hung, emptied, filled up."""

    def __init__(self, root: Path) -> None:
        first = start_valkey(root)
        self.url = first.url
        first.stop()
        self._home = find_home(root)
        self._command = [str(valkey_program(self._home)), str(self._home.data / "valkey.conf")]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, socket_timeout=2.0, socket_connect_timeout=2.0)

    def start(self) -> None:
        def ready(_process: subprocess.Popen[bytes], _port: int) -> bool:
            with contextlib.suppress(redis.RedisError), self.client() as link:
                return bool(link.ping())
            return False

        self._process, _ = start_process(
            self._home, "valkey", lambda _: self._command, ready, signal.SIGTERM
        )

    def kill(self) -> None:
        assert self._process
        self._process.kill()
        self._process.wait(10)

    def hang(self, on: bool) -> None:
        assert self._process
        self._process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)

    def flush(self) -> None:
        """Everything it held is gone: rings, reservations, all."""
        with self.client() as link:
            link.flushall()

    def fill(self, on: bool) -> None:
        """No room for another byte (noeviction: writers are told so), and room again."""
        with self.client() as link:
            link.config_set("maxmemory", "1" if on else "0")

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        if self.runs:
            self.hang(False)
            assert self._process
            self._process.terminate()
            self._process.wait(10)
