"""Figures of the console: failures, drawings, opt-outs against earlier events."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from base import clock
from dr_events import operations
from dr_events.models import Dispatch, Event, Reading
from dr_events.queries import charts, intervals, sample, tallies
from dr_events.states import Delivery, EventState, Participation
from tests import cast
from tests.integration.test_console_pages import finished

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    return cast.MORNING


@pytest.fixture
def desk(client: Client) -> Client:
    client.force_login(cast.operator())
    return client


@pytest.fixture
def event() -> Event:
    program = cast.program()
    cast.neighborhood(program, 3)
    return finished(program)


def keep() -> bool:
    return operations.keep_tally(now=cast.MORNING)


def test_the_most_frequent_failures_are_named_and_the_rest_is_one_line() -> None:
    program = cast.program()
    cast.neighborhood(program, 25)
    event = cast.scheduled(program)
    for number, row in enumerate(Dispatch.objects.filter(event=event).order_by("id")):
        trouble = f"Reason {number:02d}" if number else "Reason 01"
        row.delivery, row.trouble = Delivery.FAILED, trouble
        row.save()
    failures = tallies.tally(event.pk).failures
    assert failures[0] == ("Failed", "Reason 01", 2)
    assert failures[-1] == ("Failed", "other reasons", 4)
    assert len(failures) == 21
    assert sum(number for *_, number in failures) == 25


def test_a_drawing_of_many_homes_is_made_from_some(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sample.some_of(event.pk) == 0
    everybody = intervals.course(event)
    monkeypatch.setattr(sample, "_ALL_UP_TO", 2)
    assert sample.some_of(event.pk) == 500
    assert intervals.course(event, some=500) == everybody, "few homes: all are among them"
    (first, *_) = intervals.course(event, some=1).items
    assert (everybody.items[0].homes, first.homes) == (2, 1)


def test_the_last_look_is_called_stale_while_somebody_should_look(event: Event) -> None:
    """The last reading is two hours after the start, when the event ends."""
    last = intervals.course(event).looked_at
    assert last == event.ends_at
    minute = timedelta(minutes=1)
    assert charts.age(None, event, last) is None
    second = timedelta(seconds=1)
    assert charts.age(last, event, last + 59 * second) == charts.Age("just now", is_stale=False)
    assert charts.age(last, event, last + minute) == charts.Age("1 min ago", is_stale=False)
    over = charts.age(last, event, last + 90 * minute)
    assert over == charts.Age("1 h 30 min ago", is_stale=False), "around it, every half hour"
    assert charts.age(last, event, last + 91 * minute) == charts.Age(
        "1 h 31 min ago", is_stale=True
    )
    nobody_looks = charts.age(last, event, last + 255 * minute)
    assert nobody_looks == charts.Age("4 h 15 min ago", is_stale=False)
    event.ends_at = last + 120 * minute
    assert charts.age(last, event, last + 15 * minute) == charts.Age("15 min ago", is_stale=False)
    assert charts.age(last, event, last + 16 * minute) == charts.Age("16 min ago", is_stale=True)
    event.state = EventState.CANCELLED
    assert charts.age(last, event, last + 16 * minute) == charts.Age("16 min ago", is_stale=False)


def test_the_board_draws_what_the_results_draw_and_says_how_old_it_is(
    desk: Client, event: Event, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    address = reverse("event_indoors", args=[event.pk])
    polling = 'hx-trigger="every 30s"'

    def at(minutes_after_the_end: int) -> str:
        now = event.ends_at + timedelta(minutes=minutes_after_the_end)
        monkeypatch.setattr(clock, "now", lambda: now)
        with django_assert_max_num_queries(12):
            return " ".join(desk.get(address).content.decode().split())

    assert '<span class="soft numbers">last look just now</span>' in at(0)
    text = at(3)
    assert polling in text, "homes are still asked how warm it became"
    assert "last look 3 min ago" in text
    assert "equipment ran 100 % of the time" in text
    assert "2 homes read in the quarter hour from" in text
    for name in ("Indoor temperature", "Cooling load", "Runtime"):
        assert f">{name} across homes</title>" in text
    # From two hours before the event until four after it, as on the page of results.
    assert (">1:00 PM</text>" in text, ">9:00 PM</text>" in text) == (True, True)
    results = desk.get(reverse("event_results", args=[event.pk])).content.decode()
    lines = re.compile(r'<polyline class="line" points="([^"]+)"')
    across = [[point.split(",")[0] for point in one.split()] for one in lines.findall(text)]
    assert len(across) == 3
    assert across == [
        [point.split(",")[0] for point in one.split()] for one in lines.findall(results)
    ]
    assert "Stale" not in at(90)
    assert "Stale: another look should have come" in at(91)
    assert polling not in at(255), "nobody looks any more"
    Reading.objects.all().delete()
    assert "No home has been read yet" in at(3)


def test_opt_outs_are_held_against_earlier_events(desk: Client, event: Event) -> None:
    live = cast.scheduled(
        event.program,
        starts_at=cast.MORNING + timedelta(days=1, hours=6),
        ends_at=cast.MORNING + timedelta(days=1, hours=8),
    )
    address = reverse("event_board", args=[live.pk])
    assert "There is no earlier event to compare with." in desk.get(address).content.decode()
    assert keep(), "the one that waits"
    assert keep(), "the one that is over"
    row = Dispatch.objects.filter(event=live)[:1].get()
    Dispatch.objects.filter(id=row.pk).update(participation=Participation.OPTED_OUT_BEFORE)
    text = " ".join(desk.get(address).content.decode().split())
    assert "33.3 % opted out so far." in text
    assert "It was 33.3 % by the end of the event before." in text


def test_the_index_of_opt_outs_costs_senders_nothing(event: Event) -> None:
    """Updates that leave ``opted_out_at`` alone stay on their page (HOT)."""
    changed = "SELECT pg_stat_get_xact_tuples_hot_updated('dr_events_dispatch'::regclass)"
    with connection.cursor() as cursor:
        cursor.execute(changed)
        before = cursor.fetchone()[0]
        cursor.execute(
            "UPDATE dr_events_dispatch SET delivery = 'ACCEPTED', sent_at = clock_timestamp(),"
            " opted_out_at = coalesce(opted_out_at, NULL) WHERE event_id = %s",
            [event.pk],
        )
        cursor.execute(changed)
        assert cursor.fetchone()[0] - before == 3
        cursor.execute(
            "UPDATE dr_events_dispatch SET opted_out_at = clock_timestamp() WHERE event_id = %s",
            [event.pk],
        )
        cursor.execute(changed)
        assert cursor.fetchone()[0] - before == 3, "an opt-out itself does touch the index"
