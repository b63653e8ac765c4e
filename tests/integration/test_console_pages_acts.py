"""What an operator may still do: change a draft, send again what failed here, let one home go."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from base import clock
from base.refusal import Refused
from dr_events import operations
from dr_events.models import Control, Dispatch, Event, OptOut
from dr_events.queries import tallies
from dr_events.states import Delivery, EventState, OptOutVia
from enrollments.models import Enrollment, Program
from enrollments.states import EnrollmentState
from people.models import ActivityEntry, User
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.integration.test_console_pages import typed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    return cast.MORNING


@pytest.fixture
def olga() -> User:
    return cast.operator()


@pytest.fixture
def desk(client: Client, olga: User) -> Client:
    client.force_login(olga)
    return client


@pytest.fixture
def program() -> Program:
    made = cast.program()
    cast.neighborhood(made, 3)
    return made


def draft(desk: Client, program: Program) -> Event:
    desk.post(reverse("event_new"), typed(program, act="draft"))
    return Event.objects.get()


def test_a_draft_is_changed_and_handed_on(desk: Client, program: Program) -> None:
    event = draft(desk, program)
    address = reverse("event_edit", args=[event.pk])
    assert 'value="Hot afternoon"' in desk.get(address).content.decode()
    desk.post(address, typed(program, name="Hotter", end="18:00", act="draft", seen="1"))
    event.refresh_from_db()
    assert (event.name, event.version, event.state) == ("Hotter", 2, EventState.DRAFT)
    assert event.ends_at == cast.MORNING + timedelta(hours=9)
    (entry,) = ActivityEntry.objects.filter(verb="revise")
    assert entry.detail["changes"]["name"] == ["Hot afternoon", "Hotter"]
    assert set(entry.detail["changes"]) == {"name", "ends_at"}
    desk.post(address, typed(program, name="Hottest", act="submit", seen="2"))
    event.refresh_from_db()
    assert (event.name, event.state) == ("Hottest", EventState.SCHEDULED)
    assert event.message is not None
    assert b"Hottest" not in bytes(event.message), "the name is the operators' own"
    assert Dispatch.objects.filter(event=event, delivery=Delivery.PLANNED).count() == 3


def test_the_second_of_two_who_change_a_draft_is_told(desk: Client, program: Program) -> None:
    event = draft(desk, program)
    address = reverse("event_edit", args=[event.pk])
    desk.post(address, typed(program, name="First", act="draft", seen="1"))
    for seen in ("1", "x", ""):
        late = typed(program, name="Second", act="submit", seen=seen)
        text = desk.post(address, late).content.decode()
        assert "Somebody changed this draft meanwhile; nothing was saved." in text
        assert 'value="Second"' in text
        assert 'name="seen" value="2"' in text, "saved again, it takes its place"
    event.refresh_from_db()
    assert (event.name, event.state) == ("First", EventState.DRAFT)


def test_a_wrong_change_stands_at_its_field(desk: Client, program: Program) -> None:
    event = draft(desk, program)
    wrong = typed(program, start="11:00", end="14:00", act="draft", seen="1")
    text = desk.post(reverse("event_edit", args=[event.pk]), wrong).content.decode()
    assert "Events must lie between 1:00 PM and 9:00 PM" in text
    event.refresh_from_db()
    assert event.version == 1


def test_whoever_changed_a_draft_cannot_approve_it(client: Client) -> None:
    program = cast.program(needs_approval=True)
    cast.neighborhood(program, 1)
    author, second = cast.operator(), cast.operator("ada@utility.example", Role.APPROVER)
    client.force_login(author)
    event = draft(client, program)
    client.force_login(second)
    sent = typed(program, name="Mine now", act="submit", seen="1")
    client.post(reverse("event_edit", args=[event.pk]), sent)
    with pytest.raises(Refused, match="Somebody else must approve"):
        operations.approve(event_id=event.pk, seen=3, actor=Actor.person(second), now=cast.MORNING)
    event.refresh_from_db()
    assert event.state == EventState.SUBMITTED


def test_only_a_draft_is_changed(desk: Client, program: Program) -> None:
    event = cast.scheduled(program)
    address = reverse("event_edit", args=[event.pk])
    assert desk.get(address)["Location"] == reverse("event", args=[event.pk])
    desk.post(address, typed(program, name="Other", act="draft", seen="1"))
    event.refresh_from_db()
    assert event.name == "Hot afternoon"
    assert desk.get(reverse("event_edit", args=[999])).status_code == 404


# --- sending again -------------------------------------------------------------------------------


def failed(program: Program) -> tuple[Event, list[Dispatch]]:
    """Three homes: a 405, a row set aside, a 400. Their time is free again, as senders leave it."""
    event = cast.scheduled(program)
    rows = list(Dispatch.objects.filter(event=event).order_by("id"))
    values: list[dict[str, Any]] = [
        {"delivery": Delivery.FAILED, "http_status": 405, "trouble": "Carrier answered 405"},
        {"delivery": Delivery.FAILED, "orphaned": 3, "trouble": "Set aside"},
        {"delivery": Delivery.REJECTED, "http_status": 400, "trouble": "Carrier answered 400"},
    ]
    for row, changes in zip(rows, values, strict=True):
        Dispatch.objects.filter(id=row.pk).update(holds_slot=False, attempts=1, **changes)
    return event, rows


def states(rows: list[Dispatch]) -> list[tuple[str, bool]]:
    found = Dispatch.objects.in_bulk([row.pk for row in rows])
    return [(found[row.pk].delivery, found[row.pk].holds_slot) for row in rows]


AS_IT_WAS = [("FAILED", False), ("FAILED", False), ("REJECTED", False)]


def test_what_failed_here_is_planned_again_and_a_400_never(desk: Client, program: Program) -> None:
    event, rows = failed(program)
    text = desk.get(reverse("event", args=[event.pk])).content.decode()
    assert "Send the failed ones again" not in text, "its send time has not come"
    answer = desk.post(reverse("event_resend", args=[event.pk]), follow=True)
    assert "Sent again, to homes: 2." in answer.content.decode()
    assert states(rows) == [("PLANNED", True), ("PLANNED", True), ("REJECTED", False)]
    again = Dispatch.objects.get(id=rows[1].pk)
    assert (again.orphaned, again.trouble, again.http_status) == (0, "", None)
    (entry,) = ActivityEntry.objects.filter(verb="reopen-failed")
    assert entry.detail == {"homes": 2}
    answer = desk.post(reverse("event_resend", args=[event.pk]), follow=True)
    assert "Nothing can be sent again" in answer.content.decode()


def test_whoever_thinks_of_stopping_sees_at_once_what_is_to_be_sent_again(
    desk: Client, program: Program, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures of a large event under way may be seconds old, but not from before this act."""
    monkeypatch.setattr(tallies, "MANY", 1)
    event, _ = failed(program)
    sent = event.send_at
    assert sent is not None
    monkeypatch.setattr(clock, "now", lambda: sent)
    assert operations.keep_tally(now=sent)
    assert "none is waiting to be sent" in desk.get(reverse("console")).content.decode()
    operations.reopen_failed(event_id=event.pk, actor=Actor.person(olga), now=sent)
    assert "2 are not sent yet" in desk.get(reverse("console")).content.decode()


