"""The activity log cannot be changed unnoticed: triggers refuse, the chain and its anchors show."""

import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from dr_events import tasks
from people.models import ActivityEntry
from people.operations import SYSTEM, Actor, record
from people.operations.sealing import AT_ONCE, seal_all
from people.queries import audit
from people.rules import GENESIS, Anchor, Entry, seal
from tests import cast
from tests.integration.at_once import at_once

pytestmark = pytest.mark.django_db
OLGA = Actor("user:1", address="198.51.100.7")


def write(count: int = 1, **detail: Any) -> None:
    for number in range(count):
        at = cast.MORNING + timedelta(seconds=number)
        record(actor=OLGA, verb="cancel", subject="event:4", now=at, **detail or {"spared": number})


def sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.fixture
def owner() -> Iterator[None]:
    """Somebody with every right in the database takes the triggers off."""
    sql("ALTER TABLE people_activityentry DISABLE TRIGGER ALL")
    yield
    connection.check_constraints()
    sql("ALTER TABLE people_activityentry ENABLE TRIGGER ALL")


def verify(*anchors: str) -> str:
    said = StringIO()
    call_command("verify_audit", *(f"--anchor={one}" for one in anchors), stdout=said)
    return said.getvalue()


# --- sealing ----------------------------------------------------------------------------------
def test_every_entry_gets_its_place_and_a_hash_that_covers_the_one_before() -> None:
    write(3)
    assert seal_all() == 3
    assert seal_all() == 0
    previous = GENESIS
    for position, entry in enumerate(ActivityEntry.objects.order_by("id"), start=1):
        assert entry.position == position
        fields = Entry(
            entry.pk,
            entry.at,
            "user:1",
            "cancel",
            "event:4",
            f'{{"spared": {position - 1}}}',
            "198.51.100.7",
        )
        previous = seal(fields, position=position, previous=previous)
        assert bytes(entry.hash or b"") == previous


def test_a_long_backlog_is_one_chain() -> None:
    write(AT_ONCE + 3)
    assert seal_all() == AT_ONCE + 3
    assert verify().startswith(f"The activity log is whole: {AT_ONCE + 3} sealed entries.\nanchor ")


def test_an_entry_committed_late_goes_to_the_end() -> None:
    """A long transaction holds a lower id than entries that are sealed meanwhile."""
    write(2)
    first, second = ActivityEntry.objects.order_by("id")
    ActivityEntry.objects.filter(pk=second.pk).update(position=1, hash=_seal_of(second, 1, GENESIS))
    seal_all()
    first.refresh_from_db()
    assert first.position == 2
    assert audit.verify().trouble == ""


def _seal_of(entry: ActivityEntry, position: int, previous: bytes) -> bytes:
    (found,) = (one for one in audit.unsealed(10) if one.id == entry.pk)
    return seal(found, position=position, previous=previous)


def test_each_new_head_is_in_the_log_of_the_process(caplog: pytest.LogCaptureFixture) -> None:
    write()
    with caplog.at_level(logging.INFO, "people.operations.sealing"):
        seal_all()
    assert caplog.messages == [f"activity log sealed, anchor {audit.head()}"]


@pytest.mark.django_db(transaction=True)
def test_sealers_at_the_same_time_make_one_chain_and_nobody_waits() -> None:
    write(40)
    at_once([seal_all] * 4)
    assert audit.verify() == audit.Verdict("", 40, 0, audit.head())


@pytest.mark.django_db(transaction=True)
def test_an_act_does_not_wait_for_a_sealer_that_is_stuck() -> None:
    write(2)
    held, go = threading.Event(), threading.Event()

    def stuck() -> None:
        with transaction.atomic():
            seal_all()
            held.set()
            go.wait(30)
        connection.close()

    sealer = threading.Thread(target=stuck)
    sealer.start()
    try:
        assert held.wait(30)
        write()
        assert seal_all() == 0, "one at a time"
    finally:
        go.set()
        sealer.join()
    assert seal_all() == 1
    assert audit.verify() == audit.Verdict("", 3, 0, audit.head())


def test_the_sweep_seals() -> None:
    write(2)
    tasks.ring_due()
    assert audit.verify().sealed == 2


def test_a_sweep_survives_a_seal_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise DatabaseError("no")

    monkeypatch.setattr("people.operations.sealing.seal_all", fail)
    assert tasks.ring_due() == 0


