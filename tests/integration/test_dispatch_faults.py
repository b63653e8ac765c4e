"""Faults of the vendor and of ourselves that once doubled, lost or stranded an event."""

import json
import time
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from celery.signals import task_prerun
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from dr_events import dispatch, operations, queries
from dr_events.dispatch import watch, wave
from dr_events.models import Dispatch, Event
from dr_events.read_back import read_back
from dr_events.states import Delivery, EventState, Participation
from dr_events.tasks import due
from enrollments import operations as homes
from enrollments.models import CarrierGrant, Enrollment, Program, System
from people.operations import Actor
from tests import cast
from tests.integration.conftest import Vendor
from tests.integration.test_dispatch import claim, deliveries, no_waiting, posts

pytestmark = pytest.mark.django_db(transaction=True)
OLGA = Actor("user:olga")
SEND_AT = cast.MORNING + timedelta(hours=5)
POSTS = {"operation": "POST utility_events"}


@pytest.fixture
def summer() -> Program:
    return cast.program()


def faults(vendor: Vendor, *rules: dict[str, Any], **variants: Any) -> None:
    vendor.admin("PUT", "faults", rules=list(rules), variants=variants)


def live(vendor: Vendor, systems: list[System]) -> list[int]:
    truths = [vendor.truth(system.serial)["events"] for system in systems]
    return [sum(event["live"] for event in events) for events in truths]


def sent(vendor: Vendor, program: Program, count: int) -> tuple[list[System], Event]:
    systems = vendor.enroll(program, vendor.homes()[:count])
    event = cast.scheduled(program)
    vendor.at(SEND_AT)
    return systems, event


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


