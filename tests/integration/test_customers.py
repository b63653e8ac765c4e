"""A list of customers comes in: looked at first, written as a whole or not at all."""

from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from base import clock
from base.locks import LockSpace
from base.refusal import Refused
from dr_events.tasks import due
from enrollments import operations, tasks
from enrollments.models import Customer, CustomerImport
from enrollments.operations import Tally, customers
from enrollments.queries import customers as query
from enrollments.states import ImportState
from people.models import ActivityEntry
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.cast import MORNING

HEAD = "account,name,email,street,city,postal_code,feeder,substation\n"
HANNA = "4100732281,Hanna Home,hanna@home.example,1 Elm St,Springfield,62701,F12,North\n"
OTTO = "4100732299,Otto Owner,,2 Elm St,Springfield,62701,F12,\n"
LATER = MORNING + timedelta(days=1)


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: MORNING)


@pytest.fixture
def april(db: None) -> Actor:
    return Actor.person(cast.operator("april@utility.example", Role.APPROVER))


def upload(actor: Actor, text: str | bytes, name: str = "customers.csv") -> CustomerImport:
    body = text if isinstance(text, bytes) else text.encode()
    return operations.upload(file_name=name, body=body, actor=actor, now=MORNING)


def work(made: CustomerImport, now: Any = MORNING) -> CustomerImport:
    operations.work_on_import(import_id=made.pk, now=now, real_now=timezone.now())
    return CustomerImport.objects.get(pk=made.pk)


def bring_in(actor: Actor, text: str, now: Any = MORNING) -> CustomerImport:
    made = work(upload(actor, text))
    operations.confirm_import(import_id=made.pk, actor=actor, now=now)
    return work(made, now)


def everybody() -> list[tuple[object, ...]]:
    rows = Customer.objects.order_by("account")
    return list(rows.values_list("account", "name", "feeder", "changed_at"))


def tally(made: CustomerImport) -> tuple[int, int, int]:
    return made.added, made.changed, made.unchanged


def acts() -> list[str]:
    return list(ActivityEntry.objects.order_by("id").values_list("verb", flat=True))


# --- the way of a good list ---------------------------------------------------------------------
def test_a_list_is_checked_then_written_then_not_kept(april: Actor) -> None:
    made = work(upload(april, "\ufeff" + HEAD + HANNA + OTTO))
    assert (made.state, tally(made), made.lines_read) == (ImportState.CHECKED, (2, 0, 0), 2)
    assert (bytes(made.body or b"")[:3], made.bytes_read) == (b"\xef\xbb\xbf", made.size)
    assert everybody() == [], "a look writes nothing"
    operations.confirm_import(import_id=made.pk, actor=april, now=MORNING)
    made = work(made)
    assert (made.state, tally(made), made.body, made.ended_at) == (
        ImportState.DONE, (2, 0, 0), None, MORNING,
    )  # fmt: skip
    assert everybody() == [
        ("4100732281", "Hanna Home", "F12", MORNING),
        ("4100732299", "Otto Owner", "F12", MORNING),
    ]
    hanna = Customer.objects.get(account="4100732281")
    assert (hanna.email, hanna.street, hanna.city, hanna.postal_code, hanna.substation) == (
        "hanna@home.example", "1 Elm St", "Springfield", "62701", "North",
    )  # fmt: skip
    assert acts() == ["upload-customers", "confirm-customers", "import-customers"]
    last = ActivityEntry.objects.latest("id")
    assert last.detail == {"added": 2, "changed": 0, "unchanged": 0}
    assert last.subject == f"customer-import:{made.pk}"
    assert last.actor == april.name


def test_the_next_list_adds_and_changes_and_leaves_the_others(april: Actor) -> None:
    bring_in(april, HEAD + HANNA + OTTO)
    nora = OTTO.replace("4100732299,Otto Owner", "5000000001,Nora New")
    made = bring_in(april, HEAD + HANNA.replace("F12", "F14") + nora, LATER)
    assert tally(made) == (1, 1, 0)
    assert everybody() == [
        ("4100732281", "Hanna Home", "F14", LATER),
        ("4100732299", "Otto Owner", "F12", MORNING),
        ("5000000001", "Nora New", "F12", LATER),
    ]
    again = bring_in(april, HEAD + HANNA.replace("F12", "F14") + nora, LATER + timedelta(days=1))
    assert tally(again) == (0, 0, 2)
    assert everybody()[0][3] == LATER, "what is as it was was not changed"


