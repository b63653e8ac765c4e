"""The console's pages: who may open them, what they say, and that a refusal moves nothing."""

import csv
import io
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from base import clock
from dr_events import operations
from dr_events.models import Attempt, Control, Dispatch, Event, Reading
from dr_events.states import Delivery, EventState, OptOutVia, Participation
from enrollments.models import CarrierGrant, Program, Terms
from enrollments.states import GrantState
from people.models import User
from people.operations import Actor
from people.states import Role
from tests import cast

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """It is nine in the morning of the cast's day."""
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    return cast.MORNING


@pytest.fixture
def olga() -> User:
    return cast.operator()


@pytest.fixture
def desk(client: Client, olga: User) -> Client:
    client.force_login(olga)
    return client


def typed(program: Program, **fields: str) -> dict[str, str]:
    """What an operator types for 3 to 5 in the afternoon."""
    return {
        "program": program.slug,
        "name": "Hot afternoon",
        "date": "2026-07-14",
        "start": "15:00",
        "end": "17:00",
        "response": "customer",
        "act": "submit",
    } | fields


def finished(program: Program) -> Event:
    """An event at three homes: one took part, one opted out during, one was refused."""
    event = cast.scheduled(program)
    first, second, third = Dispatch.objects.filter(event=event).order_by("system_id")
    released = event.released_at
    assert released is not None
    told = {"sent_at": released, "accepted_at": released + timedelta(seconds=2), "http_status": 200}
    sent = Dispatch.objects.filter(id__in=[first.pk, second.pk])
    sent.update(delivery=Delivery.CONFIRMED, attempts=1, **told)
    Dispatch.objects.filter(id=first.pk).update(participation=Participation.COMPLETED)
    Dispatch.objects.filter(id=second.pk).update(
        participation=Participation.OPTED_OUT_DURING,
        opted_out_at=event.starts_at + timedelta(minutes=20),
    )
    Dispatch.objects.filter(id=third.pk).update(
        delivery=Delivery.REJECTED, trouble="=cmd|' /C calc'!A0", http_status=400
    )
    for row, status in ((first, 200), (second, 200), (third, 400)):
        Attempt.objects.create(
            dispatch=row,
            claim=1,
            method="POST",
            ended_at=timezone.now(),
            elapsed_ms=120,
            outcome="ANSWERED",
            http_status=status,
        )
    for minutes in range(-30, 150, 30):
        for row in (first, second):
            Reading.objects.create(
                dispatch=row,
                at=event.starts_at + timedelta(minutes=minutes),
                is_online=True,
                indoor_f=74 + minutes / 60 + row.pk % 2,
                outdoor_f=97,
                load=0.5,
            )
    Event.objects.filter(id=event.pk).update(state=EventState.COMPLETED, completed_at=event.ends_at)
    return event


@pytest.fixture
def event() -> Event:
    program = cast.program()
    cast.neighborhood(program, 3)
    return finished(program)


def addresses(event: Event) -> list[str]:
    system = Dispatch.objects.filter(event=event).values_list("system_id", flat=True).first()
    return [
        reverse("console"),
        reverse("console_systems"),
        reverse("console_systems") + "?q=24&state=ACTIVE",
        reverse("console_systems") + "?state=RELINK",
        reverse("console_systems") + "?state=OFFLINE",
        reverse("console_systems") + "?state=NONE",
        reverse("console_system", args=[system]),
        reverse("console_programs"),
        reverse("console_program", args=[event.program.slug]),
        reverse("console_events"),
        reverse("event_new"),
        reverse("event_new") + f"?copy={event.pk}",
        reverse("event", args=[event.pk]),
        reverse("event_results", args=[event.pk]),
    ]


def test_every_page_shows_one_heading_and_asks_little_of_the_database(
    desk: Client, event: Event, django_assert_max_num_queries: Any
) -> None:
    live = cast.scheduled(
        event.program,
        starts_at=cast.MORNING + timedelta(days=1, hours=6),
        ends_at=cast.MORNING + timedelta(days=1, hours=8),
    )
    for address in [*addresses(event), reverse("event", args=[live.pk])]:
        with django_assert_max_num_queries(12, info=address):
            answer = desk.get(address)
        text = answer.content.decode()
        assert answer.status_code == 200, address
        assert text.count("<h1") == 1, address
        assert "style=" not in text, address
        assert not re.search(r"\{[{%]", text), address
        assert "savings" not in text.lower(), address