def test_an_error_between_answer_and_saving_loses_no_answer(
    vendor: Vendor, summer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    systems, event = sent(vendor, summer, 4)
    faults(vendor, {"kind": "error_before", "status": 400, "match": POSTS})
    save, calls = wave._Wave._save, iter([True])

    def first_one_fails(self: wave._Wave, answers: list[Any]) -> None:
        if next(calls, False):
            raise TimeoutError("the task's time is over")
        save(self, answers)

    monkeypatch.setattr(wave._Wave, "_save", first_one_fails)
    with pytest.raises(TimeoutError):
        dispatch.send_wave(event.pk)
    assert deliveries(event) == {Delivery.REJECTED: len(systems)}
    faults(vendor)
    dispatch.send_wave(event.pk)
    assert set(posts(vendor).values()) == {1}
    assert locks() == 0


def locks() -> int:
    """Session advisory locks this database holds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        return int(cursor.fetchone()[0])


def test_a_settling_that_fails_leaks_no_stream(
    vendor: Vendor, summer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, event = sent(vendor, summer, 1)

    def fails(_: object) -> None:
        raise TimeoutError("a lock could not be had")

    monkeypatch.setattr(wave, "_settle", fails)
    with pytest.raises(TimeoutError):
        dispatch.send_wave(event.pk)
    assert locks() == 0


def test_a_price_and_a_test_reach_the_homes_as_such(vendor: Vendor, summer: Program) -> None:
    systems = vendor.enroll(summer, vendor.homes()[:2])
    staff = homes.make_group(program=summer, name="Staff", rule={}, actor=OLGA, now=cast.MORNING)
    homes.add_members(
        group=staff, serials=[systems[0].serial], since=cast.MORNING.date(), until=None,
        actor=OLGA, now=cast.MORNING,
    )  # fmt: skip
    event = cast.scheduled(
        summer, response="price", price_cents=Decimal("25.50"), is_test=True, groups=(staff.pk,),
        offset_f=Decimal(3),
    )  # fmt: skip
    (sent_one,) = json.loads(bytes(event.message or b""))["utility_events"]["events"]["event"]
    assert {name: sent_one.get(name) for name in ("eventType", "price", "testEvent")} == {
        "eventType": "price", "price": 25.5, "testEvent": True,
    }  # fmt: skip
    assert not {"signalLevel", "offset"} & sent_one.keys()
    vendor.at(SEND_AT)
    dispatch.send_wave(event.pk)
    read_back(event.pk)
    assert deliveries(event) == {Delivery.CONFIRMED: 1}
    assert live(vendor, systems) == [1, 0]


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"response": "price"}, "price_cents"),
        ({"response": "price", "price_cents": Decimal(0)}, "price_cents"),
        ({"response": "price", "price_cents": Decimal(501)}, "price_cents"),
        ({"is_test": True}, "groups"),
    ],
)
def test_no_price_and_a_test_for_everybody_are_refused(
    summer: Program, wish: dict[str, Any], field: str
) -> None:
    cast.neighborhood(summer, 1)
    with pytest.raises(operations.Invalid) as refused:
        cast.scheduled(summer, **wish)
    assert [problem.field for problem in refused.value.problems] == [field]
    assert not Event.objects.exists()


def test_a_lease_is_counted_from_before_the_claim(
    vendor: Vendor, summer: Program, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender that stands still between its claim's commit and its first request comes back with
    an old lease, even when it has asked for the stop again before anything else."""
    settings.LEASE_S = 0.9
    systems, event = sent(vendor, summer, 2)
    claim_now = operations.claim

    def claim_and_stand_still(**given: Any) -> operations.Claim:
        claimed = claim_now(**given)
        time.sleep(settings.LEASE_S / 3)
        return claimed

    monkeypatch.setattr(operations, "claim", claim_and_stand_still)
    monkeypatch.setattr(watch, "TOO_OLD_S", 3600.0)
    dispatch.send_wave(event.pk)
    assert posts(vendor) == {}
    assert deliveries(event) == {Delivery.PLANNED: len(systems)}
    assert locks() == 0


def test_a_token_being_renewed_elsewhere_costs_no_outcome(vendor: Vendor, summer: Program) -> None:
    systems, event = sent(vendor, summer, 3)
    refused = CarrierGrant.objects.get(systems=systems[0])
    faults(
        vendor,
        {"kind": "unauthorized", "match": POSTS | {"serial": systems[0].serial}},
    )
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(
                "SELECT 1 FROM enrollments_carriergrant WHERE id = %s FOR UPDATE", [refused.pk]
            )
            dispatch.send_wave(event.pk)
            cursor.execute("ROLLBACK")
    finally:
        other.close()
    expected = {Delivery.ACCEPTED: len(systems) - 1, Delivery.PLANNED: 1}
    assert deliveries(event) == expected


def test_an_orphan_is_not_looked_at_before_its_request_can_no_longer_act(
    vendor: Vendor, summer: Program, settings: Settings
) -> None:
    settings.CARRIER_LATE_EFFECT_S = 100.0
    _, event = sent(vendor, summer, 1)
    operations.release(claim(event, SEND_AT).number)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE dr_events_dispatch SET lease_until = clock_timestamp() - interval '1 s',"
            " sent_at = clock_timestamp() - interval '10 min'"
        )
    dispatch.look_at_unsure(event.pk)
    soon = timezone.now() + timedelta(seconds=90)
    rows = Dispatch.objects.filter(event=event)
    assert rows.filter(not_before__gt=soon).count() == rows.count() > 0


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


def test_a_round_that_ran_out_of_time_goes_on_where_it_stopped(
    vendor: Vendor, summer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    systems, event = sent(vendor, summer, 12)
    dispatch.send_wave(event.pk)
    moment = vendor.at(SEND_AT + timedelta(minutes=3))
    Event.objects.filter(pk=event.pk).update(read_back_due_at=moment)
    looking = dispatch.looking
    monkeypatch.setattr("dr_events.read_back.BATCH", 4)
    monkeypatch.setattr(looking, "BATCH", 4)
    asked = looking.Lookout._ask

    batches = iter([True])

    def one_batch(self: Any, channel: Any) -> bool:
        return next(batches, False) and asked(self, channel)

    monkeypatch.setattr(looking.Lookout, "_ask", one_batch)
    seen = read_back(event.pk)
    assert 0 < seen < len(systems)
    assert queries.work.events_to_read_back(now=moment) == [event.pk]
    monkeypatch.setattr(looking.Lookout, "_ask", asked)
    while queries.work.events_to_read_back(now=moment):
        seen += read_back(event.pk)
    assert seen == len(systems)
    assert deliveries(event) == {Delivery.CONFIRMED: len(systems)}


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


def test_a_broken_connection_is_not_used_for_the_next_task(vendor: Vendor, summer: Program) -> None:
    vendor.enroll(summer, vendor.homes()[:1])
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    other.close()
    with pytest.raises(Exception, match=r"terminat|closed"):
        System.objects.count()
    task_prerun.send(sender=None)
    assert System.objects.count() == 1
