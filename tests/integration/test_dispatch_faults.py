"""Faults of the vendor, and returns of homes, that once doubled, lost or stranded an event."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from dr_events import dispatch, operations, queries
from dr_events.models import Dispatch, Event
from dr_events.read_back import read_back
from dr_events.states import Delivery, EventState, Participation
from dr_events.tasks import due
from enrollments.models import Enrollment, Program
from people.operations import Actor
from tests import cast
from tests.integration.conftest import Vendor
from tests.integration.sending import (
    POSTS,
    SEND_AT,
    claim,
    deliveries,
    faults,
    live,
    no_waiting,
    sent,
)

pytestmark = pytest.mark.django_db(transaction=True)
OLGA = Actor("user:olga")


@pytest.fixture
def summer() -> Program:
    return cast.program()


def test_a_503_waits_out_a_late_effect(vendor: Vendor, summer: Program, settings: Settings) -> None:
    settings.CARRIER_LATE_EFFECT_S = 100.0
    systems, event = sent(vendor, summer, 3)
    faults(vendor, {"kind": "error_after", "status": 503, "match": POSTS}, second_post="adds")
    dispatch.send_wave(event.pk)
    faults(vendor)
    assert deliveries(event) == {Delivery.UNSURE: len(systems)}
    quiet = timedelta(seconds=settings.CARRIER["total_timeout_s"] + 100.0)
    early = timezone.now() + quiet - timedelta(seconds=20)
    assert Dispatch.objects.filter(event=event, not_before__gt=early).count() == len(systems)
    no_waiting(event)
    dispatch.look_at_unsure(event.pk)
    assert deliveries(event) == {Delivery.CONFIRMED: len(systems)}
    assert live(vendor, systems) == [1] * len(systems)


def test_where_the_vendor_keeps_no_id_the_event_is_known_by_its_time(
    vendor: Vendor, summer: Program
) -> None:
    systems, event = sent(vendor, summer, 2)
    faults(
        vendor,
        {"kind": "error_after", "status": 500, "match": POSTS, "count": len(systems)},
        ids="ignored",
        second_post="adds",
    )
    for _ in range(3):
        dispatch.send_wave(event.pk)
        no_waiting(event)
        dispatch.look_at_unsure(event.pk)
        no_waiting(event)
    assert deliveries(event) == {Delivery.CONFIRMED: len(systems)}
    assert live(vendor, systems) == [1] * len(systems)


def test_a_foreign_event_in_our_time_is_no_proof_of_absence(
    vendor: Vendor, summer: Program
) -> None:
    (system, *_), event = sent(vendor, summer, 1)
    vendor.admin("POST", "act", system=system.serial, do="foreign_event")
    listed = vendor.truth(system.serial)["events"][0]
    overlaps = listed["start"] < event.ends_at.timestamp() and (
        event.starts_at.timestamp() < listed["end"]
    )
    faults(vendor, {"kind": "error_before", "status": 500, "match": POSTS})
    dispatch.send_wave(event.pk)
    faults(vendor)
    for _ in range(3):
        no_waiting(event)
        dispatch.look_at_unsure(event.pk)
    row = Dispatch.objects.get(event=event, system=system)
    assert row.delivery == (Delivery.UNSURE if overlaps else Delivery.PLANNED)


def test_an_event_stays_open_while_a_delivery_is_undecided(vendor: Vendor, summer: Program) -> None:
    systems, event = sent(vendor, summer, 2)
    faults(vendor, {"kind": "error_after", "status": 500, "match": POSTS})
    dispatch.send_wave(event.pk)
    faults(vendor)
    over = vendor.at(event.ends_at + timedelta(minutes=11))
    Event.objects.filter(pk=event.pk).update(read_back_due_at=over)
    read_back(event.pk)
    event.refresh_from_db()
    assert event.state == EventState.SCHEDULED
    no_waiting(event)
    assert "prove" in {ring.task.__name__ for ring in due()}
    dispatch.look_at_unsure(event.pk)
    assert deliveries(event) == {Delivery.CONFIRMED: len(systems)}
    later = vendor.at(over + timedelta(minutes=6))
    assert event.pk in queries.work.events_to_read_back(now=later)
    read_back(event.pk)
    event.refresh_from_db()
    assert event.state == EventState.COMPLETED


def test_who_left_and_came_back_gets_the_event(vendor: Vendor, summer: Program) -> None:
    system, *_ = vendor.enroll(summer, vendor.homes()[:1])
    first = Enrollment.objects.filter(system=system).get()
    Enrollment.objects.filter(pk=first.pk).update(state="WITHDRAWN")
    Enrollment.objects.create(
        system=system, program=summer, enrolled_at=cast.MORNING, changed_at=cast.MORNING,
        user=system.grant.user,
    )  # fmt: skip
    event = cast.scheduled(summer)
    claimed = claim(event, SEND_AT)
    assert [row.system_id for row in claimed.rows][:1] == [system.pk]
    _, _, called_off = queries.work.stop_signals(event_id=event.pk)
    assert called_off == frozenset()
    operations.release(claimed.number)


def test_after_a_cancel_what_carrier_has_is_still_looked_at(
    vendor: Vendor, summer: Program
) -> None:
    systems, event = sent(vendor, summer, 2)
    dispatch.send_wave(event.pk)
    operations.cancel(event_id=event.pk, actor=OLGA, now=SEND_AT)
    for moment in (event.starts_at + timedelta(minutes=30), event.ends_at + timedelta(minutes=11)):
        vendor.at(moment)
        Event.objects.filter(pk=event.pk).update(read_back_due_at=moment)
        assert queries.work.events_to_read_back(now=moment) == [event.pk]
        read_back(event.pk)
    event.refresh_from_db()
    assert (event.state, event.read_back_due_at) == (EventState.CANCELLED, None)
    rows = Dispatch.objects.filter(event=event).values_list("participation", flat=True)
    assert list(rows) == [Participation.COMPLETED] * len(systems)