def test_the_board_stays_within_its_queries(
    desk: Client, event: Event, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(9):
        assert desk.get(reverse("event_board", args=[event.pk])).status_code == 286


def test_homeowners_are_turned_away_and_strangers_asked_to_sign_in(
    client: Client, event: Event
) -> None:
    everything = [
        *addresses(event),
        reverse("event_board", args=[event.pk]),
        reverse("event_results_csv", args=[event.pk]),
    ]
    for address in everything:
        assert client.get(address)["Location"].startswith(reverse("account_login")), address
    client.force_login(cast.homeowner())
    assert {client.get(address).status_code for address in everything} == {403}


def test_a_viewer_reads_and_decides_nothing(client: Client, event: Event) -> None:
    client.force_login(cast.operator("vera@utility.example", Role.VIEWER))
    assert client.get(reverse("event", args=[event.pk])).status_code == 200
    posts = [
        reverse("event_new"),
        reverse("event_preview"),
        reverse("event_cancel", args=[event.pk]),
        reverse("event_submit", args=[event.pk]),
        reverse("event_approve", args=[event.pk]),
        reverse("event_send_back", args=[event.pk]),
        reverse("console_stop"),
        reverse("console_release"),
    ]
    assert {client.post(address).status_code for address in posts} == {403}


def test_unknown_things_are_not_found(desk: Client) -> None:
    for name in ("event", "event_board", "event_results", "event_results_csv", "console_system"):
        assert desk.get(reverse(name, args=[999])).status_code == 404
    assert desk.get(reverse("console_program", args=["nowhere"])).status_code == 404


def test_an_empty_console_says_what_to_do_next(desk: Client) -> None:
    assert "There is no program yet" in desk.get(reverse("console")).content.decode()
    assert "There is no program yet" in desk.get(reverse("event_new")).content.decode()
    assert "No program yet" in desk.get(reverse("console_programs")).content.decode()
    assert "No system yet" in desk.get(reverse("console_systems")).content.decode()
    assert "No event yet" in desk.get(reverse("console_events")).content.decode()
    answer = desk.get(reverse("console_systems"), {"q": "nobody"})
    assert "No system matches" in answer.content.decode()


def test_today_names_who_must_connect_again_and_who_is_offline(desk: Client) -> None:
    program = cast.program()
    lost = cast.enrolled(program, "2400W000001", email="lost@home.example")
    cast.enrolled(program, "2400W000002", email="off@home.example", is_online=False)
    CarrierGrant.objects.filter(id=lost.grant_id).update(state=GrantState.NEEDS_RELINK)
    text = desk.get(reverse("console")).content.decode()
    assert "lost@home.example" in text
    assert "off@home.example" in text


def test_systems_page_by_key(desk: Client) -> None:
    program = cast.program()
    systems = cast.neighborhood(program, 53)
    # A system without a name is shown by its serial and must not upset the order.
    type(systems[0]).objects.filter(id=systems[7].pk).update(name="")
    seen: list[str] = []
    address = reverse("console_systems")
    while address:
        text = desk.get(address).content.decode()
        seen += re.findall(r'class="sub mono">(\w+)<', text)
        found = re.search(r'rel="next" href="([^"]+)"', text)
        address = reverse("console_systems") + found[1].replace("&amp;", "&") if found else ""
    assert sorted(seen) == sorted(system.serial for system in systems)


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
    desk.post(reverse("event_submit", args=[event.pk]))
    event.refresh_from_db()
    assert event.state == EventState.SCHEDULED


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
        "Events must lie between 1:00 PM and 9:00 PM in America/Chicago.",
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
        "March 14, 2:30 AM does not exist in America/Chicago: the clock is set forward in that "
        "hour. Choose an earlier or a later time."
    )
    assert not Event.objects.exists()


def test_an_hour_that_exists_twice_is_asked_about(desk: Client) -> None:
    program = all_year()
    cast.neighborhood(program, 1)
    twice = typed(program, date="2026-11-01", start="01:30", end="03:00")
    text = desk.post(reverse("event_new"), twice).content.decode()
    assert error_at(text, "start") == (
        "November 1, 1:30 AM happens twice in America/Chicago: the clock is turned back in that "
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


def test_a_second_person_approves(client: Client, olga: User) -> None:
    program = cast.program(needs_approval=True)
    cast.neighborhood(program, 2)
    author = cast.operator("ada@utility.example", Role.APPROVER)
    client.force_login(author)
    text = client.post(reverse("event_new"), typed(program), follow=True).content.decode()
    event = Event.objects.get()
    assert event.state == EventState.SUBMITTED
    assert "somebody else must approve it" in text
    text = client.post(reverse("event_approve", args=[event.pk]), follow=True).content.decode()
    assert "Somebody else must approve an event you planned." in text
    client.force_login(olga)
    assert client.post(reverse("event_approve", args=[event.pk])).status_code == 403
    client.force_login(cast.operator("paul@utility.example", Role.APPROVER))
    client.post(reverse("event_approve", args=[event.pk]))
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
    text = client.post(back, {"reason": "Too long for a Tuesday."}, follow=True).content.decode()
    assert "Too long for a Tuesday." in text
    event.refresh_from_db()
    assert event.state == EventState.DRAFT


def test_cancel_spares_what_is_not_sent(desk: Client) -> None:
    program = cast.program()
    cast.neighborhood(program, 2)
    event = cast.scheduled(program)
    text = desk.post(reverse("event_cancel", args=[event.pk]), follow=True).content.decode()
    assert "Homes that were spared: 2." in text
    again = desk.post(reverse("event_cancel", args=[event.pk]), follow=True).content.decode()
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
    for slip in ({"why": "Storm"}, {"why": "Storm", "confirm": "stop"}, {"confirm": "STOP"}):
        desk.post(reverse("console_stop"), slip)
        assert not Control.objects.filter(stopped=True).exists()
    stop = {"why": "Storm damage", "confirm": "STOP"}
    text = desk.post(reverse("console_stop"), stop, follow=True).content.decode()
    assert "olga@utility.example" in text
    assert "Storm damage" in text
    assert "Somebody else must release it" in text
    release = {"what": "STOPPED"}
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
    assert "From 2 homes' status readings, 6 looks, at most 30 min apart." in text
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

    for beginning in ("=", "+", "-", "@", "\t", "\r"):
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
