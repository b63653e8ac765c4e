"""Real PostgreSQL and Valkey for a newcomer's machine: nothing to install, nothing pretended.

The programs come out of two wheels (or are the machine's own); their data stays in `.offpeak/`.
Both listen on 127.0.0.1 only, with a password made once. No server outlives this process: it is
stopped in order, and the Linux kernel signals it when we die without a word (kill -9).

    python -m portal.embedded                       both servers in the foreground
    python -m portal.embedded -- COMMAND ARGS...    both servers while COMMAND runs
    python -m portal.embedded --throwaway -- ...    the same on empty data, deleted afterwards

Standard library only: this must run before anything else of the product can.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from portal.embedded.home import (
    EmbeddedError,
    find_home,
    remembered_folder,
    state_folder,
    write_secret,
)
from portal.embedded.postgres import start_postgres
from portal.embedded.process import Server, die_with_parent, spare_port, take_lock
from portal.embedded.valkey import start_valkey

__all__ = [
    "EmbeddedError",
    "Server",
    "die_with_parent",
    "discard",
    "servers",
    "spare_port",
    "start_postgres",
    "start_valkey",
    "state_folder",
    "write_secret",
]


@contextlib.contextmanager
def servers(root: Path, *, keep: bool = True) -> Iterator[tuple[Server, Server]]:
    """Both servers, except one whose DATABASE_URL or REDIS_URL is already set in the environment.

    `keep=False` deletes the data afterwards, also what had to live outside `root`: for tests.
    """
    with contextlib.ExitStack() as stack:
        if not keep:
            stack.callback(discard, root)
        found = []
        for variable, start in (("DATABASE_URL", start_postgres), ("REDIS_URL", start_valkey)):
            if url := os.environ.get(variable):
                found.append(Server(url, 0, root))
                continue
            server = start(root)
            stack.callback(server.stop)
            found.append(server)
        yield found[0], found[1]


def discard(root: Path) -> None:
    """Delete the servers' data, passwords and private folder. They must not be running."""
    state = root.resolve() / ".offpeak"
    if not state.exists():
        return
    home = find_home(root)
    locks = [take_lock(home, name) for name in ("postgres", "valkey")]
    for name in ("postgres", "postgres.new", "valkey", "programs"):
        shutil.rmtree(home.data / name, ignore_errors=True)
    if (private := remembered_folder(state)) is not None:
        shutil.rmtree(private)
    for pattern in ("*.secret", "home", "valkey.pid", "valkey.conf"):
        for path in state.glob(pattern):
            path.unlink()
    for lock in locks:
        lock.close()