def refused(event: Event, rows: list[Dispatch], by: User, *, at: datetime, says: str) -> None:
    with pytest.raises(Refused, match=says):
        operations.reopen_failed(event_id=event.pk, actor=Actor.person(by), now=at)
    assert states(rows) == AS_IT_WAS
    assert not ActivityEntry.objects.filter(verb="reopen-failed").exists()


def test_nothing_is_sent_again_while_it_may_not_be(program: Program, olga: User) -> None:
    event, rows = failed(program)
    late = event.ends_at - timedelta(minutes=program.min_useful_minutes)
    refused(event, rows, olga, at=late, says="Too little of the event is left")
    vera = cast.operator("vera@utility.example", Role.VIEWER)
    refused(event, rows, vera, at=cast.MORNING, says="Only an operator")
    for held in ({"stopped": True}, {"broken_at": cast.MORNING}, {"restored_at": cast.MORNING}):
        Control.objects.filter(id=1).update(**held)
        refused(event, rows, olga, at=cast.MORNING, says="Sending is held back")
        Control.objects.filter(id=1).update(stopped=False, broken_at=None, restored_at=None)
    Event.objects.filter(id=event.pk).update(state=EventState.CANCELLED)
    refused(event, rows, olga, at=cast.MORNING, says="Only a scheduled event")


