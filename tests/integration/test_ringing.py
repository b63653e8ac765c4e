"""Sweeps find the same work again and again; what is queued already is not queued twice."""

import threading
from datetime import timedelta

import pytest
from celery import signals
from django.db import connection
from django.db.models import F
from django.utils import timezone

from dr_events import tasks
from dr_events.models import Rung
from dr_events.operations import ringing
from enrollments.models import CarrierGrant, Program
from tests import cast
from tests.integration.conftest import Vendor
from tests.integration.sending import deliveries, sent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def summer() -> Program:
    return cast.program()


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of rings that reached the broker."""
    names: list[str] = []

    def publish(ring: tasks.Ring) -> bool:
        names.append(ring.name)
        return True

    monkeypatch.setattr(tasks, "_publish", publish)
    return names


def unheard_for(waited: timedelta) -> None:
    Rung.objects.update(at=F("at") - waited)


def test_a_ring_is_repeated_only_when_it_was_heard_or_lost(
    vendor: Vendor, summer: Program, published: list[str]
) -> None:
    _, event = sent(vendor, summer, 2)
    first = tasks.ring_due()
    assert len(published) == first == len(set(published))
    send = f'dr_events.tasks.send {{"event_id": {event.pk}, "stream": 0}}'
    assert send in published

    assert tasks.ring_due() == 0, "all of it is queued"
    ringing.heard(send)
    assert tasks.ring_due() == 1
    assert published[-1] == send

    unheard_for(ringing.PATIENCE)
    assert tasks.ring_due() == first, "nobody heard: the broker may have lost them"


def test_a_worker_that_begins_has_heard(vendor: Vendor, summer: Program) -> None:
    sent(vendor, summer, 1)
    name = "dr_events.tasks.send {}"
    assert ringing.worth_ringing([name]) == {name}
    assert ringing.worth_ringing([name]) == set()
    signals.task_prerun.send(sender=None, task_id="1", task=None, args=(), kwargs={"ring": name})
    assert ringing.worth_ringing([name]) == {name}


def test_of_many_sweeps_at_once_each_ring_goes_to_one(vendor: Vendor) -> None:
    names = [f"work {number}" for number in range(50)]
    gate = threading.Barrier(6)
    won: list[str] = []

    def sweep() -> None:
        gate.wait()
        try:
            won.extend(ringing.worth_ringing(names))
        finally:
            connection.close()

    threads = [threading.Thread(target=sweep) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == sorted(names)


def test_without_a_broker_the_work_is_done_and_counts_as_heard(
    vendor: Vendor, summer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    systems, event = sent(vendor, summer, 2)
    monkeypatch.setattr(tasks, "_publish", lambda ring: False)
    tasks.ring_due()
    assert deliveries(event).get("ACCEPTED", 0) + deliveries(event).get("CONFIRMED", 0) == len(
        systems
    )
    assert not Rung.objects.filter(name__startswith="dr_events.tasks.send").exists()


def test_every_home_is_renewed_by_the_part_it_belongs_to(vendor: Vendor, summer: Program) -> None:
    """Ten homes, four parts: all renewed, each once, by tasks that were handed no list."""
    vendor.enroll(summer, vendor.homes()[:10])
    cast.scheduled(summer)
    soon = timezone.now() + timedelta(minutes=1)
    CarrierGrant.objects.update(access_expires_at=soon)
    vendor.at(cast.MORNING + timedelta(hours=5))
    before = len(vendor.entries("POST oauth/token"))
    rings = [ring for ring in tasks.due() if ring.task is tasks.renew]
    assert {ring.kwargs["part"] for ring in rings} == {
        grant % tasks.RENEWERS for grant in CarrierGrant.objects.values_list("id", flat=True)
    }
    for ring in rings:
        ring.task.run(**ring.kwargs)
    assert len(vendor.entries("POST oauth/token")) - before == 10
    assert not CarrierGrant.objects.filter(access_expires_at__lte=soon).exists()
