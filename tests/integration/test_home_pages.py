"""The homeowner's own pages: the truth about each event, and every way to say no."""

import html
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from base import clock
from dr_events.models import Dispatch, Event
from dr_events.states import Delivery, Participation, Reason
from enrollments.models import System
from people.models import User
from tests import cast
from tests.cast import MORNING

pytestmark = pytest.mark.django_db
HOME = "/home/"


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: MORNING)


@pytest.fixture
def system() -> System:
    return cast.enrolled(cast.program(), email="hanna@home.example")


@pytest.fixture
def hanna(system: System) -> User:
    return system.grant.user


@pytest.fixture
def browser(hanna: User) -> Client:
    client = Client()
    client.force_login(hanna)
    return client


@pytest.fixture
def event(system: System) -> Event:
    return cast.scheduled(system.enrollments.get().program)


def text(response: Any) -> str:
    return " ".join(html.unescape(response.content.decode()).split())


def become(event: Event, **fields: Any) -> Dispatch:
    Dispatch.objects.filter(event=event).update(**fields)
    return Dispatch.objects.get(event=event)


def in_the_past(event: Event, **fields: Any) -> Dispatch:
    Event.objects.filter(pk=event.pk).update(
        starts_at=MORNING - timedelta(days=1, hours=2), ends_at=MORNING - timedelta(days=1)
    )
    return become(event, **fields)


# --- what is ahead ----------------------------------------------------------------------------
def test_next_event_in_the_programs_zone_and_the_homes_unit(
    browser: Client, system: System, event: Event
) -> None:
    page = text(browser.get(HOME))
    assert "Tue Jul 14, 3:00 PM to 5:00 PM CDT" in page
    assert "your setpoint moves by <strong>4 °F</strong>" in page
    System.objects.update(unit="C")
    assert "your setpoint moves by <strong>2.2 °C</strong>" in text(browser.get(HOME))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"response": "offset", "offset_f": 3},
            "Your setpoint moves by <strong>3 °F</strong>: up when cooling, down when heating.",
        ),
        (
            {"response": "absolute", "cool_f": 79, "heat_f": 66},
            "Your setpoint is set to <strong>79 °F</strong> when cooling, "
            "<strong>66 °F</strong> when heating.",
        ),
    ],
)
def test_what_it_does(browser: Client, event: Event, fields: dict[str, Any], sentence: str) -> None:
    Event.objects.update(**fields)
    assert sentence in text(browser.get(HOME))


OVERRIDE = "You can still stop it: press <strong>Override</strong> on the wall control."


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Nothing is sent yet. Say no now and it never will be."),
        ({"delivery": Delivery.SENDING}, "we cannot be sure to stop it any more. " + OVERRIDE),
        ({"delivery": Delivery.UNSURE}, "we cannot be sure to stop it any more. " + OVERRIDE),
        ({"delivery": Delivery.ACCEPTED}, "gives us no way to take it back. " + OVERRIDE),
        ({"delivery": Delivery.CONFIRMED}, "gives us no way to take it back. " + OVERRIDE),
        (
            {"delivery": Delivery.SKIPPED, "reason": Reason.OPTED_OUT},
            "Nothing is sent to your home for this event.",
        ),
        (
            {"delivery": Delivery.SKIPPED, "reason": Reason.WEEK_CAP},
            "Nothing is sent to this system: most events a week reached.",
        ),
        (
            {"delivery": Delivery.CONFIRMED, "opted_out_at": MORNING},
            "We noted your no, but Carrier already has this event.",
        ),
        ({"delivery": Delivery.CANCELLED}, "called it off. Nothing is sent to your home."),
        ({"delivery": Delivery.REJECTED}, "It did not reach your home"),
    ],
)
def test_every_delivery_state_is_said_honestly(
    browser: Client, event: Event, fields: dict[str, Any], sentence: str
) -> None:
    if fields:
        become(event, **fields)
    assert sentence in text(browser.get(HOME))


def test_the_control_group_is_not_told_ahead(browser: Client, event: Event) -> None:
    become(event, delivery=Delivery.WITHHELD, reason=Reason.CONTROL_GROUP)
    assert "Hot afternoon" not in text(browser.get(HOME))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"delivery": Delivery.CONFIRMED, "participation": Participation.COMPLETED},
            "Your home took part, counted as 2 h.",
        ),
        (
            {"delivery": Delivery.CONFIRMED, "participation": Participation.UNREACHABLE},
            "we never saw your wall control follow it",
        ),
        (
            {"delivery": Delivery.CONFIRMED, "participation": Participation.OPTED_OUT_DURING},
            "Somebody pressed Override",
        ),
        (
            {"delivery": Delivery.SKIPPED, "reason": Reason.OPTED_OUT},
            "Nothing was sent to your home.",
        ),
        (
            {"delivery": Delivery.WITHHELD, "reason": Reason.CONTROL_GROUP},
            "A few homes are left alone at random",
        ),
        ({"delivery": Delivery.UNAUTHORIZED}, "Permission lost. Your home was not asked"),
        ({"delivery": Delivery.UNSURE}, "We never learned whether Carrier received it."),
        ({"delivery": Delivery.CONFIRMED}, "We ask Carrier once more shortly after the end."),
    ],
)
def test_past_events_tell_the_truth(
    browser: Client, event: Event, fields: dict[str, Any], sentence: str
) -> None:
    in_the_past(event, **fields)
    assert sentence in text(browser.get(HOME))


def test_events_left_this_season(browser: Client, event: Event) -> None:
    assert "14 of 15" in text(browser.get(HOME))
    become(event, holds_slot=False)
    assert "15 of 15" in text(browser.get(HOME))


# --- empty states -----------------------------------------------------------------------------
def test_newcomer_is_shown_the_programs() -> None:
    cast.program()
    client = Client()
    client.force_login(cast.homeowner("new@home.example"))
    page = text(client.get(HOME))
    assert "No system is enrolled yet" in page
    assert "/programs/summer-peak/" in page


def test_half_joined_can_continue() -> None:
    program, owner = cast.program(), cast.homeowner("half@home.example")
    cast.agreement(owner, program)
    client = Client()
    client.force_login(owner)
    page = text(client.get(HOME))
    assert "You began to join <strong>Summer Peak</strong>." in page
    assert '/join/summer-peak/"' in page


def test_nothing_planned_says_what_will_happen(browser: Client) -> None:
    page = text(browser.get(HOME))
    assert "Nothing is planned" in page
    assert "You do not have to do anything." in page
