"""A season's events against each other, and one event by quarter hours: every figure by hand."""

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from base import clock
from dr_events import operations
from dr_events.models import Dispatch, Event, Reading
from dr_events.queries import intervals, over_events, pages, sample
from dr_events.states import Delivery, EventState, Participation
from enrollments.models import Program
from people.models import ActivityEntry
from people.states import Role
from tests import cast
from tests.integration.test_console_pages import finished

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def evening(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Three days after the first event of the cast."""
    now = cast.MORNING + 3 * DAY
    monkeypatch.setattr(clock, "now", lambda: now)
    return now


@pytest.fixture
def program() -> Program:
    made = cast.program()
    cast.neighborhood(made, 3)
    return made


@pytest.fixture
def desk(client: Client) -> Client:
    client.force_login(cast.operator("vera@utility.example", Role.VIEWER))
    return client


def another(program: Program) -> Event:
    """The next day: all three took part and became colder, or a little warmer."""
    event = cast.scheduled(
        program,
        now=cast.MORNING + DAY,
        starts_at=cast.MORNING + DAY + 6 * 60 * MINUTE,
        ends_at=cast.MORNING + DAY + 8 * 60 * MINUTE,
    )
    rows = Dispatch.objects.filter(event=event).order_by("system_id")
    sent = event.released_at
    assert sent is not None
    for number, row in enumerate(rows):
        row.delivery, row.participation = Delivery.CONFIRMED, Participation.COMPLETED
        row.sent_at, row.accepted_at = sent, sent + timedelta(seconds=1 + number)
        row.save()
        for at, warmth in ((-5 * MINUTE, 75.0), (118 * MINUTE, 74.5 + number / 4)):
            Reading.objects.create(
                dispatch=row, at=event.starts_at + at, is_online=True, indoor_f=warmth
            )
    Event.objects.filter(id=event.pk).update(state=EventState.COMPLETED, completed_at=event.ends_at)
    return event


def keep_all(now: datetime) -> None:
    while operations.keep_tally(now=now):
        pass


def of_season(program: Program, now: datetime) -> list[over_events.EventLine]:
    found = pages.shown(Event.objects.filter(program=program).order_by("starts_at"), now=now)
    return over_events.lines(found)


def test_what_is_kept_of_each_event(program: Program, evening: datetime) -> None:
    finished(program)
    another(program)
    assert [(one.p50_s, one.change_f) for one in of_season(program, evening)] == [(None, None)] * 2
    keep_all(evening)
    first, second = of_season(program, evening)
    assert (first.p50_s, first.p99_s, first.since) == (2.0, 2.0, "first request")
    assert (first.change_f, first.change_homes) == (2.0, 1), "one home took part, of three"
    assert (second.p50_s, second.p99_s) == (2.0, 2.98)
    assert (second.change_f, second.change_homes) == (-0.25, 3)
    assert (second.took_part_percent, second.opted_out_percent) == (100.0, 0.0)


def test_what_was_kept_before_there_was_more_to_count_is_counted_again(
    program: Program, evening: datetime
) -> None:
    finished(program)
    keep_all(evening)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE dr_events_tally SET version = 1, counts = counts - 'warmth'")
    (before,) = of_season(program, evening)
    assert (before.p50_s, before.change_f) == (2.0, None), "older figures serve meanwhile"
    keep_all(evening)
    (after,) = of_season(program, evening)
    assert (after.p50_s, after.change_f) == (2.0, 2.0)
    assert not operations.keep_tally(now=evening)


def test_the_page_draws_what_the_table_says(
    desk: Client, program: Program, evening: datetime, django_assert_max_num_queries: Any
) -> None:
    address = reverse("season", args=[program.slug])
    finished(program)
    keep_all(evening)
    assert "Over the events" not in desk.get(address).content.decode(), "one event is no course"
    another(program)
    keep_all(evening)
    with django_assert_max_num_queries(12):
        text = " ".join(desk.get(address).content.decode().split())
    assert "Took part, event by event: Jul 14: 33.3 %; Jul 15: 100.0 %." in text
    assert "Opted out, event by event: Jul 14: 33.3 %; Jul 15: 0.0 %." in text
    assert "99 % of the homes (p99), event by event: Jul 14: 2.0 s; Jul 15: 3.0 s." in text
    assert "Change, event by event: Jul 14: 2.0 °F; Jul 15: -0.2 °F." in text
    assert '<td class="num">+2 °F</td>' in text
    assert "\N{MINUS SIGN}0.2 °F" in text
    assert text.count('class="plot plot-half"') == 4


def test_the_events_are_downloaded_and_that_is_on_record(
    desk: Client, program: Program, evening: datetime
) -> None:
    event = finished(program)
    Event.objects.filter(id=event.pk).update(name="=1+1")
    another(program)
    keep_all(evening)
    answer = desk.get(reverse("season_csv", args=[program.slug]), {"year": "2026"})
    assert answer.headers["Content-Disposition"].endswith('"season-summer-peak-2026.csv"')
    first, second = csv.DictReader(io.StringIO(answer.getvalue().decode()))
    assert (first["event"], first["took_part"], first["took_part_percent"]) == (
        "'=1+1",
        "1",
        "33.3",
    )
    assert (first["accepted_p50_s"], first["accepted_since"]) == ("2.0", "first request")
    assert (second["indoor_change_f"], second["indoor_change_homes"]) == ("-0.25", "3")
    assert second["starts_at_utc"] == "2026-07-15T20:00:00Z"
    assert ActivityEntry.objects.get(verb="export-season").detail == {"season": 2026}


# --- one event, by quarter hours ----------------------------------------------------------------
def test_an_event_by_quarter_hours_from_two_hours_before_to_four_after(program: Program) -> None:
    event = another(program)
    row = Dispatch.objects.filter(event=event).order_by("system_id")[0]
    Reading.objects.all().delete()
    for minutes, warmth, load, online in (
        (-121, 60.0, None, True),  # too early
        (-120, 74.0, 0.0, True),
        (0, 75.0, 0.5, True),
        (5, 76.0, 0.0, True),
        (14, None, None, False),
        (120, 77.0, 1.0, True),
        (360, 78.0, None, True),
        (376, 60.0, None, True),  # too late
    ):
        Reading.objects.create(
            dispatch=row, at=event.starts_at + minutes * MINUTE, is_online=online,
            indoor_f=warmth, load=load,
        )  # fmt: skip
    course = intervals.course(event)
    assert [
        ((one.begins_at - event.starts_at) // MINUTE, one.part, one.middle_f, one.running_percent)
        for one in course.items
    ] == [
        (-120, "before", 74.0, 0),
        (0, "during", 75.5, 50),
        (120, "after", 77.0, 100),
        (360, "after", 78.0, None),
    ]
    during = course.items[1]
    assert (during.homes, during.online, during.load) == (1, 1, 0.25)
    assert during.at == event.starts_at + 6 * MINUTE + timedelta(seconds=20)
    quality = course.quality
    assert quality is not None
    assert (quality.sent, quality.read, quality.looks, quality.readings) == (3, 1, 6, 6)
    assert (round(quality.online_percent, 1), round(quality.warmth_percent, 1)) == (83.3, 83.3)
    assert (round(quality.load_percent, 1), quality.gap) == (66.7, "1 h 46 min")


def test_the_page_of_results_marks_the_event_and_says_how_many_were_sampled(
    desk: Client, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = finished(program)
    address = reverse("event_results", args=[event.pk])
    text = " ".join(desk.get(address).content.decode().split())
    assert 'class="event-time"' in text
    assert "Runtime across homes" in text
    assert "sampled" not in text
    # Eight hours lie on the drawing: two before, the event's two, four after.
    assert (">1:00 PM</text>" in text, ">9:00 PM</text>" in text) == (True, True)
    monkeypatch.setattr(sample, "_ALL_UP_TO", 1)
    monkeypatch.setattr(sample, "_SOME", 1)
    text = " ".join(desk.get(address).content.decode().split())
    assert "<dt>Homes sampled</dt><dd>1 of 2</dd>" in text
    assert "1 of 2 homes sampled, spread evenly over the event" in text


def test_nothing_read_is_said(desk: Client, program: Program) -> None:
    event = finished(program)
    Reading.objects.all().delete()
    text = desk.get(reverse("event_results", args=[event.pk])).content.decode()
    assert "No home has been read yet." in text
    assert 'id="quality"' not in text
