"""What a restarted cloud still knows: consents, tokens and what happened in the homes.

Written every few seconds and at the end, by rename, readable by its owner only: it holds tokens.
The ledger is not kept here; its file is appended to.
"""

from __future__ import annotations

import os
import pickle  # reads back only what this process wrote, from its owner's folder
from pathlib import Path

from carrier_sandbox.sandbox import Sandbox


def _mark(sandbox: Sandbox) -> tuple[int, str, tuple[tuple[str, float], ...]]:
    """What must be the same for the homes to be the same homes."""
    options = sandbox.options
    return options.seed, options.scenario, tuple(sorted(options.persona_shares.items()))


def save(sandbox: Sandbox, path: Path) -> None:
    """Replace the file with what is known now."""
    state = (_mark(sandbox), sandbox.grants, list(sandbox.world.touched()))
    part = path.with_suffix(".part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        pickle.dump(state, file, pickle.HIGHEST_PROTOCOL)
    part.replace(path)


def load(sandbox: Sandbox, path: Path) -> bool:
    """Take over what an earlier process kept; False when there is none or for other homes."""
    if not path.exists():
        return False
    mark, grants, systems = pickle.loads(path.read_bytes())  # noqa: S301 - see above
    if mark != _mark(sandbox):
        return False
    grants.access_ttl_s = sandbox.options.access_ttl_s
    grants.code_ttl_s = sandbox.options.code_ttl_s
    sandbox.grants = grants
    sandbox.world.restore(systems)
    return True
