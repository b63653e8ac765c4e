"""Today: nothing that is being sent or runs may be hidden, and the stop counts all of it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from base import clock
from dr_events.models import Event
from dr_events.states import EventState
from enrollments.models import Program
from tests import cast

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


def test_the_stop_counts_every_scheduled_event_and_the_list_says_how_many_more(
    desk: Client, program: Program
) -> None:
    for day in range(1, 24):
        start = cast.MORNING + timedelta(days=day, hours=6)
        cast.scheduled(program, starts_at=start, ends_at=start + timedelta(hours=1))
    text = desk.get(reverse("console")).content.decode()
    assert "46 are not sent yet" in text
    assert text.count("Hot afternoon") == 20
    assert "3 more scheduled" in text


def test_what_waits_for_a_second_person_comes_before_drafts(desk: Client, program: Program) -> None:
    drafts(program, 11)
    drafts(program, 1, state=EventState.SUBMITTED)
    text = desk.get(reverse("console")).content.decode()
    waiting = text.split('id="waiting"')[1]
    assert waiting.index("Waiting for approval") < waiting.index("Draft")
