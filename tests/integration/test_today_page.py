"""Today: nothing that is being sent or runs may be hidden, and the stop counts all of it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from base import clock
from dr_events import operations
from dr_events.models import Dispatch, Event
from dr_events.queries import limits_left
from dr_events.states import EventState
from enrollments.models import Enrollment, Program
from enrollments.states import EnrollmentState
from people.operations import SYSTEM
from people.states import Role
from tests import cast
from tests.integration.test_console_pages import finished, typed

pytestmark = pytest.mark.django_db
NOW = cast.MORNING + timedelta(hours=6, minutes=30)


@pytest.fixture(autouse=True)
def afternoon(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Half an hour into the event of the cast's day."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return NOW


@pytest.fixture
def desk(client: Client) -> Client:
    client.force_login(cast.operator())
    return client


@pytest.fixture
def program() -> Program:
    made = cast.program(weekdays=list(range(7)), max_per_week=9, max_per_season=100)
    cast.neighborhood(made, 2)
    return made


def drafts(program: Program, number: int, *, state: str = EventState.DRAFT) -> None:
    """Left lying: their start has passed."""
    start = cast.MORNING - timedelta(days=1)
    Event.objects.bulk_create(
        Event(
            program=program,
            name=f"Left lying {one}",
            wire_id=f"left-{state}-{one}",
            state=state,
            starts_at=start,
            ends_at=start + timedelta(hours=1),
            created_by="user:test",
            created_at=start,
        )
        for one in range(number)
    )


def test_drafts_hide_no_running_event_and_not_what_the_stop_would_hold(
    desk: Client, program: Program, django_assert_max_num_queries: Any
) -> None:
    cast.scheduled(program)
    drafts(program, 25)
    with django_assert_max_num_queries(12):
        text = desk.get(reverse("console")).content.decode()
    running = text.split('id="now"')[1].split('id="next"')[0]
    assert "Hot afternoon" in running
    assert "2 are not sent yet" in text
    assert text.count("Left lying") == 10
    assert "More wait: see all events" in text


def test_today_says_of_an_event_that_runs_who_is_left_out_and_why(
    desk: Client, program: Program
) -> None:
    rests = cast.enrolled(program)
    Enrollment.objects.filter(system=rests).update(state=EnrollmentState.PAUSED)
    cast.scheduled(program)
    running = desk.get(reverse("console")).content.decode().split('id="now"')[1]
    assert "<strong>1 left out of the plan:</strong> Enrollment is paused 1</p>" in running
    assert "</svg>Planned 2</span>" in running, "the colors of the bar have their words"


def test_the_stop_counts_every_scheduled_event_and_the_list_says_how_many_more(
    desk: Client, program: Program
) -> None:
    for day in range(1, 24):
        start = cast.MORNING + timedelta(days=day, hours=6)
        cast.scheduled(program, starts_at=start, ends_at=start + timedelta(hours=1))
    text = desk.get(reverse("console")).content.decode()
    assert "46 are not sent yet" in text
    stop, rows = text.split('id="today-now"')
    assert stop.count("2 not sent yet") == 5
    assert "and 18 more" in stop
    assert rows.count("Hot afternoon") == 20
    assert "3 more scheduled" in text


def test_what_waits_for_a_second_person_comes_before_drafts(desk: Client, program: Program) -> None:
    drafts(program, 11)
    drafts(program, 1, state=EventState.SUBMITTED)
    text = desk.get(reverse("console")).content.decode()
    waiting = text.split('id="waiting"')[1]
    assert waiting.index("Waiting for approval") < waiting.index("Draft")


def test_today_asks_for_itself_also_while_there_is_no_event(client: Client) -> None:
    """Or a stop, a worker that died and a colleague's first event would never come to it."""
    client.force_login(cast.operator())
    asks = f'id="today-now" hx-get="{reverse("console_now")}"'
    assert asks in client.get(reverse("console")).content.decode()
    assert asks in client.get(reverse("console_now")).content.decode()
    operations.emergency_stop(why="Smoke", actor=SYSTEM, now=NOW)
    assert (
        "Emergency stop: nothing is being sent"
        in client.get(reverse("console_now")).content.decode()
    )