def test_what_stands_in_the_way_is_told_before_and_changes_nothing(april: Actor) -> None:
    bring_in(april, HEAD + HANNA)
    before = everybody()
    bad = OTTO.replace("62701", "").replace("4100732299", "77")
    made = work(upload(april, HEAD + HANNA.replace("F12", "F99") + bad + HANNA))
    assert (made.state, made.fault_count, made.body) == (ImportState.REFUSED, 2, None)
    assert made.faults == [
        {"line": 3, "column": "postal_code", "sentence": "This must not be empty."},
        {"line": 4, "column": "account", "sentence": "The same account is in line 2."},
    ]
    assert everybody() == before
    with pytest.raises(Refused, match="not waiting to be imported"):
        operations.confirm_import(import_id=made.pk, actor=april, now=LATER)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("account,name\n1234,x\n".encode("utf-16"), "not a text file in UTF-8"),
        (HEAD.encode() + OTTO.replace("Otto", "Ötto").encode("latin-1"), "not a text file in UTF"),
        (b"name,street\nx,y\n", "The first line has no column account, city, postal_code."),
        (HEAD.encode(), "The file has a header and no customer."),
        (b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00", "The first line has no column"),
    ],
)
def test_what_is_no_list_gets_a_sentence(april: Actor, body: bytes, sentence: str) -> None:
    made = work(upload(april, body))
    assert (made.state, made.body, made.fault_count) == (ImportState.REFUSED, None, 0)
    assert sentence in made.trouble
    assert everybody() == []


def test_too_large_and_empty_are_refused_at_the_door(
    april: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customers, "MAX_BYTES", 10)
    for body, sentence in ((b"x" * 11, "larger than 50 MB"), (b"", "The file is empty.")):
        with pytest.raises(Refused, match=sentence):
            upload(april, body)
    assert not CustomerImport.objects.exists()
    assert acts() == []


def test_only_an_approver_brings_in_drops_and_confirms(april: Actor) -> None:
    olga = Actor.person(cast.operator())
    made = work(upload(april, HEAD + HANNA))
    for act in (operations.confirm_import, operations.drop_import):
        with pytest.raises(Refused, match="Only an approver"):
            act(import_id=made.pk, actor=olga, now=MORNING)
    with pytest.raises(Refused, match="Only an approver"):
        upload(olga, HEAD + HANNA)
    assert CustomerImport.objects.get().state == ImportState.CHECKED


def test_a_newer_list_takes_the_place_of_one_nobody_imported(april: Actor) -> None:
    first = work(upload(april, HEAD + HANNA))
    second = upload(april, HEAD + OTTO)
    first = CustomerImport.objects.get(pk=first.pk)
    assert (first.state, first.body) == (ImportState.DROPPED, None)
    operations.drop_import(import_id=second.pk, actor=april, now=MORNING)
    with pytest.raises(Refused, match="cannot be thrown away any more"):
        operations.drop_import(import_id=second.pk, actor=april, now=MORNING)
    assert acts()[-1] == "drop-customers"


# --- workers ------------------------------------------------------------------------------------
def rings() -> list[str]:
    return [ring.name for ring in due() if ring.task is tasks.import_customers]


def test_the_sweep_finds_a_list_whoever_dropped_the_bell(april: Actor) -> None:
    made = upload(april, HEAD + HANNA)
    assert rings() == [f'enrollments.tasks.import_customers {{"import_id": {made.pk}}}']
    tasks.import_customers.run(import_id=made.pk)
    assert CustomerImport.objects.get().state == ImportState.UPLOADED, "the sweep does not do it"
    as_a_worker: Any = tasks.import_customers
    as_a_worker.push_request(called_directly=False)
    try:
        as_a_worker.run(import_id=made.pk)
    finally:
        as_a_worker.pop_request()
    assert CustomerImport.objects.get().state == ImportState.CHECKED
    assert rings() == [], "now a person decides"
    operations.confirm_import(import_id=made.pk, actor=april, now=MORNING)
    assert len(rings()) == 1


