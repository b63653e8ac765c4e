"""Is this the database we knew? A witness outside of it notices one that was restored.

A database restored from a backup, or a standby that took over without the last commits, no longer
knows what was sent. Every machine with a worker keeps a note of it in a file (WITNESS_FILE): the
cluster, its timeline, and a number that only grows. A database that is behind the note, or that is
another one, is looked at first: nothing is sent until somebody releases it.
"""

import json
import logging
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock

from django.conf import settings
from django.db import connection

from base import clock
from dr_events import operations
from dr_events.dispatch import vendor
from dr_events.rules import outcomes

log = logging.getLogger(__name__)

# How much of the past may go unnoticed where the timeline stays the same; real seconds.
EVERY_S = 5.0
_looked_at = -EVERY_S
_turn = Lock()


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of a database. ``heartbeat`` never goes back in one that forgets nothing."""

    cluster: str
    timeline: int
    heartbeat: int


def look() -> None:
    """Compare the database with the note, then note it anew; at most every EVERY_S per process.

    Called before anything is sent and by every sweep. Without a file (WITNESS_FILE empty) nothing
    can be noticed.
    """
    global _looked_at
    path = settings.WITNESS_FILE
    with _turn:
        if not path or time.monotonic() < _looked_at + EVERY_S:
            return
        _compare(Path(path))
        _looked_at = time.monotonic()


def _compare(path: Path) -> None:
    before, now = _read(path), _ask()
    why = what_is_wrong(before, now) if before else ""
    if why:
        log.error("nothing is sent until somebody releases it: %s", why)
        operations.database_restored(
            why=why,
            quiet=vendor.quiet_time(),
            absent_needed=outcomes.PROOF_AFTER_SILENCE,
            now=clock.database_now(),
        )
    _write(path, now)


def what_is_wrong(before: Note, now: Note) -> str:
    """Why this is not the database that was noted, as a sentence; empty when it is."""
    if now.cluster != before.cluster:
        return "This is another database than the one sending was done from before."
    if now.timeline != before.timeline:
        return (
            f"The database continues from a backup or a standby (timeline {before.timeline} "
            f"became {now.timeline}): its last moments may be missing."
        )
    if now.heartbeat < before.heartbeat:
        behind = before.heartbeat - now.heartbeat
        return (
            "The database is older than the one sending was done from before: "
            f"{behind} signs of life are missing, each stands for {EVERY_S:.0f} s or less."
        )
    return ""


def _ask() -> Note:
    """A sign of life is written and committed, then the database tells who it is."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE dr_events_control SET heartbeat = heartbeat + 1 WHERE id = 1 RETURNING"
            " heartbeat, (SELECT system_identifier FROM pg_control_system()),"
            # The first eight digits of a log file's name are the timeline written to now.
            " substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
        )
        heartbeat, cluster, timeline = cursor.fetchone()
    return Note(str(cluster), int(timeline, 16), heartbeat)


def _read(path: Path) -> Note | None:
    try:
        return Note(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        log.warning("the note about the database cannot be read: %s", error)
        return None


def _write(path: Path, note: Note) -> None:
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        part.write_text(json.dumps(asdict(note)), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        # Sending goes on: a missing note takes one protection away, not the grid's relief.
        log.error("the note about the database cannot be written (WITNESS_FILE): %s", error)