# --- the stop is in reach, and what is left of the season ---------------------------------------


def test_the_stop_is_in_reach_from_every_page_and_opens_its_form(
    client: Client, program: Program
) -> None:
    event = cast.scheduled(program)
    client.force_login(cast.operator())
    to_stop = '<a class="site-nav-link stop-link" href="/console/?stop#stop">'
    for address in (reverse("event", args=[event.pk]), reverse("console_systems")):
        assert to_stop in client.get(address).content.decode(), address
    page = client.get("/console/?stop").content.decode()
    assert '<details class="stop" id="stop" open>' in page
    assert 'action="/console/stop/"' in page
    assert to_stop not in page, "its own button is there"
    assert '<details class="stop" id="stop">' in client.get("/console/").content.decode()
    client.force_login(cast.operator("vera@utility.example", Role.CUSTOMER_SERVICE))
    assert "stop-link" not in client.get(reverse("console_systems")).content.decode()


def seasons(**fields: Any) -> list[tuple[str, int, bool]]:
    Program.objects.update(**fields)
    found = limits_left.short_seasons(now=NOW)
    return [(one.program.name, one.season.left, one.has_today) for one in found]


def test_today_names_a_season_that_is_nearly_used_up(
    desk: Client, program: Program, django_assert_num_queries: Any
) -> None:
    cast.program("Winter Peak", season_from="12-01", season_to="02-28", max_per_season=1)
    start = cast.MORNING + timedelta(days=1, hours=6)
    tomorrow = cast.scheduled(program, starts_at=start, ends_at=start + timedelta(hours=1))
    Program.objects.filter(name="Winter Peak").update(max_per_season=1)
    with django_assert_num_queries(1):
        assert limits_left.short_seasons(now=NOW) == []
    assert seasons(max_per_season=4) == [("Summer Peak", 3, False)]
    text = " ".join(desk.get(reverse("console")).content.decode().split())
    assert "Left this season" in text
    assert "<dd>3 of 4 events</dd>" in text
    operations.cancel(event_id=tomorrow.pk, actor=SYSTEM, now=NOW)
    assert seasons() == [], "nothing of it had left, so four are left"
    cast.scheduled(program)
    assert seasons(max_per_season=100) == [("Summer Peak", 99, True)]


def test_what_was_called_off_while_it_ran_stays_used(program: Program) -> None:
    event = cast.scheduled(program)
    Dispatch.objects.filter(event=event).update(delivery="CONFIRMED")
    operations.cancel(event_id=event.pk, actor=SYSTEM, now=NOW)
    used = [one.used for one in limits_left.left_of_program(program, at=NOW)]
    assert used == [1, 1, 1]
    assert seasons() == [("Summer Peak", 99, True)]


def test_the_designer_shows_what_is_used(desk: Client, program: Program) -> None:
    cast.scheduled(program)
    sent = typed(program, date="2026-07-15")
    text = desk.post(reverse("event_preview"), sent).content.decode()
    assert "0 of 1 that day<br>1 of 9 that week<br>1 of 100 that season" in text


def test_what_happened_last_is_there_while_nothing_runs(
    desk: Client, django_assert_max_num_queries: Any
) -> None:
    program = cast.program(weekdays=list(range(7)), max_per_week=9, max_per_season=100)
    cast.neighborhood(program, 3)
    assert "Last event" not in desk.get(reverse("console")).content.decode()
    over = finished(program)
    with django_assert_max_num_queries(12):
        text = desk.get(reverse("console")).content.decode()
    last = text[text.index('id="last"') :]
    last = last[: last.index("</section>")]
    assert reverse("event_results", args=[over.pk]) in last
    for name, number in (("Took part", 1), ("Opted out", 1), ("Failed", 1), ("Unreachable", 0)):
        figure = f'<dt class="figure-name">{name}</dt><dd class="figure-value">{number}</dd>'
        assert figure in last, name
    assert "Can be stopped" not in last
    assert 'hx-trigger="every 30s"' in text, "nothing moves any more"
    running = Event.objects.filter(id=over.pk)
    running.update(state=EventState.SCHEDULED, completed_at=None)
    text = desk.get(reverse("console_now")).content.decode()
    assert "Last event" not in text
    assert "Can be stopped" in text
