"""What nobody means to type: days at the ends of the calendar, bytes that are no letters, lists
without commas. A sentence beside the field, nothing kept, and never an error of ours."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from base import clock
from dr_events import operations
from dr_events.dispatch import submit
from dr_events.models import Event
from enrollments.models import Group, Program, Terms
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.integration.test_console_pages import typed

pytestmark = pytest.mark.django_db
ENDS = ("9999-12-31", "0001-01-01")


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)


@pytest.fixture
def desk(client: Client) -> Client:
    client.force_login(cast.operator("petra@utility.example", Role.APPROVER))
    return client


@pytest.fixture
def summer() -> Program:
    made = cast.program()
    cast.neighborhood(made, 1)
    return made


@pytest.mark.parametrize("where", ["event_preview", "event_new"])
@pytest.mark.parametrize("day", ENDS)
def test_an_event_at_the_end_of_the_calendar(
    desk: Client, summer: Program, day: str, where: str
) -> None:
    answer = desk.post(reverse(where), typed(summer, date=day, start="20:00", end="00:00"))
    assert answer.status_code == 200
    assert "Write one from 2000 to 2199." in answer.content.decode()
    assert not Event.objects.exists()


@pytest.mark.parametrize("day", ENDS)
def test_an_activity_log_until_then(desk: Client, day: str) -> None:
    for asked in ({"since": day}, {"until": day}):
        answer = desk.get(reverse("audit"), asked)
        assert "Write one from 2000 to 2199." in answer.content.decode()
        assert desk.get(reverse("audit_csv"), asked).getvalue().count(b"\n") == 1


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({"postal_codes": "62701 62702 62703 62704"}, "62701 62702 62703 62… is too long for one."),
        ({"feeders": "F" * 61}, "is too long for one. Separate them by commas."),
    ],
)
def test_a_list_without_commas(
    desk: Client, summer: Program, rule: dict[str, str], sentence: str
) -> None:
    answer = desk.post(reverse("groups", args=[summer.slug]), {"name": "North"} | rule)
    assert sentence in answer.content.decode()
    assert not Group.objects.exists()


def test_bytes_that_are_no_letters(desk: Client, summer: Program) -> None:
    """PostgreSQL keeps no NUL, and says so loudly."""
    north: dict[str, Any] = {"name": "North", "postal_codes": "6270\0" + "1"}
    desk.post(reverse("groups", args=[summer.slug]), north)
    assert Group.objects.get().postal_codes == ["62701"]
    desk.post(reverse("program_terms", args=[summer.slug]), {"after": "1", "text": "Ag\0ree."})
    assert Terms.objects.latest("version").text == "Agree."


def test_a_reason_that_is_odd_and_long(desk: Client) -> None:
    program, olga = cast.program(needs_approval=True), Actor.person(cast.operator())
    cast.neighborhood(program, 1)
    event = operations.draft(program=program, wish=cast.wish(), actor=olga, now=cast.MORNING)
    submit(event_id=event.pk, actor=olga, now=cast.MORNING)
    reason = {"seen": 2, "reason": "Too\0 hot" + "!" * 10_000}
    assert desk.post(reverse("event_send_back", args=[event.pk]), reason).status_code == 302
    event.refresh_from_db()
    assert (event.state, event.sent_back_reason) == ("DRAFT", "Too hot" + "!" * 193)