@pytest.mark.parametrize(
    "changes",
    [
        {"http_status": 409},  # refused for a reason of its own
        {"http_status": 500},
        {"opted_out_at": cast.MORNING},
        {"accepted_at": cast.MORNING},  # Carrier has it
    ],
)
def test_rows_that_are_not_surely_free_of_it_stay_closed(
    program: Program, olga: User, changes: dict[str, Any]
) -> None:
    event, rows = failed(program)
    Dispatch.objects.filter(id__in=[rows[0].pk, rows[1].pk]).update(**{"orphaned": 0} | changes)
    Dispatch.objects.filter(id=rows[1].pk).update(delivery=Delivery.EXPIRED)
    with pytest.raises(Refused, match="Nothing can be sent again"):
        operations.reopen_failed(event_id=event.pk, actor=Actor.person(olga), now=cast.MORNING)
    assert [state for state, _ in states(rows)] == ["FAILED", "EXPIRED", "REJECTED"]


def test_a_home_that_left_or_is_taken_is_not_sent_to_again(program: Program, olga: User) -> None:
    event, rows = failed(program)
    Enrollment.objects.filter(id=rows[0].enrollment_id).update(state=EnrollmentState.WITHDRAWN)
    other = cast.scheduled(program)  # the same hours: only the freed homes get it
    taken = Dispatch.objects.filter(event=other, delivery=Delivery.PLANNED)
    assert rows[1].system_id in taken.values_list("system_id", flat=True)
    refused(event, rows, olga, at=cast.MORNING, says="Nothing can be sent again")


# --- one home ------------------------------------------------------------------------------------


def test_one_home_is_let_go_by_its_serial(desk: Client, program: Program, olga: User) -> None:
    event = cast.scheduled(program)
    row = Dispatch.objects.filter(event=event).select_related("system").order_by("id")[0]
    address = reverse("event_let_go", args=[event.pk])
    answer = desk.post(address, {"serial": f" {row.system.serial.lower()} "}, follow=True)
    assert "It was not sent there and never will be." in answer.content.decode()
    row.refresh_from_db()
    assert (row.delivery, row.reason) == (Delivery.SKIPPED, "OPTED_OUT")
    said = OptOut.objects.get()
    assert (said.via, said.actor, said.in_time) == (OptOutVia.OPERATOR, f"user:{olga.pk}", True)


def test_a_home_that_has_it_is_told_the_truth(desk: Client, program: Program) -> None:
    event = cast.scheduled(program)
    row = Dispatch.objects.filter(event=event).select_related("system").order_by("id")[0]
    Dispatch.objects.filter(id=row.pk).update(delivery=Delivery.CONFIRMED)
    address = reverse("event_let_go", args=[event.pk])
    answer = desk.post(address, {"serial": row.system.serial}, follow=True)
    assert "only the override at the wall control surely ends it there" in answer.content.decode()
    row.refresh_from_db()
    assert row.delivery == Delivery.CONFIRMED
    assert not OptOut.objects.get().in_time


@pytest.mark.parametrize("serial", ["", "9999W999999", "\0"])
def test_a_serial_that_is_not_in_the_event_moves_nothing(
    desk: Client, program: Program, serial: str
) -> None:
    event = cast.scheduled(program)
    answer = desk.post(reverse("event_let_go", args=[event.pk]), {"serial": serial}, follow=True)
    assert "is in this event" in answer.content.decode()
    assert not OptOut.objects.exists()
    assert Dispatch.objects.filter(event=event, delivery=Delivery.PLANNED).count() == 3


def test_a_viewer_does_none_of_it(client: Client, program: Program) -> None:
    event, rows = failed(program)
    client.force_login(cast.operator("vera@utility.example", Role.VIEWER))
    for name in ("event_edit", "event_resend", "event_let_go"):
        answer = client.post(reverse(name, args=[event.pk]), {"serial": rows[0].system.serial})
        assert answer.status_code == 403, name
    assert states(rows) == AS_IT_WAS
