"""What a homeowner reads of the season: what the home took part in, and what it earned."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from base import clock
from dr_events.models import Credit, Dispatch, Event
from dr_events.states import Delivery, EventState, Participation
from enrollments.models import Enrollment, Program, System
from people.states import Role
from tests import cast

pytestmark = pytest.mark.django_db
SERIAL = "2319W004821"


@pytest.fixture(autouse=True)
def evening(monkeypatch: pytest.MonkeyPatch) -> datetime:
    now = cast.MORNING + timedelta(days=2)
    monkeypatch.setattr(clock, "now", lambda: now)
    return now


def over(program: Program, day: int, became: Participation, stopped_after: int = 0) -> Event:
    later = timedelta(days=day)
    event = cast.scheduled(
        program,
        now=cast.MORNING + later,
        starts_at=cast.MORNING + later + timedelta(hours=6),
        ends_at=cast.MORNING + later + timedelta(hours=8),
    )
    stopped = event.starts_at + timedelta(minutes=stopped_after) if stopped_after else None
    Dispatch.objects.filter(event=event).update(
        delivery=Delivery.CONFIRMED, participation=became, opted_out_at=stopped
    )
    Event.objects.filter(id=event.pk).update(state=EventState.COMPLETED, completed_at=event.ends_at)
    return event


@pytest.fixture
def home(client: Client) -> Client:
    """One event taken part in, one stopped after 45 of 120 minutes."""
    program = cast.program()
    cast.enrolled(program, "1000W000001")  # another home, with a lower number
    cast.enrolled(program, SERIAL)
    over(program, 0, Participation.COMPLETED)
    over(program, 1, Participation.OPTED_OUT_DURING, stopped_after=45)
    client.force_login(Enrollment.objects.get(system__serial=SERIAL).user)
    return client


def page(home: Client) -> str:
    return " ".join(home.get("/home/").content.decode().split())


def rule(basis: str, threshold: int = 65) -> None:
    Credit.objects.create(
        program=Program.objects.get(), basis=basis, threshold=threshold, season_cents=2000,
        event_cents=150,
    )  # fmt: skip


def test_counted_in_events(home: Client) -> None:
    rule("EVENTS")
    text = page(home)
    assert "1 of 2 events (50 %)" in text
    assert '<span class="numbers">$1.50</span>; $20.00 for the season with at least 65 %' in text
    assert "; $1.50 for each event" in text


def test_counted_in_hours(home: Client) -> None:
    rule("HOURS")
    text = page(home)
    assert "2.8 of 4.0 hours (69 %)" in text
    assert '<span class="numbers">$21.50</span>' in text


def test_without_a_rule_nothing_is_promised(home: Client) -> None:
    assert "Credit so far" not in page(home)


def test_a_home_that_was_not_asked_yet(client: Client) -> None:
    program = cast.program()
    system = cast.enrolled(program, SERIAL)
    rule("EVENTS")
    client.force_login(system.grant.user)
    assert "not asked yet" in page(client)


def test_without_a_share_to_reach_the_season_pays_whoever_was_asked(client: Client) -> None:
    program = cast.program()
    system = cast.enrolled(program, SERIAL)
    rule("EVENTS", threshold=0)
    client.force_login(system.grant.user)
    words = "$20.00 for the season once the home was asked to take part; $1.50 for each event"
    assert f'<span class="numbers">$0.00</span>; {words}' in page(client)
    over(program, 0, Participation.OPTED_OUT_BEFORE)
    assert f'<span class="numbers">$20.00</span>; {words}' in page(client)


# --- what the utility reads of the same home ------------------------------------------------------
def system_page(desk: Client, serial: str = SERIAL) -> str:
    one = System.objects.get(serial=serial)
    text = desk.get(reverse("console_system", args=[one.pk])).content.decode()
    return re.sub(" +([.,])", r"\1", " ".join(re.sub("<[^>]*>", " ", text).split()))


@pytest.fixture
def desk() -> Client:
    desk = Client()
    desk.force_login(cast.operator("vera@utility.example", Role.VIEWER))
    return desk


def test_the_page_of_the_system_says_what_it_earned_and_by_which_rule(
    home: Client, desk: Client
) -> None:
    rule("EVENTS", threshold=50)
    text = system_page(desk)
    assert "Took part 1 of 2 events (50 %) Earned so far $21.50" in text
    assert (
        "$20 for taking part in at least 50 % of the events of a season, and $1.50 for each event"
        " taken part in." in text
    )
    assert (
        "By the rule of Summer Peak, from its completed events from Monday, June 1, 2026 to"
        " Wednesday, September 30, 2026." in text
    )
    assert "saving" not in text.lower()
    Credit.objects.update(season_cents=0, event_cents=0)
    assert "Summer Peak has no rule, so no credit is counted. An approver sets it." in system_page(
        desk
    )
    Credit.objects.all().delete()
    assert "so no credit is counted" in system_page(desk)


def test_who_left_keeps_what_was_earned_and_who_was_replaced_does_not(
    home: Client, desk: Client
) -> None:
    rule("EVENTS")
    Enrollment.objects.update(state="WITHDRAWN", ended_because="")
    assert "1 of 2 events (50 %) Earned so far $1.50" in system_page(desk)
    Enrollment.objects.update(state="WITHDRAWN", ended_because="REPLACED")
    assert "Credit this season" not in system_page(desk)


def test_a_system_that_never_joined_has_a_page_and_no_credit(home: Client, desk: Client) -> None:
    cast.system(cast.grant(cast.homeowner("new@home.example")), "1000W000009")
    text = system_page(desk, "1000W000009")
    assert "Not enrolled in any program." in text
    assert "Credit" not in text


def test_the_page_of_a_paused_system_stays_within_its_queries(
    home: Client, desk: Client, settings: Settings, django_assert_num_queries: Any
) -> None:
    """With everything that costs one: two-step sign-in, a pause, earlier events, a rule."""
    rule("EVENTS")
    settings.MFA_REQUIRED = True
    olga = cast.operator()
    Authenticator.objects.create(user=olga, type="totp", data={})
    desk.force_login(olga)
    one = Enrollment.objects.get(system__serial=SERIAL)
    Enrollment.objects.filter(pk=one.pk).update(state="PAUSED")
    last = Event.objects.latest("starts_at")
    with django_assert_num_queries(12):
        answer = desk.get(reverse("console_system", args=[one.system_id]), {"before": last.pk})
    assert [past.event.pk for past in answer.context["page"].past] == [last.pk - 1]


def test_past_events_say_how_long(home: Client) -> None:
    text = page(home)
    assert "Your home took part, counted as 2 h" in text
    assert "Counted as taking part: 45 min." in text
