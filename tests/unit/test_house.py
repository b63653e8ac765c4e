"""The house stands: the import contracts are kept, and each is red on the smallest offence."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "portal", "partners", "dr_events", "enrollments", "people", "base", "carrier",
    "carrier_sandbox",
)  # fmt: skip
COMMAND = "from importlinter.cli import lint_imports_command as command; command()"


def contracts(house: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", COMMAND, "--no-cache"],
        cwd=house,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def one_line(text: str) -> str:
    """The report is wrapped to the width of a terminal."""
    return " ".join(text.split())


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same packages and contracts, to plant offences in."""
    house = tmp_path_factory.mktemp("house")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, house / package, ignore=shutil.ignore_patterns("__pycache__", "static")
        )
    shutil.copy(ROOT / "pyproject.toml", house)
    return house


def test_every_contract_is_kept() -> None:
    checked = contracts(ROOT)
    assert checked.returncode == 0, checked.stdout
    assert "Contracts: 9 kept, 0 broken." in checked.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract", "complaint"),
    [
        (
            "enrollments/rules/homes.py",
            "import dr_events.models",
            "portal -> partners -> dr_events -> enrollments -> people -> base, never upward",
            "enrollments.rules.homes -> dr_events.models",
        ),
        (
            "people/states.py",
            "from enrollments import views",
            "portal -> partners -> dr_events -> enrollments -> people -> base, never upward",
            "people.states -> enrollments.views",
        ),
        (
            "enrollments/queries/homes.py",
            "from enrollments import operations",
            "Inside enrollments:",
            "enrollments.queries.homes -> enrollments.operations",
        ),
        (
            "enrollments/extra_room.py",
            "ROOM = 13",
            "Inside enrollments:",
            "enrollments.extra_room",
        ),
        (
            "dr_events/states.py",
            "from dr_events import models",
            "Inside dr_events:",
            "dr_events.states -> dr_events.models",
        ),
        (
            "dr_events/operations/planning.py",
            "from carrier import wire",
            "Only the windows import carrier",
            "dr_events.operations.planning -> carrier.wire",
        ),
        (
            "dr_events/views/designer.py",
            "import carrier",
            "Only the windows import carrier",
            "dr_events.views.designer -> carrier",
        ),
        (
            "carrier/wire.py",
            "import django",
            "carrier imports no Django, Celery, DRF or first-party app",
            "carrier.wire -> django",
        ),
        (
            "carrier_sandbox/world.py",
            "import carrier",
            "carrier_sandbox imports nobody of ours",
            "carrier_sandbox.world -> carrier",
        ),
        (
            "enrollments/vendor_session/access.py",
            "import carrier_sandbox.world",
            "carrier_sandbox is imported by nobody",
            "enrollments.vendor_session.access -> carrier_sandbox.world",
        ),
        (
            "dr_events/rules/outcomes.py",
            "import requests",
            "rules and states touch no database and no network",
            "dr_events.rules.outcomes -> requests",
        ),
    ],
)
def test_the_smallest_offence_is_named(
    copy: Path, file: str, line: str, contract: str, complaint: str
) -> None:
    place = copy / file
    before = place.read_bytes() if place.exists() else None
    try:
        with place.open("a") as opened:
            opened.write(f"\n{line}\n")
        checked = contracts(copy)
    finally:
        place.unlink() if before is None else place.write_bytes(before)
    assert checked.returncode == 1, checked.stdout + checked.stderr
    _, _, broken = one_line(checked.stdout).partition("Broken contracts")
    assert contract in broken
    assert complaint in broken


def test_the_copy_itself_is_sound(copy: Path) -> None:
    """Else the offences above prove nothing."""
    assert contracts(copy).returncode == 0
