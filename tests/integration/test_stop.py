"""Everything stops within a second of the commit: from the page, the command line, one SQL line."""

import threading
from collections.abc import Callable
from datetime import datetime

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from base import clock
from dr_events import dispatch, operations
from dr_events.dispatch import vendor as sending
from dr_events.models import Control, Dispatch, Event
from dr_events.states import Delivery, EventState
from enrollments.models import Program
from people.operations import Actor
from tests import cast
from tests.integration.conftest import Vendor, utc
from tests.integration.sending import POSTS, faults, posts, sent

pytestmark = pytest.mark.django_db(transaction=True)
OLGA = Actor("user:olga")
PROMISE_S = 1.0


@pytest.fixture
def summer() -> Program:
    return cast.program()


@pytest.fixture
def slow(vendor: Vendor, settings: Settings) -> Vendor:
    """Two requests at a time, each a quarter of a second: a wave that can be stopped midway."""
    sending.requests().close()
    settings.CARRIER_IN_FLIGHT = 2
    faults(vendor, {"kind": "delay", "seconds": 0.25, "match": POSTS})
    return vendor


def page(_: Event) -> None:
    desk = Client()
    desk.force_login(cast.operator("olga@utility.example"))
    desk.post(reverse("console_stop"), {"why": "Storm", "confirm": "STOP"})


def command(_: Event) -> None:
    call_command("emergency_stop", why="Storm")


def one_line_of_sql(_: Event) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE dr_events_control SET stopped = true")


def cancel(event: Event) -> None:
    operations.cancel(event_id=event.pk, actor=OLGA, now=clock.now())


def stop_in_the_wave(vendor: Vendor, event: Event, act: Callable[[Event], None]) -> datetime:
    """Send on a thread of its own, act once something has left; when that was committed."""

    def send() -> None:
        try:
            dispatch.send_wave(event.pk)
        finally:
            connection.close()

    sender = threading.Thread(target=send)
    sender.start()
    while not posts(vendor):
        assert sender.is_alive(), "the wave ended before anything left"
    act(event)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        committed: datetime = cursor.fetchone()[0]
    sender.join()
    return committed


def received(vendor: Vendor) -> list[datetime]:
    entries = vendor.entries("POST utility_events")
    return [utc(entry["real_at"]) for entry in entries]


@pytest.mark.parametrize("act", [page, command, one_line_of_sql, cancel])
def test_the_last_request_leaves_within_a_second(
    slow: Vendor, summer: Program, act: Callable[[Event], None]
) -> None:
    systems, event = sent(slow, summer, 12)
    committed = stop_in_the_wave(slow, event, act)
    late = [at for at in received(slow) if (at - committed).total_seconds() > PROMISE_S]
    assert late == []
    left = Delivery.CANCELLED if act is cancel else Delivery.PLANNED
    spared = Dispatch.objects.filter(event=event, delivery=left).count()
    assert 0 < spared == len(systems) - len(posts(slow)), "some had left, the others never did"
    assert Control.objects.filter(stopped=True).exists() is (act is not cancel)


def test_a_stop_that_cannot_be_read_is_a_stop(
    slow: Vendor, summer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database answers no question any more: what is queued goes back, it is not sent."""
    _, event = sent(slow, summer, 12)
    monkeypatch.setattr("dr_events.dispatch.watch.TOO_OLD_S", 0.0)
    dispatch.send_wave(event.pk)
    assert posts(slow) == {}
    assert set(Dispatch.objects.values_list("delivery", flat=True)) == {Delivery.PLANNED}


def test_a_stop_that_cancels_too_ends_every_event_under_way(
    vendor: Vendor, summer: Program
) -> None:
    systems, event = sent(vendor, summer, 2)
    dispatch.send_wave(event.pk)
    draft = operations.draft(program=summer, wish=cast.wish(), actor=OLGA, now=cast.MORNING)
    call_command("emergency_stop", why="Storm", cancel_events=True)
    event.refresh_from_db()
    draft.refresh_from_db()
    assert (event.state, draft.state) == (EventState.CANCELLED, EventState.DRAFT)
    assert len(posts(vendor)) == len(systems)
