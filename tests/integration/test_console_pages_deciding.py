"""Approving, cancelling, stopping; results and their CSV."""

import csv
import io

import pytest
from django.test import Client
from django.urls import reverse

from dr_events import operations
from dr_events.models import Control, Dispatch, Event
from dr_events.states import Delivery, EventState, OptOutVia
from people.models import ActivityEntry, User
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.integration.test_console_pages import desk, event, morning, olga, typed

__all__ = ["desk", "event", "morning", "olga"]  # fixtures

pytestmark = pytest.mark.django_db


def test_a_second_person_approves(client: Client, olga: User) -> None:
    program = cast.program(needs_approval=True)
    cast.neighborhood(program, 2)
    author = cast.operator("ada@utility.example", Role.APPROVER)
    client.force_login(author)
    text = client.post(reverse("event_new"), typed(program), follow=True).content.decode()
    event = Event.objects.get()
    assert event.state == EventState.SUBMITTED
    assert "somebody else must approve it" in text
    text = client.post(
        reverse("event_approve", args=[event.pk]), {"seen": 2}, follow=True
    ).content.decode()
    assert "Somebody else must approve an event you planned." in text
    client.force_login(olga)
    assert client.post(reverse("event_approve", args=[event.pk])).status_code == 403
    client.force_login(cast.operator("paul@utility.example", Role.APPROVER))
    board = client.get(reverse("event", args=[event.pk])).content.decode()
    worth = "0.3\N{NO-BREAK SPACE}kW to 0.7\N{NO-BREAK SPACE}kW</strong> less while it lasts"
    assert worth in board, "what the planner saw, whoever approves sees"
    assert "0 of 15 that season" in board
    client.post(reverse("event_approve", args=[event.pk]), {"seen": 2})
    event.refresh_from_db()
    assert event.state == EventState.SCHEDULED
    assert Dispatch.objects.filter(event=event).count() == 2


def test_sending_back_takes_a_reason(client: Client, olga: User) -> None:
    program = cast.program(needs_approval=True)
    cast.neighborhood(program, 1)
    client.force_login(olga)
    client.post(reverse("event_new"), typed(program))
    event = Event.objects.get()
    client.force_login(cast.operator("paul@utility.example", Role.APPROVER))
    back = reverse("event_send_back", args=[event.pk])
    assert "Say why" in client.post(back, follow=True).content.decode()
    text = client.post(
        back, {"reason": "Too long for a Tuesday.", "seen": 2}, follow=True
    ).content.decode()
    assert "Too long for a Tuesday." in text
    event.refresh_from_db()
    assert event.state == EventState.DRAFT


def test_nobody_decides_about_an_event_they_have_not_seen(client: Client, olga: User) -> None:
    """The page is open; meanwhile the event is sent back, changed and handed on again."""
    program = cast.program(needs_approval=True)
    cast.neighborhood(program, 1)
    client.force_login(olga)
    client.post(reverse("event_new"), typed(program))
    event = Event.objects.get()
    paul = cast.operator("paul@utility.example", Role.APPROVER)
    client.force_login(paul)
    page = reverse("event", args=[event.pk])
    assert client.get(page).content.decode().count('name="seen" value="2"') == 2
    client.post(reverse("event_send_back", args=[event.pk]), {"reason": "Shorter.", "seen": 2})
    client.force_login(olga)
    client.post(reverse("event_edit", args=[event.pk]), typed(program, end="18:00", seen="2"))
    entries = ActivityEntry.objects.count()
    client.force_login(paul)
    for name in ("event_approve", "event_send_back"):
        old = {"seen": "2", "reason": "No."}
        text = client.post(reverse(name, args=[event.pk]), old, follow=True).content.decode()
        assert "This event was changed meanwhile; nothing was decided." in text
    event.refresh_from_db()
    assert (event.state, event.version) == (EventState.SUBMITTED, 4)
    assert Dispatch.objects.count() == 0
    assert ActivityEntry.objects.count() == entries
    client.post(reverse("event_approve", args=[event.pk]), {"seen": "4"})
    event.refresh_from_db()
    assert event.state == EventState.SCHEDULED


