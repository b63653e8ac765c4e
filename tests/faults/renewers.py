"""This side of ``renewing``: workers killed and replaced, and what they had begun."""

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from portal.embedded import die_with_parent
from tests.contract.conftest import ROOT


class Renewers:
    """Processes that renew tokens side by side, until they are killed."""

    def __init__(self, folder: Path, environment: dict[str, str], how_many: int) -> None:
        self.folder = folder
        self.killed: list[int] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.renewing", str(folder)],
            cwd=ROOT, env=environment, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=die_with_parent,
        )  # fmt: skip
        self.alive = [self._start() for _ in range(how_many)]

    def _start(self) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("go\n")
        return int(self._process.stdout.readline())

    def kill_one(self) -> bool:
        """Kill a worker in the middle of its work and start another; False when all are idle."""
        for pid in self.alive:
            if self.begun(pid):
                os.kill(pid, signal.SIGKILL)
                self.alive.remove(pid)
                self.killed.append(pid)
                self.alive.append(self._start())
                return True
        return False

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.terminate()  # and its workers with it
        self._process.wait(timeout=10)
        self._process.stdin.close()
        self._process.stdout.close()

    # --- what they noted ------------------------------------------------------------------------
    def _notes(self, pid: int) -> list[str]:
        file = self.folder / str(pid)
        return file.read_text().splitlines() if file.exists() else []

    def begun(self, pid: int) -> set[int]:
        """Permissions this one asked Carrier about and never finished."""
        open_ones: set[int] = set()
        for line in self._notes(pid):
            if line.startswith("+"):
                open_ones.add(int(line[1:]))
            elif line.startswith("-"):
                open_ones.discard(int(line[1:]))
        return open_ones

    def orphans(self, *, after: int = 0) -> Counter[int]:
        """Permissions whose holder was killed while it renewed them, and how many such holders;
        the first ``after`` kills are left out."""
        return Counter(grant for pid in self.killed[after:] for grant in self.begun(pid))

    def troubles(self) -> list[str]:
        everybody = [*self.killed, *self.alive]
        return [line for pid in everybody for line in self._notes(pid) if line.startswith("!")]
