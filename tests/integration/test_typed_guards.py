"""A slip of the hand stops nothing; a stale form and a button pressed twice change nothing."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from base.refusal import Refused
from dr_events import dispatch, operations
from dr_events.models import Control, Dispatch, Event
from dr_events.queries import seasons
from dr_events.rules.credit import Basis, Credit, mark
from dr_events.states import Delivery, EventState
from people.models import ActivityEntry, User
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.integration.test_console_pages import desk, morning, olga, typed

__all__ = ["desk", "morning", "olga"]  # fixtures

pytestmark = pytest.mark.django_db
PAUL = Actor("user:paul", User(role=Role.APPROVER))


def verbs() -> list[str]:
    return list(ActivityEntry.objects.order_by("id").values_list("verb", flat=True))


def cancel(desk: Client, event: Event, **sent: str) -> str:
    address = reverse("event_cancel", args=[event.pk])
    return desk.post(address, sent, follow=True).content.decode()


@pytest.mark.parametrize("slip", [{}, {"confirm": ""}, {"confirm": "Hot"}, {"confirm": "cancel"}])
def test_an_event_is_cancelled_by_its_name_and_by_nothing_else(
    desk: Client, slip: dict[str, str]
) -> None:
    program = cast.program()
    cast.neighborhood(program, 2)
    event = cast.scheduled(program)
    before = verbs()
    text = cancel(desk, event, **slip)
    assert "Nothing was cancelled: type the name of the event, Hot afternoon." in text
    assert '<details class="panel fold danger" open>' in text
    assert f'value="{slip.get("confirm", "")}"' in text
    event.refresh_from_db()
    assert event.state == EventState.SCHEDULED
    assert set(Dispatch.objects.values_list("delivery", flat=True)) == {Delivery.PLANNED}
    assert verbs() == before
    assert "Homes that were spared: 2." in cancel(desk, event, confirm="  hot AFTERNOON ")
    assert "This event is cancelled already." in cancel(desk, event, confirm="Hot afternoon")
    assert verbs() == [*before, "cancel"]


def test_a_draft_goes_with_one_press_and_what_it_became_does_not(desk: Client) -> None:
    """The page showed a draft; meanwhile somebody handed it on."""
    program = cast.program()
    cast.neighborhood(program, 1)
    event = operations.draft(program=program, wish=cast.wish(), actor=PAUL, now=cast.MORNING)
    other = operations.draft(program=program, wish=cast.wish(), actor=PAUL, now=cast.MORNING)
    assert 'name="confirm"' not in desk.get(reverse("event", args=[event.pk])).content.decode()
    dispatch.submit(event_id=event.pk, actor=PAUL, now=cast.MORNING)
    assert "Nothing was cancelled: type the name" in cancel(desk, event)
    event.refresh_from_db()
    assert event.state == EventState.SCHEDULED
    cancel(desk, other)
    other.refresh_from_db()
    assert other.state == EventState.CANCELLED


def test_the_stop_names_what_it_stops_and_keeps_what_was_typed(desk: Client) -> None:
    program = cast.program()
    cast.neighborhood(program, 3)
    cast.scheduled(program)
    page = " ".join(desk.get("/console/?stop").content.decode().split())
    assert "<strong>Hot afternoon</strong> <span" in page
    assert "3 not sent yet" in page
    sent = {"why": "Tree on the feeder", "confirm": "sto", "cancel_events": "on"}
    text = desk.post(reverse("console_stop"), sent).content.decode()
    assert "Nothing was stopped: type STOP to confirm." in text
    assert 'value="Tree on the feeder"' in text
    assert 'id="stop" open' in text
    assert (
        'name="cancel_events" aria-describedby="error-cancel_events" id="id_cancel_events" check'
        in text
    )
    assert not Control.objects.filter(stopped=True).exists()
    assert Event.objects.get().state == EventState.SCHEDULED
    missing = desk.post(reverse("console_stop"), {"confirm": "STOP"}).content.decode()
    assert "Say why, others will ask." in missing
    desk.post(reverse("console_stop"), {"why": "Tree", "confirm": " stop "})
    assert Control.objects.get().why == "Tree"


def test_a_second_stop_leaves_the_first_with_who_made_it(desk: Client, olga: User) -> None:
    stop = {"why": "Storm", "confirm": "STOP"}
    desk.post(reverse("console_stop"), stop)
    again = desk.post(reverse("console_stop"), stop | {"why": "Again"}, follow=True)
    assert "It was stopped already" in again.content.decode()
    omar = Actor.person(cast.operator("omar@utility.example"))
    assert not operations.emergency_stop(why="Me too", actor=omar, now=cast.MORNING)
    control = Control.objects.get()
    assert (control.why, control.stopped_by) == ("Storm", Actor.person(olga).name)
    assert verbs() == ["emergency-stop"]


@pytest.mark.parametrize("what", ["STOPPED", "BROKEN", "RESTORED"])
def test_nobody_lets_go_of_a_hold_they_have_not_seen(desk: Client, what: str) -> None:
    at, field = cast.MORNING, {"STOPPED": "stopped", "BROKEN": "broken", "RESTORED": "restored"}
    values: dict[str, Any] = {f"{field[what]}_at": at}
    values |= {"stopped": True, "stopped_by": "user:paul"} if what == "STOPPED" else {}
    Control.objects.update_or_create(id=1, defaults=values)
    address, old = reverse("console_release"), at - timedelta(hours=1)
    text = desk.post(address, {"what": what, "seen": old.isoformat()}, follow=True)
    assert "Nothing was released: what you saw had ended" in text.content.decode()
    assert Control.objects.filter(**values).exists()
    assert verbs() == []
    assert f'name="seen" value="{at.isoformat()}"' in text.content.decode()
    desk.post(address, {"what": what, "seen": at.isoformat()})
    assert not Control.objects.filter(**values).exists()


def test_a_draft_that_was_changed_meanwhile_is_not_handed_on_unseen(desk: Client) -> None:
    program = cast.program()
    cast.neighborhood(program, 1)
    event = operations.draft(program=program, wish=cast.wish(), actor=PAUL, now=cast.MORNING)
    page = desk.get(reverse("event", args=[event.pk])).content.decode()
    assert 'name="seen" value="1"' in page
    stronger = cast.wish(response="offset", offset_f=4)
    operations.revise(
        event_id=event.pk, seen=1, program=program, wish=stronger, actor=PAUL, now=cast.MORNING
    )
    address = reverse("event_submit", args=[event.pk])
    text = desk.post(address, {"seen": 1}, follow=True).content.decode()
    assert "Somebody changed this draft meanwhile; nothing was handed on." in text
    assert Event.objects.get().state == EventState.DRAFT
    assert not Dispatch.objects.exists()
    desk.post(address, {"seen": 2})
    event.refresh_from_db()
    assert event.state == EventState.SCHEDULED
    assert event.message is not None
    assert b'"offset":4' in bytes(event.message).replace(b" ", b"")


def test_a_changed_draft_saved_twice_is_one_change(desk: Client) -> None:
    program = cast.program()
    event = operations.draft(program=program, wish=cast.wish(), actor=PAUL, now=cast.MORNING)
    sent = typed(program, act="draft", end="18:00", seen="1")
    for _ in range(2):
        answer = desk.post(reverse("event_edit", args=[event.pk]), sent)
        assert answer["Location"] == reverse("event", args=[event.pk])
    event.refresh_from_db()
    assert event.version == 2
    assert verbs() == ["draft", "revise"]


def test_of_two_rules_typed_at_once_the_second_is_told_and_loses_nothing(
    client: Client, morning: datetime
) -> None:
    program = cast.program()
    client.force_login(cast.operator("petra@utility.example", Role.APPROVER))
    address = reverse("season", args=[program.slug])
    mine = {"basis": "HOURS", "threshold": "70", "season": "30", "event": "0", "seen": "none"}
    theirs = Credit(Basis.EVENTS, 65, 2000, 150)
    operations.set_credit(slug=program.slug, credit=theirs, actor=PAUL, now=morning)
    text = client.post(address, mine).content.decode()
    assert "Somebody changed this rule while you were typing" in text
    assert 'value="70"' in text
    assert seasons.credit_of(program) == theirs
    assert verbs() == ["set-credit"]
    assert f'name="seen" value="{mark(theirs)}"' in text, "saved again, it takes their place"
    for _ in range(2):
        client.post(address, mine | {"seen": mark(theirs)})
    assert seasons.credit_of(program) == Credit(Basis.HOURS, 70, 3000, 0)
    assert verbs() == ["set-credit", "set-credit"]


def test_a_program_saved_twice_is_one_change(morning: datetime) -> None:
    program = cast.program()
    seen = operations.mark(program)
    changed = [
        operations.change_program(
            slug=program.slug, seen=seen, values={"max_per_week": 2}, actor=PAUL, now=morning
        )
        for _ in range(2)
    ]
    assert changed == [["max_per_week"], []]
    with pytest.raises(Refused, match="Somebody changed this program"):
        operations.change_program(
            slug=program.slug, seen=seen, values={"max_per_week": 1}, actor=PAUL, now=morning
        )
    assert verbs() == ["change-program"]


def test_terms_published_twice_are_one_version(morning: datetime) -> None:
    program = cast.program()
    sent: dict[str, Any] = {"slug": program.slug, "text": "New words.", "after": 1}
    operations.publish_terms(**sent, actor=PAUL, now=morning)
    with pytest.raises(Refused, match="published already"):
        operations.publish_terms(**sent, actor=PAUL, now=morning)
    assert program.terms.count() == 2


def test_a_decision_pressed_twice_is_one_decision(client: Client, morning: datetime) -> None:
    program = cast.program(needs_approval=True)
    cast.neighborhood(program, 1)
    event = operations.draft(program=program, wish=cast.wish(), actor=PAUL, now=morning)
    dispatch.submit(event_id=event.pk, actor=PAUL, now=morning)
    client.force_login(cast.operator("petra@utility.example", Role.APPROVER))
    pages = [
        client.post(reverse(name, args=[event.pk]), sent, follow=True).content.decode()
        for name, sent in (
            ("event_send_back", {"seen": 2, "reason": "Shorter."}),
            ("event_send_back", {"seen": 2, "reason": "Shorter."}),
            ("event_submit", {"seen": 2}),
            ("event_submit", {"seen": 2}),
        )
    ]
    assert "Sent back with your reason." in pages[0]
    assert "This event is draft already; nothing was changed." in pages[1]
    assert "This event is waiting for approval already; nothing was changed." in pages[3]
    event.refresh_from_db()
    assert (event.state, event.version) == (EventState.SUBMITTED, 3)
    dana = Actor.person(cast.operator("dana@utility.example", Role.APPROVER))
    operations.approve(event_id=event.pk, seen=3, actor=dana, now=morning)
    with pytest.raises(Refused, match="This event is scheduled already"):
        operations.approve(event_id=event.pk, seen=3, actor=dana, now=morning)
    assert Dispatch.objects.filter(event=event).count() == 1
    assert verbs() == ["draft", "submit", "send-back", "submit", "schedule"]
