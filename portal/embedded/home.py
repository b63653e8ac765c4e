"""Where the embedded servers live and as whom they run.

PostgreSQL refuses to run as root, so under root both servers run as an account that is already
there. That account must be able to walk to its data and its programs: where it cannot (a checkout
under /root, a 0700 folder) they move to a private temporary folder, remembered in `.offpeak/`.
No account is made and no permission of a folder that is not ours is changed.
"""

from __future__ import annotations

import functools
import logging
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


class EmbeddedError(RuntimeError):
    """A server cannot be started; the text says why and what to do."""


@dataclass(frozen=True)
class Account:
    """The unprivileged account the servers run under when we are root."""

    name: str
    uid: int
    gid: int


def popen_ids(account: Account | None) -> dict[str, Any]:
    """Arguments for subprocess that make the child run as `account` (None: as ourselves)."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def plain_environment() -> dict[str, str]:
    """What a server needs of our environment: nothing of the person's, no secret, plain words."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def succeeds_as(account: Account | None, argv: list[str]) -> bool:
    """Run a short command as the account: asks the kernel, so access lists and mounts count too."""
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            cwd="/",
            env=plain_environment(),
            timeout=20,
            check=False,
            **popen_ids(account),
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


@functools.cache
def unprivileged_account() -> Account | None:
    """None when we are not root; otherwise `nobody`, or the first account that works."""
    if os.geteuid() != 0:
        return None
    entries = sorted(
        (p for p in pwd.getpwall() if p.pw_uid > 0), key=lambda p: (p.pw_name != "nobody", p.pw_uid)
    )
    for entry in entries:
        account = Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
        if succeeds_as(account, ["/bin/sh", "-c", ":"]):
            return account
    raise EmbeddedError(
        "PostgreSQL does not run as root, and no other account of this machine can be used. "
        "Run as an ordinary user, or set DATABASE_URL and REDIS_URL to servers of your own."
    )


def can_enter(account: Account | None, folder: Path) -> bool:
    return account is None or succeeds_as(
        account, ["/bin/sh", "-c", 'test -x "$1"', "sh", str(folder)]
    )


@dataclass(frozen=True)
class Home:
    """`state`: `.offpeak/` of the checkout, ours. `data`: where the servers keep their files."""

    state: Path
    data: Path
    account: Account | None

    def own(self, path: Path) -> None:
        """Hand a path of ours to the account that the server runs under."""
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)

    def new_folder(self, path: Path) -> Path:
        """An empty folder that only the server's account may look into."""
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(mode=0o700)
        self.own(path)
        return path


def state_folder(root: Path) -> Path:
    """Make `.offpeak/`. Under root others may pass through it (the server must), not list it."""
    state = root.resolve() / ".offpeak"
    state.mkdir(mode=0o711, exist_ok=True)
    state.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return state


def find_home(root: Path) -> Home:
    """Inside the checkout if the account can get there, else in the remembered folder."""
    state, account = state_folder(root), unprivileged_account()
    if (remembered := remembered_folder(state)) is not None:
        return Home(state, remembered, account)
    if can_enter(account, state):
        return Home(state, state, account)
    folder = _private_folder(account)
    write_secret(state / "home", str(folder))
    return Home(state, folder, account)


def remembered_folder(state: Path) -> Path | None:
    """The private folder of an earlier start, if it is still there and still ours alone."""
    try:
        folder = Path((state / "home").read_text(encoding="utf-8"))
        seen = folder.lstat()
    except OSError:
        return None
    account = unprivileged_account()
    owner = account.uid if account else os.geteuid()
    # A stranger could have made a folder of that name after the machine emptied its temporary ones.
    if not folder.is_symlink() and seen.st_uid == owner and seen.st_mode & 0o077 == 0:
        return folder
    log.warning("%s is not ours any more; starting with empty data in a new folder", folder)
    return None


def _private_folder(account: Account | None) -> Path:
    # /var/tmp before /tmp: the latter is emptied at every boot and is often kept in memory.
    for parent in filter(None, (os.environ.get("TMPDIR"), "/var/tmp", "/tmp")):  # noqa: S108
        if (
            Path(parent).is_dir()
            and os.access(parent, os.W_OK)
            and can_enter(account, Path(parent))
        ):
            folder = Path(tempfile.mkdtemp(prefix="offpeak-", dir=parent))
            if account:
                os.chown(folder, account.uid, account.gid)
            return folder
    raise EmbeddedError(
        f"The account {account.name if account else ''} can reach neither this checkout nor a "
        "temporary folder. Move the checkout, set TMPDIR, or set DATABASE_URL and REDIS_URL."
    )


def write_secret(path: Path, text: str) -> None:
    """Replace a file in one step; only we can read it (0600 from its first byte)."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def new_password() -> str:
    return secrets.token_urlsafe(24)