def test_one_worker_has_a_list_and_a_dead_one_loses_it(
    april: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = upload(april, HEAD + HANNA)

    def die(*_: Any, **__: Any) -> Any:
        raise MemoryError

    real = timezone.now()
    with monkeypatch.context() as patched:
        patched.setattr(customers, "survey", die)
        with pytest.raises(MemoryError):
            operations.work_on_import(import_id=made.pk, now=MORNING, real_now=real)
    assert query.imports_due(now=MORNING, real_now=real) == []
    assert not operations.work_on_import(import_id=made.pk, now=MORNING, real_now=real)
    after = real + customers.LEASE + timedelta(seconds=1)
    assert query.imports_due(now=MORNING, real_now=after) == [made.pk]
    assert operations.work_on_import(import_id=made.pk, now=MORNING, real_now=after)
    assert CustomerImport.objects.get().state == ImportState.CHECKED


def test_a_list_that_kills_its_worker_is_given_up(april: Actor) -> None:
    made = upload(april, HEAD + HANNA)
    CustomerImport.objects.update(tries=customers.MOST_TRIES)
    made = work(made)
    assert (made.state, made.body) == (ImportState.REFUSED, None)
    assert made.trouble == "It could not be worked on. Try it again."


def test_a_list_nobody_imports_is_thrown_away_after_a_week(april: Actor) -> None:
    made = work(upload(april, HEAD + HANNA))
    week, real = MORNING + query.KEEP, timezone.now()
    assert query.imports_due(now=week, real_now=real) == []
    assert work(made, week).state == ImportState.CHECKED
    later = week + timedelta(seconds=1)
    assert query.imports_due(now=later, real_now=real) == [made.pk]
    made = work(made, later)
    assert (made.state, made.body, made.ended_at) == (ImportState.DROPPED, None, later)
    assert query.imports_due(now=later, real_now=real) == []


@pytest.mark.django_db(transaction=True)
def test_two_lists_are_not_written_at_once() -> None:
    april = Actor.person(cast.operator("april@utility.example", Role.APPROVER))
    made = work(upload(april, HEAD + HANNA))
    operations.confirm_import(import_id=made.pk, actor=april, now=MORNING)
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [LockSpace.CUSTOMERS])
            made = work(made)
            assert (made.state, made.lease_until, everybody()) == (ImportState.WRITING, None, [])
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LockSpace.CUSTOMERS])
    finally:
        other.close()
    assert work(made).state == ImportState.DONE
    assert len(everybody()) == 1


# --- from a shell -------------------------------------------------------------------------------
def command(path: Path, *options: str) -> str:
    out = StringIO()
    call_command("import_customers", str(path), *options, stdout=out)
    return out.getvalue()


def test_the_command_looks_first_and_writes_after(db: None, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(HEAD + HANNA + OTTO, encoding="utf-8")
    assert command(path, "--dry-run") == (
        "2 customers: 2 new, 0 changed, 0 as they are. Nothing was written.\n"
    )
    assert everybody() == []
    assert command(path) == "2 customers: 2 new, 0 changed, 0 as they are. Written.\n"
    assert len(everybody()) == 2
    entry = ActivityEntry.objects.get()
    assert (entry.verb, entry.actor, entry.subject) == (
        "import-customers", "command line", "customers",
    )  # fmt: skip
    assert command(path) == "2 customers: 0 new, 0 changed, 2 as they are. Written.\n"


def test_the_command_names_faults_and_writes_nothing(db: None, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(HEAD + HANNA + OTTO.replace("62701", ""), encoding="utf-8")
    with pytest.raises(CommandError) as failed:
        command(path)
    assert str(failed.value) == (
        "1 line of 2 must be mended first; nothing was written.\n"
        "line 3, postal_code: This must not be empty."
    )
    with pytest.raises(CommandError, match="There is no file"):
        command(tmp_path / "nowhere.csv")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CommandError, match="not a text file in UTF-8"):
        command(path)
    assert everybody() == []


def test_a_comparison_writes_nothing(db: None) -> None:
    body = (HEAD + HANNA).encode()
    assert operations.compare(body) == Tally(1, 0, 0)
    assert everybody() == []
