"""Valkey (or Redis): settings and start."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
from pathlib import Path

from portal.embedded.home import find_home, new_password, write_secret
from portal.embedded.process import Server, end_leftover, start_process, take_lock
from portal.embedded.programs import valkey_program

VALKEY_SETTINGS = """\
bind 127.0.0.1
protected-mode yes
daemonize no
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
stop-writes-on-bgsave-error yes
set-proc-title no
"""


def start_valkey(root: Path) -> Server:
    """Valkey that writes down what it accepts, syncs every second and never evicts a message."""
    home = find_home(root)
    with contextlib.ExitStack() as undo:
        lock = undo.enter_context(take_lock(home, "valkey"))
        program = valkey_program(home)
        data = home.data / "valkey"
        pid_file, settings = home.state / "valkey.pid", home.data / "valkey.conf"
        end_leftover(pid_file, str(settings), signal.SIGTERM)
        if not data.exists():
            home.new_folder(data)
        secret = home.state / "valkey.secret"
        if not secret.exists():
            write_secret(secret, new_password())
        password = secret.read_text(encoding="utf-8")

        def command(port: int) -> list[str]:
            text = f'{VALKEY_SETTINGS}port {port}\ndir "{data}"\nrequirepass {password}\n'
            write_secret(
                settings, text
            )  # in a file: arguments can be read by everyone on the machine
            home.own(settings)
            return [str(program), str(settings)]

        def ready(process: subprocess.Popen[bytes], port: int) -> bool:
            write_secret(pid_file, str(process.pid))
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", port), 1) as link,
            ):
                link.sendall(f"AUTH {password}\r\nPING\r\n".encode())
                answers = link.makefile("rb")
                return answers.readline() == b"+OK\r\n" and answers.readline() == b"+PONG\r\n"
            return False

        process, port = start_process(home, "valkey", command, ready, signal.SIGTERM)
        url = f"redis://:{password}@127.0.0.1:{port}/0"
        undo.pop_all()
        return Server(url, process.pid, data, process, (signal.SIGTERM,), lock)
