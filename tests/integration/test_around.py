"""Looks before and after an event: few, of some homes, after everything else, deciding nothing."""

from collections import Counter
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from dr_events import dispatch, operations, queries
from dr_events.models import Dispatch, Event, Reading
from dr_events.queries import sample
from dr_events.read_back import look_around, read_back
from dr_events.states import Delivery, EventState, Participation
from dr_events.tasks import due
from dr_events.tasks import look_around as task
from enrollments import operations as homes
from enrollments.models import CarrierGrant, Enrollment, Program
from people.operations import Actor
from tests import cast
from tests.integration.conftest import Vendor

pytestmark = pytest.mark.django_db(transaction=True)
OLGA = Actor("user:olga")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def summer() -> Program:
    return cast.program()


def asked(vendor: Vendor) -> Counter[str]:
    """What was asked of the cloud about events and status, by operation."""
    found = Counter[str]()
    for entry in vendor.entries():
        for last in ("status", "utility_events"):
            found[f"{entry['method']} {last}"] += entry["path"].endswith(f"/{last}")
    return +found


def rings(now: datetime, vendor: Vendor) -> list[int]:
    vendor.at(now)
    return [ring.kwargs["event_id"] for ring in due() if ring.task.name == task.name]


def test_before_it_is_sent_every_home_is_asked_for_its_status_alone(
    vendor: Vendor, summer: Program
) -> None:
    systems = vendor.enroll(summer, vendor.homes())
    event = cast.scheduled(summer)
    first = event.starts_at - 120 * MINUTE
    assert event.around_due_at == first
    assert rings(first - MINUTE, vendor) == []
    before = asked(vendor)
    assert rings(first, vendor) == [event.pk]
    assert look_around(event.pk) == len(systems)
    assert asked(vendor) - before == Counter({"GET status": len(systems)})
    assert set(Reading.objects.values_list("at", flat=True)) == {first}
    assert Reading.objects.count() == len(systems)
    assert Reading.objects.filter(indoor_f__isnull=False).count() == len(systems)
    rows = Dispatch.objects.filter(event=event).values_list("delivery", "participation", "read_at")
    assert set(rows) == {(Delivery.PLANNED, Participation.UNKNOWN, None)}
    event.refresh_from_db()
    assert event.around_due_at == event.starts_at - 90 * MINUTE
    assert look_around(event.pk) == 0, "not before its time"


def closed(vendor: Vendor, summer: Program) -> Event:
    """An event of all homes, sent and completed ten minutes after its end."""
    event = cast.scheduled(summer)
    vendor.at(event.starts_at - 60 * MINUTE)
    dispatch.send_wave(event.pk)
    for moment in (event.starts_at + 30 * MINUTE, event.ends_at + 10 * MINUTE):
        vendor.at(moment)
        Event.objects.filter(pk=event.pk).update(read_back_due_at=moment)
        read_back(event.pk)
    event.refresh_from_db()
    assert (event.state, event.completed_at) == (EventState.COMPLETED, event.ends_at + 10 * MINUTE)
    return event