# --- what the database itself refuses ---------------------------------------------------------
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE people_activityentry SET actor = 'user:2'",
        "UPDATE people_activityentry SET position = 7, hash = '\\x00', verb = 'pause'",
        "UPDATE people_activityentry SET position = NULL, hash = NULL",
        "DELETE FROM people_activityentry",
        "TRUNCATE people_activityentry",
    ],
)
@pytest.mark.parametrize("is_sealed", [True, False])
def test_changing_or_taking_out_an_entry_is_refused(statement: str, is_sealed: bool) -> None:
    sql("ALTER TABLE people_activityentry ENABLE TRIGGER activity_log_stays")
    write(2)
    if is_sealed:
        seal_all()
    before = list(ActivityEntry.objects.order_by("id").values())
    with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic():
        sql(statement)
    assert list(ActivityEntry.objects.order_by("id").values()) == before


def test_a_seal_is_given_once() -> None:
    write()
    seal_all()
    with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic():
        sql("UPDATE people_activityentry SET position = 5, hash = '\\x01'")
    assert ActivityEntry.objects.get().position == 1


# --- what shows when somebody got past the triggers --------------------------------------------
@pytest.mark.parametrize(
    "change",
    [
        "actor = 'user:9'",
        "at = at + interval '1 microsecond'",
        "verb = 'pause'",
        "subject = 'event:5'",
        "detail = detail || '{\"spared\": 4711}'",
        "address = '203.0.113.9'",
        "address = NULL",
        "hash = decode(repeat('ab', 32), 'hex')",
    ],
)
def test_a_changed_field_is_named(owner: None, change: str) -> None:
    write(5)
    seal_all()
    bad = ActivityEntry.objects.get(position=3)
    sql(f"UPDATE people_activityentry SET {change} WHERE position >= 3")
    with pytest.raises(CommandError) as said:
        verify()
    assert str(said.value) == f"Entry {bad.pk} (position 3) is not what was sealed."


def test_a_missing_entry_is_named(owner: None) -> None:
    write(9)
    seal_all()
    sql("DELETE FROM people_activityentry WHERE position IN (4, 7, 8)")
    assert audit.verify().trouble == "Position 4 is missing."
    sql("DELETE FROM people_activityentry WHERE position < 5")
    assert audit.verify().trouble == "Positions 1 to 4 are missing."


def test_only_an_anchor_shows_that_the_end_was_cut_off(owner: None) -> None:
    write(6)
    seal_all()
    anchor = str(audit.head())
    sql("DELETE FROM people_activityentry WHERE position > 4")
    assert "whole: 4 sealed" in verify()
    with pytest.raises(CommandError, match=r"Positions 5 to 6 are missing: the anchor knows them."):
        verify(anchor)
    sql("DELETE FROM people_activityentry")
    with pytest.raises(CommandError, match=r"Positions 1 to 6 are missing"):
        verify(anchor)


def test_only_an_anchor_shows_that_the_log_was_written_anew(owner: None) -> None:
    write(4)
    seal_all()
    anchors = str(Anchor(4, audit.head().hash)), f"9:{'0' * 64}"  # type: ignore[union-attr]
    assert "whole" in verify(anchors[0])
    sql("UPDATE people_activityentry SET actor = 'user:9', position = NULL, hash = NULL")
    seal_all()
    assert "whole: 4 sealed" in verify()
    last = ActivityEntry.objects.get(position=4).pk
    with pytest.raises(CommandError) as said:
        verify(*anchors)
    assert str(said.value) == f"Entry {last} (position 4) is not what the anchor says."


def test_entries_that_wait_are_counted_and_not_a_fault() -> None:
    write(2)
    seal_all()
    record(actor=SYSTEM, verb="open-circuit", subject="event:1", now=cast.MORNING)
    assert "1 entries wait for their seal" in verify()


@pytest.mark.parametrize("text", ["", "4", "x:00", "4:00", f"4:{'g' * 64}", f"-1:{'0' * 64}"])
def test_a_slip_in_an_anchor_is_a_sentence(text: str) -> None:
    with pytest.raises(CommandError, match="an anchor is a position"):
        verify(text)


def test_numbers_no_float_holds_are_sealed_exactly(owner: None) -> None:
    write(note="ä – 漢")
    sql("""UPDATE people_activityentry SET detail = '{"n": 0.12345678901234567890}'""")
    seal_all()
    sql("""UPDATE people_activityentry SET detail = '{"n": 0.12345678901234567891}'""")
    assert audit.verify().trouble.endswith("is not what was sealed.")
