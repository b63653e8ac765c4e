"""Business time: the real one, or one read from a file that every process agrees on."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from base import clock
from tests import cast

REAL = 1_700_000_000.0


def write(path: Path, **values: float) -> Path:
    """Replaced in one step, as the demo does it."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(values))
    os.replace(part, path)
    return path


@pytest.fixture
def file(tmp_path: Path, settings: Settings) -> Path:
    path = tmp_path / "clock.json"
    settings.SIMULATED_CLOCK_FILE = str(path)
    return path


def test_an_anchor_runs_at_its_rate_in_both_directions() -> None:
    anchor = clock.Anchor(real=REAL, sim=5000.0, rate=60.0)
    assert anchor.at(REAL) == 5000.0
    assert anchor.at(REAL + 2) == 5120.0
    assert anchor.at(REAL - 1) == 4940.0


def test_without_a_file_business_time_is_real(settings: Settings) -> None:
    settings.SIMULATED_CLOCK_FILE = ""
    before = timezone.now()
    found = clock.now()
    assert before <= found <= timezone.now()
    assert found.tzinfo is UTC
    assert (clock.is_simulated(), clock.rate()) == (False, 1.0)


def test_a_standing_clock_stands(file: Path) -> None:
    write(file, real=0.0, sim=cast.MORNING.timestamp(), rate=0.0)
    assert clock.now() == clock.now() == cast.MORNING
    assert clock.now().tzinfo is UTC
    assert (clock.is_simulated(), clock.rate()) == (True, 0.0)


def test_a_running_clock_runs_from_its_anchor(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(file, real=REAL, sim=cast.MORNING.timestamp(), rate=60.0)
    real = datetime.fromtimestamp(REAL, tz=UTC)
    monkeypatch.setattr(timezone, "now", lambda: real + timedelta(seconds=90))
    assert clock.now() == cast.MORNING + timedelta(minutes=90)


def test_a_changed_file_counts_at_once(file: Path) -> None:
    """Also when two writings fall into one tick of the file system and have the same length."""
    for days in range(5):
        moment = cast.MORNING + timedelta(days=days)
        write(file, real=0.0, sim=moment.timestamp(), rate=0.0)
        assert clock.now() == moment


def test_a_missing_file_is_an_error_not_real_time(file: Path) -> None:
    with pytest.raises(FileNotFoundError):
        clock.now()


@pytest.mark.django_db
def test_the_database_tells_the_time_of_a_worker(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host whose clock jumped must not send early or late."""
    settings.SIMULATED_CLOCK_FILE = ""
    jumped = timezone.now() + timedelta(hours=2)
    monkeypatch.setattr(timezone, "now", lambda: jumped)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (real,) = cursor.fetchone()
    assert clock.now() == jumped
    assert timedelta(0) <= clock.database_now() - real < timedelta(minutes=1)
    assert clock.database_now().utcoffset() == timedelta(0)


@pytest.mark.django_db
def test_the_database_clock_is_simulated_by_the_same_file(file: Path) -> None:
    write(file, real=0.0, sim=cast.MORNING.timestamp(), rate=0.0)
    assert clock.database_now() == cast.MORNING
