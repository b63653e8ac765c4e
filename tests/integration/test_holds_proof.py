"""Rows without proof, rows whose senders die, and a database that is an older one."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from dr_events import dispatch, operations
from dr_events.dispatch import witness
from dr_events.models import Control, Dispatch, Event
from dr_events.operations.delivering import SUSPECT_AFTER
from dr_events.read_back import read_back
from dr_events.states import Delivery
from enrollments.models import Program, System
from people.models import ActivityEntry
from tests.integration.conftest import Vendor
from tests.integration.sending import (
    POSTS,
    SEND_AT,
    deliveries,
    faults,
    live,
    no_waiting,
    posts,
    sent,
)
from tests.integration.test_holds import OLGA, control, nothing_moves, summer

__all__ = ["summer"]  # fixtures

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_is_accepted_and_never_listed_is_sent_again_after_proof(
    vendor: Vendor, summer: Program, settings: Settings
) -> None:
    systems, event = sent(vendor, summer, 2)
    faults(vendor, {"kind": "error_before", "status": 200, "match": POSTS}, second_post="adds")
    dispatch.send_wave(event.pk)
    faults(vendor, second_post="adds")
    Dispatch.objects.filter(event=event).update(
        delivery=Delivery.ACCEPTED, accepted_at=timezone.now()
    )
    read_back(event.pk)
    assert deliveries(event) == {Delivery.ACCEPTED: len(systems)}, "it may still be applied"
    Dispatch.objects.filter(event=event).update(accepted_at=timezone.now() - timedelta(minutes=1))
    settings.CARRIER_RESEND_AFTER_UNKNOWN = "never"
    again(event)
    assert deliveries(event) == {Delivery.ACCEPTED: len(systems)}
    settings.CARRIER_RESEND_AFTER_UNKNOWN = "after_proof"
    again(event)
    assert deliveries(event) == {Delivery.UNSURE: len(systems)}
    for _ in range(2):
        no_waiting(event)
        dispatch.look_at_unsure(event.pk)
    assert dispatch.send_wave(event.pk) == len(systems)
    assert live(vendor, systems) == [1] * len(systems)


def again(event: Event) -> None:
    Event.objects.filter(pk=event.pk).update(read_back_due_at=SEND_AT)
    Dispatch.objects.filter(event=event).update(read_at=None)
    read_back(event.pk)


def test_where_lists_never_showed_an_event_nothing_is_sent_twice(
    vendor: Vendor, summer: Program
) -> None:
    Control.objects.update(listed_at=None)
    systems, event = sent(vendor, summer, 3)
    faults(
        vendor,
        {"kind": "error_after", "status": 500, "match": POSTS, "count": len(systems)},
        listing="empty",
        second_post="adds",
    )
    dispatch.send_wave(event.pk)
    for _ in range(4):
        no_waiting(event)
        dispatch.look_at_unsure(event.pk)
        dispatch.send_wave(event.pk)
    assert deliveries(event) == {Delivery.UNSURE: len(systems)}
    assert posts(vendor) == {one.serial: 1 for one in systems}
    faults(vendor)
    no_waiting(event)
    dispatch.look_at_unsure(event.pk)
    assert control().listed_at is not None, "and one that does is trusted from then on"


def orphan(event: Event, times: int) -> None:
    """As adopt_orphans leaves a row, once its absence is proven."""
    Dispatch.objects.filter(event=event).update(orphaned=times, delivery=Delivery.PLANNED)


def test_rows_whose_senders_die_are_sent_alone(
    vendor: Vendor, summer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    systems, event = sent(vendor, summer, 3)
    orphan(event, SUSPECT_AFTER)
    claim, claimed = operations.claim, []

    def counting(**values: object) -> operations.Claim:
        found = claim(**values)  # type: ignore[arg-type]
        claimed.append(len(found.rows))
        return found

    monkeypatch.setattr(operations, "claim", counting)
    dispatch.send_wave(event.pk)
    assert claimed == [0, *[1] * len(systems), 0]
    assert live(vendor, systems) == [1] * len(systems)
    assert set(Dispatch.objects.values_list("orphaned", flat=True)) == {0}


def test_a_row_three_senders_died_with_is_set_aside_and_the_others_go_on(
    vendor: Vendor, summer: Program
) -> None:
    systems, event = sent(vendor, summer, 3)
    poison = systems[0]
    Dispatch.objects.filter(system=poison).update(orphaned=3)
    # Settled at the end of a wave; until then it is not claimed with others.
    Dispatch.objects.filter(system=poison).update(not_before=timezone.now() + timedelta(hours=1))
    dispatch.send_wave(event.pk)
    assert posts(vendor) == {one.serial: 1 for one in systems[1:]}
    row = Dispatch.objects.get(system=poison)
    assert (row.delivery, row.holds_slot) == (Delivery.FAILED, False)
    assert row.trouble == "Set aside: sending it failed three times in a row on our side"


class TestRestored:
    @pytest.fixture(autouse=True)
    def note(self, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.WITNESS_FILE = str(tmp_path / "witness.json")
        monkeypatch.setattr(witness, "EVERY_S", 0.0)
        monkeypatch.setattr(witness, "_looked_at", 0.0)

    def test_an_older_database_is_looked_at_before_anything_is_sent(
        self, vendor: Vendor, summer: Program, settings: Settings
    ) -> None:
        systems, event = sent(vendor, summer, 3)
        witness.look()
        backup = control().heartbeat
        faults(vendor, second_post="adds")
        assert dispatch.send_wave(event.pk) == len(systems)
        self.restore(event, systems[:2], backup)

        assert dispatch.send_wave(event.pk) == 0
        assert deliveries(event) == {Delivery.UNSURE: 2, Delivery.ACCEPTED: len(systems) - 2}
        assert control().restored_why.startswith("The database is older than the one")
        nothing_moves(vendor, event)
        dispatch.look_at_unsure(event.pk)
        assert deliveries(event) == {
            Delivery.CONFIRMED: 2,
            Delivery.ACCEPTED: len(systems) - 2,
        }
        operations.release_restored(actor=OLGA, now=SEND_AT)
        dispatch.send_wave(event.pk)
        assert live(vendor, systems) == [1] * len(systems)
        assert ActivityEntry.objects.get(verb="database-restored").detail["rows"] == 2
        assert control().restored_at is None

    def restore(self, event: Event, systems: list[System], heartbeat: int) -> None:
        """What an older copy of the database does not know."""
        Dispatch.objects.filter(event=event, system__in=systems).update(
            delivery=Delivery.PLANNED, attempts=0, claim=0, accepted_at=None, sent_at=None
        )
        Control.objects.update(heartbeat=heartbeat - 1)

    def test_another_timeline_and_another_cluster_are_noticed(
        self, vendor: Vendor, summer: Program, settings: Settings
    ) -> None:
        witness.look()
        path = Path(settings.WITNESS_FILE)
        known = json.loads(path.read_text())
        for wrong, words in (
            ({"timeline": known["timeline"] + 1}, "The database continues from a backup"),
            ({"cluster": "7"}, "This is another database"),
        ):
            path.write_text(json.dumps(known | wrong))
            witness.look()
            assert control().restored_why.startswith(words)
            operations.release_restored(actor=OLGA, now=SEND_AT)
        witness.look()
        assert control().restored_at is None, "a release is not undone by the next look"

    def test_a_healthy_database_is_never_held(self, vendor: Vendor, settings: Settings) -> None:
        for _ in range(3):
            witness.look()
        assert control().restored_at is None
        with connection.cursor() as cursor:
            cursor.execute("SELECT system_identifier FROM pg_control_system()")
            assert json.loads(Path(settings.WITNESS_FILE).read_text()) == {
                "cluster": str(cursor.fetchone()[0]),
                "timeline": 1,
                "heartbeat": 3,
            }

    def test_a_note_that_cannot_be_read_or_written_holds_nothing(
        self, vendor: Vendor, settings: Settings, tmp_path: Path
    ) -> None:
        Path(settings.WITNESS_FILE).write_text("not json")
        witness.look()
        settings.WITNESS_FILE = str(tmp_path / "no" / "such" / "folder.json")
        witness.look()
        assert control().restored_at is None


def test_the_first_wave_of_all_proves_its_lists_itself(vendor: Vendor, summer: Program) -> None:
    """No list was ever seen to show an event, and one answer was lost: homes that surely have the
    event are asked to show it, so that "not listed" means something for the one that has not."""
    Control.objects.update(listed_at=None)
    systems, event = sent(vendor, summer, 4)
    faults(vendor, {"kind": "error_before", "status": 500, "match": POSTS, "count": 1})
    dispatch.send_wave(event.pk)
    assert deliveries(event) == {Delivery.UNSURE: 1, Delivery.ACCEPTED: len(systems) - 1}
    for _ in range(2):
        no_waiting(event)
        dispatch.look_at_unsure(event.pk)
    assert control().listed_at is not None
    dispatch.send_wave(event.pk)
    assert live(vendor, systems) == [1] * len(systems)
    assert deliveries(event) == {Delivery.ACCEPTED: len(systems)}
