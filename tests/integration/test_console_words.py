"""Small sentences of the console that have to be true."""

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from base import clock
from dr_events.models import Event
from dr_events.states import EventState
from enrollments.models import CarrierGrant, Program
from people.states import Role
from tests import cast
from tests.integration.test_console_pages import desk, morning, olga, typed

__all__ = ["desk", "morning", "olga"]  # fixtures

pytestmark = pytest.mark.django_db


@pytest.fixture
def program() -> Program:
    made = cast.program()
    cast.neighborhood(made, 3)
    return made


def draft(desk: Client, program: Program) -> Event:
    desk.post(reverse("event_new"), typed(program, act="draft"))
    return Event.objects.get()


@pytest.mark.parametrize(
    ("needs_approval", "sentence", "state"),
    [
        (False, "Scheduled: the list of homes is fixed.", EventState.SCHEDULED),
        (True, "Submitted. A second person must approve it.", EventState.SUBMITTED),
    ],
)
def test_handing_on_says_what_became_of_it(
    desk: Client, program: Program, needs_approval: bool, sentence: str, state: EventState
) -> None:
    Program.objects.update(needs_approval=needs_approval)
    event = draft(desk, program)
    answer = desk.post(reverse("event_submit", args=[event.pk]), {"seen": 1}, follow=True)
    assert sentence in answer.content.decode()
    event.refresh_from_db()
    assert event.state == state


def test_with_a_control_group_the_designer_says_about(desk: Client, program: Program) -> None:
    address = reverse("event_preview")
    plain = desk.post(address, typed(program)).content.decode()
    assert '<span class="figure-value">3</span>' in plain
    drawn = desk.post(address, typed(program, control_percent="20")).content.decode()
    assert '<span class="figure-value">about ' in drawn
    assert "about 20 % get nothing, for comparison" in drawn


def test_each_reason_not_to_ask_carrier_is_said_once(desk: Client, program: Program) -> None:
    """The first document can be asked for and another cannot: the reason is said all the same."""
    system = program.enrollments.earliest("id").system
    scopes = [scope for scope in system.grant.scopes if scope != "Read-Equip"]
    CarrierGrant.objects.filter(id=system.grant_id).update(scopes=scopes)
    text = desk.get(reverse("console_system", args=[system.pk])).content.decode()
    assert text.count("does not cover this (Read-Equip).") == 1


def test_a_copy_of_an_event_that_is_over_gets_another_date(
    desk: Client, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = cast.scheduled(program)
    address = reverse("event_new") + f"?copy={event.pk}"
    assert desk.get(address).context["form"]["date"].value().isoformat() == "2026-07-14"
    later = event.starts_at + timedelta(days=3)  # a Friday, 3 in the afternoon
    monkeypatch.setattr(clock, "now", lambda: later)
    form = desk.get(address).context["form"]
    assert form["date"].value().isoformat() == "2026-07-17"
    assert form["start"].value().isoformat() == "15:00:00"
    assert form["name"].value() == "Hot afternoon"


def test_a_change_that_may_touch_more_than_is_listed_says_so(
    client: Client, program: Program, morning: datetime
) -> None:
    client.force_login(cast.operator("petra@utility.example", Role.APPROVER))
    start = morning + timedelta(hours=6)
    Event.objects.bulk_create(
        Event(
            program=program,
            name=f"Planned {number}",
            wire_id=f"planned-{number}",
            state=EventState.SUBMITTED,
            starts_at=start,
            ends_at=start + timedelta(hours=1),
            created_by="user:test",
            created_at=morning,
        )
        for number in range(52)
    )
    # Typed as the form shows it, but for one limit.
    page = client.get(reverse("program_edit", args=[program.slug]))
    form = page.context["form"]
    values = {field.html_name: field.value() for field in form if field.value() is not None}
    values |= {"weekdays": program.weekdays, "holidays": "", "min_rest_minutes": "2000"}
    touched = reverse("program_touches", args=[program.slug])
    text = client.post(touched, values).content.decode()
    assert text.count("Planned ") == 50
    assert "2 later ones are not listed here." in text


def test_the_board_tells_of_sending_and_stopping_only_while_there_is_some(
    desk: Client, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = cast.scheduled(program)
    board = reverse("event", args=[event.pk])
    stoppable, bar = "3 of 3 can still be stopped.", 'id="sent-bar"'
    before = desk.get(board).content.decode()
    assert stoppable in before
    assert bar not in before, "no home is done before the first request"
    monkeypatch.setattr(clock, "now", lambda: event.starts_at)
    during = desk.get(board).content.decode()
    assert stoppable in during
    assert bar in during
    desk.post(reverse("event_cancel", args=[event.pk]), {"confirm": event.name})
    after = desk.get(board).content.decode()
    assert "Cancelled before sending" in after
    assert "can still be stopped" not in after
    assert bar not in after
