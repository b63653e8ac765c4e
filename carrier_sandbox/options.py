"""Command line and environment. A flag wins over its environment variable."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from carrier_sandbox.personas import SCENARIOS, shares


@dataclass(frozen=True, slots=True)
class Options:
    """Everything the process is told at its start. Lifetimes are real seconds."""

    host: str
    port: int
    port_file: Path | None
    homes: int
    seed: int
    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...]
    admin_key: str
    clock_file: Path | None
    timezone: str
    access_ttl_s: float
    code_ttl_s: float
    ledger_file: Path | None
    scenario: str
    persona_shares: dict[str, float]
    finished_h: float
    faults_file: Path | None
    state_file: Path | None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m carrier_sandbox", description="A pretend Carrier cloud, in memory."
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=8900, help="0 picks a free one")
    add("--port-file", type=Path, help="the port is written here once the server listens")
    add("--homes", type=int, default=200)
    add("--seed", type=int, default=7)
    add("--client-id", default=os.environ.get("SANDBOX_CLIENT_ID", "offpeak-sandbox"))
    add("--client-secret", default=os.environ.get("SANDBOX_CLIENT_SECRET", ""))
    add("--redirect-uri", action="append", help="exact; may be repeated")
    add("--admin-key", default=os.environ.get("SANDBOX_ADMIN_KEY", ""))
    add("--clock-file", type=Path, help='{"real": ..., "sim": ..., "rate": ...}')
    add("--timezone", default="America/Chicago", help="where the homes stand")
    add("--access-ttl-s", type=float, default=3600.0)
    add("--code-ttl-s", type=float, default=60.0)
    add("--ledger-file", type=Path, help="JSON lines, appended")
    add("--scenario", default="mixed", choices=sorted(SCENARIOS))
    add("--persona", action="append", default=[], metavar="NAME=SHARE", help="change one share")
    add("--finished-h", type=float, default=48.0, help="how long ended events stay listed")
    add("--faults-file", type=Path, help="what PUT /_sandbox/faults takes, for the start")
    add("--state-file", type=Path, help="kept across restarts: consents, tokens, events")
    return parser


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Options from the command line; ends the process with a sentence when they make no sense."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        changes = {
            name: float(share) for name, _, share in (p.partition("=") for p in given.persona)
        }
        shares(given.scenario, changes)
        ZoneInfo(given.timezone)
    except (ValueError, ZoneInfoNotFoundError) as trouble:
        parser.error(str(trouble))
    if not 1 <= given.homes <= 400000:
        parser.error("--homes must be from 1 to 400000")
    if not given.client_secret:
        parser.error("--client-secret or SANDBOX_CLIENT_SECRET is needed")
    uris = given.redirect_uri or os.environ.get("SANDBOX_REDIRECT_URIS", "").split()
    if any(not uri.startswith(("http://", "https://")) or "#" in uri for uri in uris):
        parser.error("--redirect-uri must be an absolute http(s) address without a fragment")
    return Options(
        host=given.host, port=given.port, port_file=given.port_file, homes=given.homes,
        seed=given.seed, client_id=given.client_id, client_secret=given.client_secret,
        redirect_uris=tuple(uris), admin_key=given.admin_key, clock_file=given.clock_file,
        timezone=given.timezone, access_ttl_s=given.access_ttl_s, code_ttl_s=given.code_ttl_s,
        ledger_file=given.ledger_file, scenario=given.scenario, persona_shares=changes,
        finished_h=given.finished_h, faults_file=given.faults_file, state_file=given.state_file,
    )  # fmt: skip
