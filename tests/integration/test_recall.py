"""Taking back what Carrier has: where it can cancel, where it says so and does not, where not."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from dr_events import dispatch, operations, queries
from dr_events.models import Dispatch, Event
from dr_events.operations.recalling import give_up_recalls
from dr_events.states import OptOutVia, Recall
from dr_events.tasks import due
from enrollments.models import Program, System
from people.operations import Actor
from tests import cast
from tests.integration.conftest import Vendor
from tests.integration.sending import POSTS, SEND_AT, faults, live, no_waiting, posts, sent

pytestmark = pytest.mark.django_db(transaction=True)
OLGA = Actor("user:olga")


@pytest.fixture
def summer(settings: Settings) -> Program:
    settings.CARRIER_CANCEL = "modification"
    return cast.program()


def cancelled(vendor: Vendor, program: Program, homes: int) -> tuple[list[System], Event]:
    """An event every home holds, cancelled by the operator."""
    systems, event = sent(vendor, program, homes)
    dispatch.send_wave(event.pk)
    assert live(vendor, systems) == [1] * len(systems)
    operations.cancel(event_id=event.pk, actor=OLGA, now=SEND_AT)
    return systems, event


def recalls(event: Event) -> set[str]:
    return set(Dispatch.objects.filter(event=event).values_list("recall", flat=True))


def due_tasks() -> list[str]:
    return [ring.task.name.rpartition(".")[2] for ring in due()]


def test_a_cancelled_event_is_taken_back_and_seen_to_be(vendor: Vendor, summer: Program) -> None:
    systems, event = cancelled(vendor, summer, 3)
    assert "take_back" in due_tasks()
    assert dispatch.take_back(event.pk) == 2 * len(systems), "asked, and looked for"
    assert recalls(event) == {Recall.RECALLED}
    assert live(vendor, systems) == [0] * len(systems)
    assert posts(vendor) == {one.serial: 2 for one in systems}
    assert "take_back" not in due_tasks()
    assert dispatch.take_back(event.pk) == 0
    assert posts(vendor) == {one.serial: 2 for one in systems}


def test_one_home_that_says_no_late_is_let_go(vendor: Vendor, summer: Program) -> None:
    systems, event = sent(vendor, summer, 3)
    dispatch.send_wave(event.pk)
    row = Dispatch.objects.get(event=event, system=systems[0])
    in_time = operations.opt_out(
        dispatch_id=row.pk, via=OptOutVia.HOME_PAGE, actor=OLGA, now=SEND_AT
    )
    assert not in_time
    dispatch.take_back(event.pk)
    row.refresh_from_db()
    assert row.recall == Recall.RECALLED
    assert live(vendor, systems) == [0, *[1] * (len(systems) - 1)]


def test_the_emergency_stop_does_not_hold_a_recall(vendor: Vendor, summer: Program) -> None:
    systems, event = cancelled(vendor, summer, 2)
    operations.emergency_stop(why="heat alert", actor=OLGA, now=SEND_AT)
    dispatch.take_back(event.pk)
    assert live(vendor, systems) == [0] * len(systems)


def test_a_lost_answer_to_a_cancellation_is_asked_again(vendor: Vendor, summer: Program) -> None:
    systems, event = cancelled(vendor, summer, 2)
    faults(vendor, {"kind": "error_after", "status": 500, "match": POSTS, "count": len(systems)})
    assert dispatch.take_back(event.pk) == len(systems)
    assert recalls(event) == {Recall.NONE}
    assert dispatch.take_back(event.pk) == 0, "not before a few seconds are over"
    no_waiting(event)
    dispatch.take_back(event.pk)
    assert recalls(event) == {Recall.RECALLED}
    assert live(vendor, systems) == [0] * len(systems)


# What a wrong setting costs: with the second habit each home now holds two. That is why
# CARRIER_CANCEL says "none" until the vendor was tried.
@pytest.mark.parametrize(("habit", "left"), [("ignored", 1), ("new_event", 2)])
def test_a_vendor_that_takes_the_cancellation_and_does_nothing_is_found_out(
    vendor: Vendor, summer: Program, habit: str, left: int
) -> None:
    systems, event = cancelled(vendor, summer, 2)
    faults(vendor, cancel=habit)
    dispatch.take_back(event.pk)
    assert recalls(event) == {Recall.ASKED}, "it may still be applied"
    no_waiting(event)
    Dispatch.objects.filter(event=event).update(recall_at=timezone.now() - timedelta(minutes=5))
    dispatch.take_back(event.pk)
    rows = Dispatch.objects.filter(event=event).values_list("recall", "trouble")
    said = "Carrier took the cancellation, and the event runs all the same"
    assert set(rows) == {(Recall.CANNOT, said)}
    assert live(vendor, systems) == [left] * len(systems)


def test_a_refused_cancellation_is_not_repeated(vendor: Vendor, summer: Program) -> None:
    systems, event = cancelled(vendor, summer, 2)
    faults(vendor, cancel="rejected")
    dispatch.take_back(event.pk)
    assert recalls(event) == {Recall.CANNOT}
    no_waiting(event)
    assert dispatch.take_back(event.pk) == 0
    assert posts(vendor) == {one.serial: 2 for one in systems}


def test_where_the_vendor_cannot_cancel_nothing_is_asked(
    vendor: Vendor, summer: Program, settings: Settings
) -> None:
    settings.CARRIER_CANCEL = "none"
    systems, _ = cancelled(vendor, summer, 2)
    assert queries.work.events_to_take_back(now=SEND_AT) == []
    assert "take_back" not in due_tasks()
    assert posts(vendor) == {one.serial: 1 for one in systems}


def test_what_was_not_seen_to_be_taken_back_by_the_end_was_not(
    vendor: Vendor, summer: Program
) -> None:
    _, event = cancelled(vendor, summer, 2)
    faults(vendor, cancel="ignored")
    dispatch.take_back(event.pk)
    assert give_up_recalls(event_id=event.pk) == 2
    assert recalls(event) == {Recall.CANNOT}
    vendor.at(event.ends_at + timedelta(minutes=1))
    assert queries.work.events_to_take_back(now=event.ends_at) == []
