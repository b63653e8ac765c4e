"""The designer: planning, refusals at their fields, the preview."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from dr_events import operations
from dr_events.models import Dispatch, Event
from dr_events.states import Delivery, EventState
from enrollments.models import Program, Terms
from people.operations import Actor
from tests import cast
from tests.integration.test_console_pages import desk, event, morning, olga, typed

__all__ = ["desk", "event", "morning", "olga"]  # fixtures

pytestmark = pytest.mark.django_db


def test_submit_schedules_and_freezes_one_row_a_system(desk: Client) -> None:
    program = cast.program()
    cast.neighborhood(program, 3)
    answer = desk.post(reverse("event_new"), typed(program), follow=True)
    event = Event.objects.get()
    assert event.state == EventState.SCHEDULED
    assert event.starts_at == cast.MORNING + timedelta(hours=6)
    assert Dispatch.objects.filter(event=event, delivery=Delivery.PLANNED).count() == 3
    text = answer.content.decode()
    assert "3 of 3 can still be stopped" in text
    assert "Tue Jul 14, 3:00 PM to 5:00 PM CDT" in text
    assert "Tue Jul 14, 8:00 PM to 10:00 PM UTC" in text


def test_a_draft_is_kept_and_submitted_later(desk: Client) -> None:
    program = cast.program()
    cast.neighborhood(program, 1)
    desk.post(reverse("event_new"), typed(program, act="draft"))
    event = Event.objects.get()
    assert event.state == EventState.DRAFT
    desk.post(reverse("event_submit", args=[event.pk]), {"seen": 1})
    event.refresh_from_db()
    assert event.state == EventState.SCHEDULED


def test_a_form_hands_on_what_it_saved_and_nothing_somebody_else_changed(desk: Client) -> None:
    """Paul changes Olga's draft; she goes back to the form it came from and presses Schedule."""
    program = cast.program()
    cast.neighborhood(program, 1)
    desk.post(reverse("event_new"), typed(program, act="draft"))
    draft = Event.objects.get()
    operations.revise(
        event_id=draft.pk, seen=1, program=program, wish=cast.wish(note="One degree"),
        actor=Actor.person(cast.operator("paul@utility.example")), now=cast.MORNING,
    )  # fmt: skip
    text = desk.post(reverse("event_new"), typed(program)).content.decode()
    assert "Somebody changed this draft meanwhile; nothing was handed on." in text
    draft = Event.objects.get()
    assert (draft.state, draft.note) == (EventState.DRAFT, "One degree")
    assert not Dispatch.objects.exists()


def test_the_same_form_pressed_twice_is_one_event(desk: Client) -> None:
    program = cast.program()
    cast.neighborhood(program, 2)
    first = desk.post(reverse("event_new"), typed(program))
    again = desk.post(reverse("event_new"), typed(program))
    assert first["Location"] == again["Location"]
    assert Event.objects.count() == 1


REFUSALS = [
    ({"date": "2026-07-13"}, "start", "The start is in the past."),
    (
        {"start": "09:30", "end": "11:00"},
        "start",
        "The program promises 1 h of notice; the earliest start is July 14, 10:00 AM CDT.",
    ),
    ({"end": "15:00"}, "end", "The end must be after the start."),
    ({"date": "2026-11-03"}, "date", "November 3 is outside the season (06-01 to 09-30)."),
    ({"date": "2026-07-18"}, "date", "The program has no events on a Saturday."),
    (
        {"start": "11:00", "end": "14:00"},
        "start",
        "Events must lie between 1:00 PM and 9:00 PM, Chicago time.",
    ),
    (
        {"start": "13:00", "end": "18:00"},
        "end",
        "An event may last 4 h at most; this one lasts 5 h.",
    ),
    (
        {"response": "offset", "offset_f": "6"},
        "offset_f",
        "The offset must be between 1 and 4 °F.",
    ),
    (
        {"response": "absolute", "cool_f": "88", "heat_f": "62"},
        "cool_f",
        "The cooling setpoint must be given and at most 82 °F.",
    ),
    (
        {"response": "absolute", "cool_f": "78"},
        "heat_f",
        "The heating setpoint must be given and at least 62 °F.",
    ),
    (
        {"control_percent": "80"},
        "control_percent",
        "Ensure this value is less than or equal to 50.",
    ),
    (
        {"program": "nowhere"},
        "program",
        "Select a valid choice. nowhere is not one of the available choices.",
    ),
    ({"date": ""}, "date", "This field is required."),
]


def error_at(text: str, field: str) -> str:
    found = re.search(rf'id="error-{field}"[^>]*>(.*?)</div>', text, re.DOTALL)
    text = re.sub(r"<[^>]+>", "", found[1]).strip() if found else ""
    return text.replace(".0 °F", " °F")


