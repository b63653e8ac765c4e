"""PostgreSQL: the cluster, its owner, its settings."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from pathlib import Path

from portal.embedded.home import EmbeddedError, Home, find_home, new_password, write_secret
from portal.embedded.process import (
    Server,
    end_leftover,
    lines_of,
    run_to_end,
    start_process,
    take_lock,
)
from portal.embedded.programs import postgres_programs

# Crash-safe as in production, or the tests of crashes would prove nothing.
POSTGRES_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def start_postgres(root: Path, *, name: str = "offpeak") -> Server:
    """PostgreSQL with database `name`, owned by a role of that name that may also create databases.

    The owner can `CREATE EXTENSION btree_gist` (a trusted one). There is no way to sign in as the
    superuser. Raises EmbeddedError when the data is in use or was made by another version.
    """
    home = find_home(root)
    with contextlib.ExitStack() as undo:
        lock = undo.enter_context(take_lock(home, "postgres"))
        programs, major = postgres_programs(home)
        data = home.data / "postgres"
        end_leftover(data / "postmaster.pid", str(data), signal.SIGINT)
        if not data.exists():
            _create_cluster(home, programs, major, data)
        made_by = int((data / "PG_VERSION").read_text(encoding="ascii"))
        if made_by != major:
            raise EmbeddedError(
                f"The data in {data} was made by PostgreSQL {made_by}, this is {major}. "
                "`script/demo --reset` starts over; to keep the data, install that version again."
            )
        password = _password(home, programs, data, name)

        def command(port: int) -> list[str]:
            options = {**POSTGRES_SETTINGS, "port": str(port)}
            flags = [word for k, v in options.items() for word in ("-c", f"{k}={v}")]
            return [str(programs / "postgres"), "-D", str(data), *flags]

        def ready(process: subprocess.Popen[bytes], _port: int) -> bool:
            lines = lines_of(data / "postmaster.pid")
            return len(lines) > 7 and lines[0] == str(process.pid) and lines[7].strip() == "ready"

        process, port = start_process(home, "postgres", command, ready, signal.SIGINT)
        url = f"postgres://{name}:{password}@127.0.0.1:{port}/{name}"
        undo.pop_all()
        # INT: fast, clients are disconnected. QUIT: at once; the next start replays the log.
        return Server(url, process.pid, data, process, (signal.SIGINT, signal.SIGQUIT), lock)


def _create_cluster(home: Home, programs: Path, major: int, data: Path) -> None:
    """initdb beside the final place, then one rename: a start that is cut short leaves no half."""
    draft = home.new_folder(data.with_name("postgres.new"))
    # From version 17 on PostgreSQL sorts and folds UTF-8 by itself, the same on every machine.
    modern = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if major >= 17 else []
    options = ["-U", "postgres", "--auth=reject", "--encoding=UTF8", "--locale=C", *modern]
    run_to_end(home, [str(programs / "initdb"), "-D", str(draft), "--data-checksums", *options])
    rules = "# Passwords only, from this machine only.\nhost all all 127.0.0.1/32 scram-sha-256\n"
    (draft / "pg_hba.conf").write_text(rules, encoding="ascii")
    draft.rename(data)


def _password(home: Home, programs: Path, data: Path, name: str) -> str:
    """The owner's password. Made on the first start, and written down only once it is set."""
    secret = home.state / f"postgres-{name}.secret"
    if not secret.exists():
        password = new_password()
        _create_owner(home, programs, data, name, password)
        write_secret(secret, password)
    return secret.read_text(encoding="utf-8")


def _create_owner(home: Home, programs: Path, data: Path, name: str, password: str) -> None:
    """Role and database through single-user mode, which needs no password and opens no port.

    Repeatable: whatever exists already answers with an error line, and the password is set anew.
    """
    sql = (
        f'CREATE ROLE "{name}" LOGIN CREATEDB\n'
        f"ALTER ROLE \"{name}\" PASSWORD '{password}'\n"
        f'CREATE DATABASE "{name}" OWNER "{name}"\n'
    )
    command = [str(programs / "postgres"), "--single", "-D", str(data)]
    run_to_end(home, [*command, "-c", "password_encryption=scram-sha-256", "postgres"], sql)