def test_cancel_spares_what_is_not_sent(desk: Client) -> None:
    program = cast.program()
    cast.neighborhood(program, 2)
    event = cast.scheduled(program)
    address, named = reverse("event_cancel", args=[event.pk]), {"confirm": "Hot afternoon"}
    text = desk.post(address, named, follow=True).content.decode()
    assert "Homes that were spared: 2." in text
    again = desk.post(address, named, follow=True).content.decode()
    assert "already" in again
    assert desk.get(reverse("event_board", args=[event.pk])).status_code == 286


def test_a_live_board_keeps_asking(desk: Client) -> None:
    program = cast.program()
    cast.neighborhood(program, 1)
    event = cast.scheduled(program)
    answer = desk.get(reverse("event_board", args=[event.pk]))
    assert answer.status_code == 200
    assert 'hx-trigger="every 2s"' in answer.content.decode()


def test_the_emergency_stop_is_typed_and_released_by_somebody_else(
    desk: Client, client: Client
) -> None:
    for slip in ({"why": "Storm"}, {"why": "Storm", "confirm": "sto"}, {"confirm": "STOP"}):
        desk.post(reverse("console_stop"), slip)
        assert not Control.objects.filter(stopped=True).exists()
    stop = {"why": "Storm damage", "confirm": "STOP"}
    text = desk.post(reverse("console_stop"), stop, follow=True).content.decode()
    assert "olga@utility.example" in text
    assert "Storm damage" in text
    assert "Somebody else must release it" in text
    release = {"what": "STOPPED", "seen": cast.MORNING.isoformat()}
    text = desk.post(reverse("console_release"), release, follow=True).content.decode()
    assert "Somebody else must release a stop you made." in text
    assert Control.objects.filter(stopped=True).exists()
    client.force_login(cast.operator("omar@utility.example"))
    client.post(reverse("console_release"), release)
    assert not Control.objects.filter(stopped=True).exists()


def test_results_say_where_figures_come_from(desk: Client, event: Event) -> None:
    text = desk.get(reverse("event_results", args=[event.pk])).content.decode()
    # The event waited for its send time, so the clock runs from the first request.
    assert "Half of the homes (p50), after the first request" in text
    assert "2.0 s" in text
    assert "<dt>Homes that got the event</dt><dd>2</dd>" in text
    assert "<dt>Readings, at 6 looks</dt><dd>12</dd>" in text
    assert "<dt>Longest time between two looks while it ran</dt><dd>30 min</dd>" in text
    assert "From the homes' status at Carrier" in text
    assert "From Carrier's event list" in text
    assert "<title" in text
    assert "<polyline" in text
    assert "Rejected by Carrier" in text


def test_the_csv_is_defused_and_in_utc(desk: Client, event: Event) -> None:
    answer = desk.get(reverse("event_results_csv", args=[event.pk]))
    assert answer.streaming
    text = answer.getvalue().decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 3
    assert {row["http_status"] for row in rows} == {"200", "400"}
    refused = next(row for row in rows if row["http_status"] == "400")
    assert refused["trouble"] == "'=cmd|' /C calc'!A0"
    said_no = next(row for row in rows if row["opted_out_at_utc"])
    assert said_no["opted_out_at_utc"] == "2026-07-14T20:20:00Z"
    assert said_no["participation"] == "Opted out during"


def test_every_active_beginning_is_defused() -> None:
    from base.spreadsheet import defused

    for beginning in ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"):
        assert defused(f"{beginning}1") == f"'{beginning}1"
    assert defused("plain") == "plain"
    assert defused(-1) == -1


def test_the_tally_adds_up() -> None:
    from dr_events.queries.pages import tally

    program = cast.program()
    cast.neighborhood(program, 4)
    event = cast.scheduled(program)
    rows = list(Dispatch.objects.filter(event=event).order_by("id"))
    operations.opt_out(
        dispatch_id=rows[0].pk, via=OptOutVia.HOME_PAGE, actor=Actor("user:1"), now=cast.MORNING
    )
    Dispatch.objects.filter(id=rows[1].pk).update(
        delivery=Delivery.WITHHELD, reason="CONTROL_GROUP"
    )
    counted = tally(event.pk)
    assert counted.targeted == 3
    assert counted.left_out == {"CONTROL_GROUP": 1}
    assert counted.can_stop == 2
    assert counted.opted_out == 1
    assert sum(counted.delivery.values()) == sum(counted.participation.values()) == 3