@pytest.mark.parametrize(("change", "field", "sentence"), REFUSALS)
def test_a_refusal_stands_at_its_field_and_nothing_moves(
    desk: Client, change: dict[str, str], field: str, sentence: str
) -> None:
    program = cast.program()
    cast.neighborhood(program, 1)
    text = desk.post(reverse("event_new"), typed(program) | change).content.decode()
    assert sentence in error_at(text, field)
    assert 'value="Hot afternoon"' in text
    assert not Event.objects.exists()


def test_a_program_without_terms_plans_nothing(desk: Client) -> None:
    program = cast.program()
    Terms.objects.all().delete()
    text = desk.post(reverse("event_new"), typed(program)).content.decode()
    assert "This program has no published terms" in error_at(text, "program")
    assert not Event.objects.exists()


def all_year(**fields: Any) -> Program:
    return cast.program(
        season_from="01-01",
        season_to="12-31",
        hours_from="00:00",
        hours_to="00:00",
        weekdays=list(range(7)),
        **fields,
    )


def test_an_hour_that_does_not_exist_is_refused(desk: Client) -> None:
    program = all_year()
    gap = typed(program, date="2027-03-14", start="02:30", end="04:00")
    text = desk.post(reverse("event_new"), gap).content.decode()
    assert error_at(text, "start") == (
        "March 14, 2:30 AM does not exist in Chicago time: the clock is set forward in that "
        "hour. Choose an earlier or a later time."
    )
    assert not Event.objects.exists()


def test_an_hour_that_exists_twice_is_asked_about(desk: Client) -> None:
    program = all_year()
    cast.neighborhood(program, 1)
    twice = typed(program, date="2026-11-01", start="01:30", end="03:00")
    text = desk.post(reverse("event_new"), twice).content.decode()
    assert error_at(text, "start") == (
        "November 1, 1:30 AM happens twice in Chicago time: the clock is turned back in that "
        "hour. Say whether you mean the first or the second."
    )
    assert 'name="fold"' in text
    assert not Event.objects.exists()
    desk.post(reverse("event_new"), twice | {"fold": "second"})
    assert f"{Event.objects.get().starts_at:%H:%M}" == "07:30"


def test_midnight_is_the_end_of_the_day(desk: Client) -> None:
    program = all_year()
    cast.neighborhood(program, 1)
    desk.post(reverse("event_new"), typed(program, start="22:00", end="00:00"))
    assert Event.objects.get().ends_at - Event.objects.get().starts_at == timedelta(hours=2)


def test_an_empty_target_keeps_the_draft_and_what_was_typed(desk: Client) -> None:
    program = cast.program()
    text = desk.post(reverse("event_new"), typed(program)).content.decode()
    assert "Nobody would get this event: no enrolled system is free and within its limits." in text
    assert "kept as a draft" in text
    assert 'value="Hot afternoon"' in text
    assert Event.objects.get().state == EventState.DRAFT
    assert not Dispatch.objects.exists()
    desk.post(reverse("event_new"), typed(program))
    assert Event.objects.count() == 1


def test_the_preview_counts_and_names_who_is_left_out(desk: Client) -> None:
    program = cast.program(min_rest_minutes=0, max_per_day=5)
    cast.neighborhood(program, 2)
    cast.scheduled(program)
    cast.enrolled(program, "2500W000001", is_online=False)
    text = desk.post(reverse("event_preview"), typed(program)).content.decode()
    assert '<span class="figure-value">1</span>' in text
    assert "of 3 enrolled systems would get it" in text
    assert "Another event covers this time" in text
    assert "1 of them was offline" in text
    assert "Tue Jul 14, 8:00 PM to 10:00 PM UTC" in text
    assert Event.objects.count() == 1


def test_the_preview_puts_problems_at_their_fields_and_forgives_blanks(desk: Client) -> None:
    program = cast.program()
    blank = desk.post(reverse("event_preview"), typed(program, name="", start="")).content.decode()
    assert "This field is required" not in blank
    assert "Choose a program, a date, a start and an end" in blank
    wrong = desk.post(reverse("event_preview"), typed(program, date="2026-07-13")).content.decode()
    assert "The start is in the past." in error_at(wrong, "start")
    assert 'hx-swap-oob="true"' in wrong


def test_the_preview_button_works_without_scripts(desk: Client) -> None:
    program = cast.program()
    cast.neighborhood(program, 2)
    text = desk.post(reverse("event_new"), typed(program, act="preview")).content.decode()
    assert "<h1>Plan an event</h1>" in text
    assert "of 2 enrolled systems would get it" in text
    assert not Event.objects.exists()
