"""The console's pages: who may open them, what they say, and that a refusal moves nothing."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from base import clock
from dr_events.models import Attempt, Dispatch, Event, Reading
from dr_events.states import Delivery, EventState, Participation
from enrollments.models import CarrierGrant, Program
from enrollments.states import GrantState
from people.models import User
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
    new = cast.enrolled(program, "2400W000003", email="new@home.example", is_online=False)
    cast.enrolled(program, "2400W000004", email="on@home.example")
    type(new).objects.filter(id=new.pk).update(read_at=None)
    CarrierGrant.objects.filter(id=lost.grant_id).update(state=GrantState.NEEDS_RELINK)
    text = desk.get(reverse("console")).content.decode()
    assert "lost@home.example" in text
    assert "off@home.example" in text
    assert "<dt>Online when last read</dt><dd>2</dd>" in text, "neither the silent nor the unread"
    assert "<dt>Not read yet</dt><dd>1</dd>" in text
    type(new).objects.filter(id=new.pk).update(read_at=cast.MORNING, is_online=True)
    text = desk.get(reverse("console")).content.decode()
    assert "<dt>Online when last read</dt><dd>3</dd>" in text
    assert "Not read yet" not in text


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
