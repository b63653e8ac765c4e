"""`python -m portal.demo`, behind script/demo."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from portal.demo import clock, environment
from portal.demo.forms import PageError
from portal.demo.house import FIRST_MORNING, House, open_house
from portal.demo.processes import ChildDied, StopAsked, Supervisor
from portal.demo.report import as_json, table
from portal.demo.story import UNWATCHED, Story, play
from portal.embedded import EmbeddedError, discard, state_folder, write_secret

CHECKOUT = Path(__file__).resolve().parents[2]
SPARE_HOMES = 5  # homes of the sandbox that nobody enrols: for the person in front of the screen
INTERRUPTED = 130
# Simulated seconds per real second while it stays up: tomorrow's event is minutes away.
STAY_RATE = 60.0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="script/demo",
        description="The whole product on this machine. Without options: start, enrol 200 homes, "
        "run a first event, stay up until Ctrl-C; a second start keeps the data.",
    )
    parser.add_argument(
        "--once", action="store_true", help="run the main job and exit 0 if it holds"
    )
    parser.add_argument("--homes", type=int, help="how many homes enrol (200)")
    parser.add_argument("--json", metavar="FILE", type=_file, help="write the figures there")
    parser.add_argument(
        "--reset", action="store_true", help="delete the demo's data and start over"
    )
    parser.add_argument("--port", type=int, help="the portal's port (8000, or a free one)")
    parser.add_argument("--logs", action="store_true", help="show what the parts write")
    given = parser.parse_args()
    if given.homes is not None and not 1 <= given.homes <= 10_000:
        parser.error("--homes must be between 1 and 10000")
    return given


def _file(name: str) -> Path:
    """A path as the person typed it, who need not have been in the checkout."""
    return Path(os.environ.get("OFFPEAK_CALLED_FROM", os.getcwd()), name)


def main() -> int:
    given = arguments()
    os.chdir(CHECKOUT)
    try:
        return once(given) if given.once else stay(given)
    except StopAsked:
        say("Stopped.")
        return INTERRUPTED if given.once else 0
    except (EmbeddedError, ChildDied, PageError, TimeoutError, OSError) as trouble:
        print(trouble, file=sys.stderr)
        return 1


def once(given: argparse.Namespace) -> int:
    """In a folder of its own: beside a demo that stays up, and beside another of its kind."""
    _clear_old_runs()
    (CHECKOUT / ".offpeak").mkdir(mode=0o711, exist_ok=True)
    root = Path(tempfile.mkdtemp(prefix="once-", dir=CHECKOUT / ".offpeak"))
    root.chmod(0o711)  # under root the servers' account has to pass through
    state_folder(root)
    homes = given.homes or 200
    good = False
    try:
        with Supervisor(root / ".offpeak" / "logs", echo=given.logs) as parts:
            house = start(parts, root, given, homes, keep=False)
            story = play(house, homes, say, rate=UNWATCHED)
        good = story.good
    finally:
        if good:
            shutil.rmtree(root)
        else:
            for secret in ("secrets.json", "partner.json", "mail"):
                _delete(root / ".offpeak" / secret)
            say(f"Logs and the sandbox's ledger are kept in {root / '.offpeak'}.")
    show(story)
    if given.json:
        write_figures(given.json, story, homes)
    return 0 if good else 1


def _clear_old_runs() -> None:
    for root in (CHECKOUT / ".offpeak").glob("once-*"):
        with contextlib.suppress(EmbeddedError):  # one that is still running keeps its own
            discard(root)
            shutil.rmtree(root, ignore_errors=True)


def write_figures(path: Path, story: Story, homes: int) -> None:
    figures = as_json(
        story.report,
        homes=homes,
        systems_enrolled=sum(one.systems for one in story.joined),
        homes_without_eligible_system=sum(not j.systems and not j.trouble for j in story.joined),
        walks_failed=story.troubles,
        enrolling_s=round(story.enrolling_s, 1),
        sending_s=round(story.sending_s, 1),
    )
    path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def stay(given: argparse.Namespace) -> int:
    """Up until Ctrl-C. The first start plays the story; later ones find it played."""
    state = CHECKOUT / ".offpeak"
    played = state / "played.json"
    if given.reset or ((state / "secrets.json").exists() and not played.exists()):
        # A first start that was cut short left homes half enrolled: nobody wants to find those.
        say("Starting over with empty data.")
        start_over(CHECKOUT)
    before: dict[str, Any] = json.loads(played.read_text()) if played.exists() else {}
    if before and given.homes and given.homes != before["homes"]:
        say(f"This demo has {before['homes']} homes; script/demo --reset --homes N makes another.")
    homes = int(before.get("homes") or given.homes or 200)
    with Supervisor(state / "logs", echo=given.logs) as parts:
        house = start(parts, CHECKOUT, given, homes, keep=True)
        if not before:
            show(play(house, homes, say))
            write_secret(played, json.dumps({"homes": homes}))
        clock.set_rate(house.clock_file, STAY_RATE)
        welcome(house, homes)
        parts.forever(lambda: clock.keep(house.clock_file))
    return 0


def start(
    parts: Supervisor, root: Path, given: argparse.Namespace, homes: int, *, keep: bool
) -> House:
    ports = environment.pick_ports(given.port)
    for note in ports.notes:
        say(note)
    began = time.monotonic()
    house = open_house(parts, root, ports, homes=homes + SPARE_HOMES, keep=keep, say=say)
    say(f"Everything answers after {time.monotonic() - began:.1f} s: {house.at.web}")
    return house


def start_over(root: Path) -> None:
    """Delete what the demo made under `root`. Servers of the person's own are not touched."""
    for variable in ("DATABASE_URL", "REDIS_URL"):
        if os.environ.get(variable):
            say(f"{variable} is set: that server's data is yours and stays as it is.")
    discard(root)
    state = root / ".offpeak"
    files = (
        "secrets.json",
        "partner.json",
        "played.json",
        "clock.json",
        "ledger.jsonl",
        "sandbox.state",
    )
    for name in (*files, "mail", "logs"):
        _delete(state / name)
    for path in state.glob("beat-schedule*"):
        path.unlink()
    state.mkdir(mode=0o711, parents=True, exist_ok=True)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def show(story: Story) -> None:
    print(f"\n{table(story.report)}\n", flush=True)
    for trouble in story.troubles[:20]:
        print(f"Could not enrol {trouble}", flush=True)


def welcome(house: House, homes: int) -> None:
    now = clock.now(house.clock_file).astimezone(FIRST_MORNING.tzinfo)
    guest = house.cloud.homes(homes + 1)[-1]
    kept, at = house.kept, house.at
    print(
        f"""
{environment.UTILITY_NAME}    {at.web}
Its clock says {now:%A, %B %-d, %-I:%M %p %Z}; an hour passes in a minute.

  operator    {environment.OPERATOR:<34}{kept.console_password}
  approver    {environment.APPROVER:<34}{kept.console_password}
  homeowner   {"home-0001@homes.example":<34}{kept.homeowner_password}
  partner     {house.partner.client_id:<34}{house.partner.secret}

  Join yourself at {at.web}/programs/{environment.PROGRAM}/
  and sign in at Carrier's page as {guest["username"]} with {guest["password"]}
  (mails, with their codes, are files in {environment.mail_folder(house.state)})

Ctrl-C stops everything; the next start keeps the data.""",
        flush=True,
    )


_began = time.monotonic()


def say(words: str) -> None:
    print(f"{time.monotonic() - _began:6.1f} s  {words}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
