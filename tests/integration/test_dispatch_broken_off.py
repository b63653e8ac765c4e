"""A sender that fails, stalls or stops half way loses no answer and leaves no lock behind."""

import time
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from celery.signals import task_prerun
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from carrier.fanout import Answer, Channel
from dr_events import dispatch, operations, queries
from dr_events.dispatch import vendor as vendoring
from dr_events.dispatch import watch, wave
from dr_events.models import Attempt, Dispatch, Event
from dr_events.read_back import read_back
from dr_events.states import Delivery
from enrollments.models import CarrierGrant, Program, System
from tests import cast
from tests.integration.conftest import Vendor
from tests.integration.sending import POSTS, SEND_AT, claim, deliveries, faults, posts, sent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def summer() -> Program:
    return cast.program()


def locks() -> int:
    """Session advisory locks this database holds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        return int(cursor.fetchone()[0])


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


def test_an_error_between_two_claims_loses_neither(
    vendor: Vendor, summer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers of two claims are saved together; the first is on disk when the second fails."""
    systems, event = sent(vendor, summer, 4)
    unheard = CarrierGrant.objects.get(systems=systems[0])
    one_home = POSTS | {"serial": systems[0].serial}
    faults(vendor, {"kind": "unauthorized", "match": one_home})
    monkeypatch.setattr(vendoring, "CLAIM_ROWS", 2)
    save, calls = operations.save_outcomes, count(1)

    def second_one_fails(**given: Any) -> int:
        if next(calls) == 2:
            raise TimeoutError("a lock could not be had")
        return save(**given)

    def all_at_once(self: Channel, *, at_most: int, wait_s: float) -> list[Answer]:
        return collect(self, at_most=at_most, wait_s=20.0)

    collect = Channel.collect
    monkeypatch.setattr(Channel, "collect", all_at_once)
    monkeypatch.setattr(operations, "save_outcomes", second_one_fails)
    with pytest.raises(TimeoutError):
        dispatch.send_wave(event.pk)
    assert deliveries(event) == {Delivery.PLANNED: 1, Delivery.ACCEPTED: len(systems) - 1}
    assert Attempt.objects.count() == len(systems), "each answer is kept once"
    expires_at = CarrierGrant.objects.get(id=unheard.pk).access_expires_at
    assert expires_at is not None
    assert expires_at <= timezone.now(), "the refused token is renewed before it is used again"
    assert locks() == 0


def test_what_cannot_be_saved_is_left_to_be_adopted(
    vendor: Vendor, summer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker lives on with its session: a lock it kept would hold these rows for as long."""
    systems, event = sent(vendor, summer, 2)

    def fails(**_: Any) -> int:
        raise TimeoutError("a lock could not be had")

    with monkeypatch.context() as trouble:
        trouble.setattr(operations, "save_outcomes", fails)
        with pytest.raises(TimeoutError):
            dispatch.send_wave(event.pk)
    assert locks() == 0
    assert deliveries(event) == {Delivery.SENDING: len(systems)}
    with connection.cursor() as cursor:
        cursor.execute("UPDATE dr_events_dispatch SET lease_until = clock_timestamp()")
    dispatch.look_at_unsure(event.pk)
    assert deliveries(event) == {Delivery.UNSURE: len(systems)}


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
