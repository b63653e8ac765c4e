"""The utility's list of customers comes in: looked at first, then written in one transaction.

The file waits in the database until a worker has it; a worker that dies leaves a lease behind, and
the sweep finds the list again. What is in the list changes or adds customers; whoever is not in it
stays.
"""

import io
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from base import bell
from base.locks import LockSpace
from base.refusal import Refused
from enrollments.models import CustomerImport
from enrollments.queries.customers import KEEP
from enrollments.rules.customers import (
    MAX_BYTES,
    MAX_MB,
    NAMES,
    CustomerRow,
    Fault,
    read_customers,
)
from enrollments.states import ImportState
from people.operations import Actor, for_people, record

# Longer than any task may live (CELERY_TASK_TIME_LIMIT): real seconds.
LEASE = timedelta(seconds=180)
MOST_TRIES = 3
MOST_FAULTS = 1000
SAY_EVERY = 5000

Progress = Callable[[int, int], object]  # customers read, bytes read


@dataclass(frozen=True, slots=True)
class Survey:
    """What a look at every line of a list found; ``faults`` are the first MOST_FAULTS."""

    lines: int
    fault_count: int
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """Customers that a list adds, changes, and names as they are."""

    added: int
    changed: int
    unchanged: int


# --- a list, wherever it comes from ---------------------------------------------------------------
def survey(body: bytes, *, progress: Progress = lambda lines, at: None) -> Survey:
    """Look at every line. Raises Refused when this is no list of customers at all."""
    if len(body) > MAX_BYTES:
        raise Refused(f"The file is larger than {MAX_MB} MB. Split it.", code="too-large")
    raw = io.BytesIO(body)
    lines = fault_count = 0
    faults: list[Fault] = []
    for one in read_customers(_text(raw)):
        lines += 1
        if isinstance(one, Fault):
            fault_count += 1
            if fault_count <= MOST_FAULTS:
                faults.append(one)
        if lines % SAY_EVERY == 0:
            progress(lines, raw.tell())
    progress(lines, len(body))
    return Survey(lines, fault_count, tuple(faults))


def _text(raw: io.BytesIO) -> io.TextIOWrapper:
    return io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")


@transaction.atomic
def compare(body: bytes) -> Tally:
    """What writing a list without faults would do; nothing is written."""
    with connection.cursor() as cursor:
        return _stage(cursor, body)


@transaction.atomic
def write(body: bytes, *, actor: Actor, subject: str, now: datetime) -> Tally:
    """Write a list without faults, all of it or nothing. Raises Refused, and writes nothing, while
    another list is being written."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LockSpace.CUSTOMERS])
        if not cursor.fetchone()[0]:
            raise Refused("Another list is being written. Try again in a minute.", code="busy")
        tally = _stage(cursor, body)
        cursor.execute(_WRITE, {"now": now})
    record(actor=actor, verb="import-customers", subject=subject, now=now, **asdict(tally))
    return tally


_COLUMNS = ", ".join(NAMES)
_REST = ", ".join(NAMES[1:])
_OLD, _NEW = (", ".join(f"{of}.{name}" for name in NAMES[1:]) for of in ("c", "staged"))
_TALLY = f"""
SELECT count(*) FILTER (WHERE c.id IS NULL)
     , count(*) FILTER (WHERE c.id IS NOT NULL AND ({_OLD}) IS DISTINCT FROM ({_NEW}))
     , count(*) FILTER (WHERE ({_OLD}) IS NOT DISTINCT FROM ({_NEW}))
FROM staged LEFT JOIN enrollments_customer c USING (account)
"""  # noqa: S608 (names of columns, written in this house)
_WRITE = f"""
INSERT INTO enrollments_customer AS c ({_COLUMNS}, changed_at)
SELECT {_COLUMNS}, %(now)s FROM staged ORDER BY account
ON CONFLICT (account) DO UPDATE
SET ({_REST}, changed_at)
    = ({", ".join(f"excluded.{name}" for name in NAMES[1:])}, excluded.changed_at)