def test_it_is_completed_without_waiting_and_looked_at_for_four_hours_more(
    vendor: Vendor, summer: Program
) -> None:
    systems = vendor.enroll(summer, vendor.homes())
    event = closed(vendor, summer)
    rows = set(Dispatch.objects.values_list("system_id", "delivery", "participation", "read_at"))
    assert rings(event.ends_at + 11 * MINUTE, vendor) == [event.pk], "the missed looks are due"
    assert look_around(event.pk) == 0
    Reading.objects.all().delete()
    event.refresh_from_db()
    taken = []
    while (moment := event.around_due_at) is not None:
        assert rings(moment, vendor) == [event.pk]
        taken.append((look_around(event.pk), (moment - event.ends_at) // MINUTE))
        event.refresh_from_db()
    assert taken == [(len(systems), minutes) for minutes in range(30, 241, 30)]
    assert Reading.objects.count() == 8 * len(systems)
    assert rings(event.ends_at + timedelta(hours=5), vendor) == []
    after = Dispatch.objects.values_list("system_id", "delivery", "participation", "read_at")
    assert set(after) == rows, "these looks decide nothing"
    assert event.state == EventState.COMPLETED


def test_everything_else_comes_first(
    vendor: Vendor, summer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another event is due to be sent: no ring; a look under way stops after some homes and goes on
    when it was sent."""
    systems = vendor.enroll(summer, vendor.homes()[:5])
    event = cast.scheduled(summer, name="First")
    moment = vendor.at(event.starts_at - 120 * MINUTE)
    monkeypatch.setattr("dr_events.read_back.AROUND_AT_ONCE", 2)
    answers = iter([False, True])
    monkeypatch.setattr(queries.around, "is_busy", lambda now: next(answers))
    assert look_around(event.pk) == 2
    event.refresh_from_db()
    assert event.around_due_at == moment
    monkeypatch.undo()
    Event.objects.filter(pk=event.pk).update(read_back_due_at=moment)
    assert rings(moment, vendor) == []
    Event.objects.filter(pk=event.pk).update(read_back_due_at=moment + 30 * MINUTE)
    assert rings(moment + MINUTE, vendor) == [event.pk]
    assert look_around(event.pk) == len(systems) - 2, "the others, and none of them twice"
    assert Reading.objects.count() == len(systems)
    Event.objects.filter(pk=event.pk).update(send_at=moment, around_due_at=moment)
    assert rings(moment + 2 * MINUTE, vendor) == []


def test_who_left_or_whose_permission_is_lost_is_not_looked_at(
    vendor: Vendor, summer: Program
) -> None:
    first, second, third = vendor.enroll(summer, vendor.homes()[:3])
    event = closed(vendor, summer)
    look_around(event.pk)  # the missed ones are left out
    Reading.objects.all().delete()
    left = Enrollment.objects.get(system=first)
    homes.withdraw(enrollment_id=left.pk, actor=OLGA, now=event.ends_at)
    homes.permission_lost(grant_id=second.grant_id, why="refused", now=event.ends_at)
    vendor.at(event.ends_at + 30 * MINUTE)
    assert look_around(event.pk) == 1
    assert [one.dispatch.system_id for one in Reading.objects.all()] == [third.pk]


def test_a_cancelled_event_is_not_looked_at(vendor: Vendor, summer: Program) -> None:
    vendor.enroll(summer, vendor.homes()[:2])
    event = cast.scheduled(summer)
    operations.cancel(event_id=event.pk, actor=OLGA, now=cast.MORNING)
    assert rings(event.starts_at - 120 * MINUTE, vendor) == []
    assert look_around(event.pk) == 0
    assert not Reading.objects.exists()


@pytest.mark.django_db
def test_of_many_homes_only_some_are_looked_at_and_renewed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same homes as on a drawing; a token of any other home is left alone."""
    program = cast.program()
    cast.neighborhood(program, 30)
    event = cast.scheduled(program)
    monkeypatch.setattr(sample, "_ALL_UP_TO", 10)
    monkeypatch.setattr(sample, "_SOME", 5)
    look = queries.around.look(event.pk)
    assert look is not None
    watched = queries.around.watched(look, after=0, limit=100)
    assert len(watched) == 6
    rest = queries.around.watched(look, after=watched[2].system_id, limit=2)
    assert [one.id for one in rest] == [one.id for one in watched[3:5]]
    real = timezone.now()
    CarrierGrant.objects.update(access_expires_at=real + 2 * MINUTE)

    def renewed(now: datetime) -> list[int]:
        return queries.around.grants_to_renew(now=now, real_now=real, margin=5 * MINUTE)

    assert renewed(event.starts_at - 126 * MINUTE) == []
    assert sorted(renewed(event.starts_at - 125 * MINUTE)) == sorted(
        one.grant_id for one in watched
    )