WHERE ({_OLD}) IS DISTINCT FROM ({_OLD.replace("c.", "excluded.")})
"""  # noqa: S608


def _stage(cursor: Any, body: bytes) -> Tally:
    """Copy the list beside the customers, for the rest of the transaction, and compare."""
    cursor.execute("SET LOCAL statement_timeout = '110s'")
    columns = ", ".join(f"{name} text NOT NULL" for name in NAMES)
    # One transaction may look first and write after.
    cursor.execute("DROP TABLE IF EXISTS pg_temp.staged")
    cursor.execute(f"CREATE TEMPORARY TABLE staged ({columns}) ON COMMIT DROP")
    values = attrgetter(*NAMES)
    with cursor.copy(f"COPY staged ({_COLUMNS}) FROM STDIN") as copy:
        for row in _right(read_customers(_text(io.BytesIO(body)))):
            copy.write_row(values(row))
    cursor.execute("ANALYZE staged")
    cursor.execute(_TALLY)
    return Tally(*cursor.fetchone())


def _right(lines: Iterable[CustomerRow | Fault]) -> Iterable[CustomerRow]:
    for one in lines:
        if isinstance(one, Fault):
            raise Refused(f"Line {one.line}: {one.sentence}", code="faults")
        yield one


# --- a list that was uploaded ---------------------------------------------------------------------
def _may(actor: Actor) -> None:
    for_people(actor, "change the list of customers", approver=True)


@transaction.atomic
def upload(*, file_name: str, body: bytes, actor: Actor, now: datetime) -> CustomerImport:
    """Keep a file until a worker has looked at it. Earlier ones that nobody imported are thrown
    away. Raises Refused."""
    _may(actor)
    if not body:
        raise Refused("The file is empty.", field="file", code="empty")
    if len(body) > MAX_BYTES:
        raise Refused(
            f"The file is larger than {MAX_MB} MB. Split it.", field="file", code="too-large"
        )
    earlier = CustomerImport.objects.pick()
    earlier.move(
        [ImportState.UPLOADED, ImportState.CHECKED], ImportState.DROPPED, body=None, ended_at=now
    )
    made = CustomerImport.objects.create(
        file_name=file_name[:120],
        body=body,
        size=len(body),
        uploaded_by=actor.name,
        uploaded_at=now,
    )
    record(
        actor=actor,
        verb="upload-customers",
        subject=f"customer-import:{made.pk}",
        now=now,
        file=made.file_name,
        bytes=made.size,
    )
    bell.ring()
    return made


@transaction.atomic
def confirm_import(*, import_id: int, actor: Actor, now: datetime) -> None:
    """Somebody looked at what the list would do and wants it. Raises Refused."""
    _may(actor)
    moved = CustomerImport.objects.pick(pk=import_id).move(
        ImportState.CHECKED, ImportState.WRITING, tries=0, uploaded_by=actor.name
    )
    if not moved:
        raise Refused("This list is not waiting to be imported. Look at where it stands now.")
    record(actor=actor, verb="confirm-customers", subject=f"customer-import:{import_id}", now=now)
    bell.ring()


@transaction.atomic
def drop_import(*, import_id: int, actor: Actor, now: datetime) -> None:
    """Throw the file away. Raises Refused."""
    _may(actor)
    moved = CustomerImport.objects.pick(pk=import_id).move(
        [ImportState.UPLOADED, ImportState.CHECKED], ImportState.DROPPED, body=None, ended_at=now
    )
    if not moved:
        raise Refused("This list cannot be thrown away any more.")
    record(actor=actor, verb="drop-customers", subject=f"customer-import:{import_id}", now=now)


def work_on_import(*, import_id: int, now: datetime, real_now: datetime) -> bool:
    """Do what is next for this list: look at every line, write it, or throw it away where nobody
    imported it in time. False when nothing is next, or somebody else is at it."""
    stale = CustomerImport.objects.pick(pk=import_id, uploaded_at__lt=now - KEEP)
    if stale.move(ImportState.CHECKED, ImportState.DROPPED, body=None, ended_at=now):
        return True
    found = _claim(import_id, real_now)
    if found is None:
        return False
    if found.tries > MOST_TRIES:
        _end(found, ImportState.REFUSED, now, trouble="It could not be worked on. Try it again.")
        return True
    try:
        if found.state == ImportState.UPLOADED:
            _check(found, now)
        else:
            _write_import(found, now)
    except Refused as no:
        if no.code == "busy":
            CustomerImport.objects.filter(pk=found.pk).update(lease_until=None, tries=0)
        else:
            _end(found, ImportState.REFUSED, now, trouble=str(no)[:300])
    return True


def _claim(import_id: int, real_now: datetime) -> CustomerImport | None:
    due = CustomerImport.objects.filter(
        pk=import_id, state__in=[ImportState.UPLOADED, ImportState.WRITING]
    ).exclude(lease_until__gte=real_now)
    if not due.update(lease_until=real_now + LEASE, tries=F("tries") + 1):
        return None
    found: CustomerImport = CustomerImport.objects.get(pk=import_id)
    return found


def _mine(found: CustomerImport) -> Any:
    # ``tries`` is the fence: whoever claimed it later has the say.
    return CustomerImport.objects.pick(pk=found.pk, tries=found.tries)


def _end(found: CustomerImport, to: ImportState, now: datetime, **changes: object) -> int:
    return int(
        _mine(found).move(found.state, to, body=None, ended_at=now, lease_until=None, **changes)
    )


def _check(found: CustomerImport, now: datetime) -> None:
    body = bytes(found.body or b"")
    looked = survey(
        body, progress=lambda lines, at: _mine(found).update(lines_read=lines, bytes_read=at)
    )
    if looked.fault_count:
        _end(
            found,
            ImportState.REFUSED,
            now,
            fault_count=looked.fault_count,
            faults=[asdict(fault) for fault in looked.faults],
        )
        return
    tally = compare(body)
    _mine(found).move(
        ImportState.UPLOADED, ImportState.CHECKED, lease_until=None, tries=0, **asdict(tally)
    )


@transaction.atomic
def _write_import(found: CustomerImport, now: datetime) -> None:
    actor = Actor(found.uploaded_by)
    subject = f"customer-import:{found.pk}"
    tally = write(bytes(found.body or b""), actor=actor, subject=subject, now=now)
    if not _end(found, ImportState.DONE, now, **asdict(tally)):
        raise Refused("Somebody else has written this list.", code="busy")
