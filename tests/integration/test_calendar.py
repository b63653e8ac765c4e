"""Events in a homeowner's calendar: what it shows, who may read it, how it is switched off."""

import html
import logging
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from base import clock
from dr_events import operations
from dr_events.models import Dispatch, Event
from dr_events.states import OptOutVia
from enrollments import operations as homes
from enrollments.models import CalendarFeed, Enrollment, Program, System
from people.models import User
from people.operations import Actor
from tests import cast
from tests.cast import MORNING

pytestmark = pytest.mark.django_db
OLGA = Actor("user:olga")
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: MORNING)


@pytest.fixture
def summer() -> Program:
    return cast.program(max_per_week=9, min_rest_minutes=0)


@pytest.fixture
def system(summer: Program) -> System:
    return cast.enrolled(summer, email="hanna@home.example")


@pytest.fixture
def hanna(system: System) -> User:
    return system.grant.user


@pytest.fixture
def browser(hanna: User) -> Client:
    client = Client()
    client.force_login(hanna)
    return client


def text(response: Any) -> str:
    return " ".join(html.unescape(response.content.decode()).split())


def open_feed(user: User) -> str:
    token = homes.open_calendar(user=user, actor=Actor.person(user), now=MORNING)
    return f"/calendar/{token}.ics"


def shown(path: str) -> list[tuple[str, ...]]:
    """Of each event: id, start, state and sequence."""
    answer = Client().get(path)
    assert answer.status_code == 200
    found = []
    for part in answer.content.decode().split("BEGIN:VEVENT")[1:]:
        fields = dict(line.split(":", 1) for line in part.strip().split("\r\n") if ":" in line)
        found.append(tuple(fields[name] for name in ("UID", "DTSTART", "STATUS", "SEQUENCE")))
    return found


def said_no(event: Event) -> None:
    row = Dispatch.objects.get(event=event)
    operations.opt_out(dispatch_id=row.pk, via=OptOutVia.HOME_PAGE, actor=OLGA, now=MORNING)


def on_day(summer: Program, day: int) -> Event:
    """At the cast's hours, so many days on; made when it was ahead."""
    start, end = MORNING + timedelta(hours=6), MORNING + timedelta(hours=8)
    event = cast.scheduled(summer)
    Event.objects.filter(pk=event.pk).update(starts_at=start + day * DAY, ends_at=end + day * DAY)
    Dispatch.objects.filter(event=event).update(holds_slot=False)
    return Event.objects.get(pk=event.pk)


def test_what_is_planned_called_off_and_refused(summer: Program, hanna: User) -> None:
    path = open_feed(hanna)
    first = cast.scheduled(summer)
    start = MORNING + DAY * 2 + timedelta(hours=6)
    second = cast.scheduled(summer, starts_at=start, ends_at=start + timedelta(hours=1))
    uid = f"event-{first.pk}@testserver"
    both = [
        (uid, "20260714T200000Z", "CONFIRMED", "0"),
        (f"event-{second.pk}@testserver", "20260716T200000Z", "CONFIRMED", "0"),
    ]
    assert shown(path) == both
    operations.cancel(event_id=first.pk, actor=OLGA, now=MORNING)
    assert shown(path) == [(uid, "20260714T200000Z", "CANCELLED", "1"), both[1]]
    said_no(second)
    assert [one[2:] for one in shown(path)] == [("CANCELLED", "1")] * 2


def test_only_the_last_thirty_and_the_next_sixty_days(summer: Program, hanna: User) -> None:
    path = open_feed(hanna)
    events = [on_day(summer, day) for day in (-32, -29, 0, 59, 61)]
    Dispatch.objects.update(delivery="CONFIRMED")
    assert [one[0] for one in shown(path)] == [
        f"event-{event.pk}@testserver" for event in events[1:4]
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"delivery": "WITHHELD", "reason": "CONTROL_GROUP"},
        {"delivery": "SKIPPED", "reason": "WEEK_CAP"},
    ],
)
@pytest.mark.parametrize("state", ["SCHEDULED", "CANCELLED"])
def test_who_is_left_out_sees_nothing(
    summer: Program, hanna: User, fields: dict[str, str], state: str
) -> None:
    path = open_feed(hanna)
    cast.scheduled(summer)
    Dispatch.objects.update(**fields)
    Event.objects.update(state=state)
    assert shown(path) == []


def test_while_a_system_rests_then_it_shows_nothing(summer: Program, hanna: User) -> None:
    path = open_feed(hanna)
    cast.scheduled(summer)
    mine = Enrollment.objects.get()
    homes.pause(enrollment_id=mine.pk, actor=OLGA, now=MORNING)
    assert shown(path) == []
    homes.resume(enrollment_id=mine.pk, actor=OLGA, now=MORNING)
    assert [one[2:] for one in shown(path)] == [("CONFIRMED", "0")]


def test_two_systems_are_one_event(summer: Program, system: System, hanna: User) -> None:
    other = cast.system(system.grant, "2319W000002", name="Upstairs")
    Enrollment.objects.create(
        system=other, program=summer, user=hanna, enrolled_at=MORNING, changed_at=MORNING
    )
    path = open_feed(hanna)
    event = cast.scheduled(summer)
    assert Dispatch.objects.count() == 2
    assert len(shown(path)) == 1
    row = Dispatch.objects.get(event=event, system=other)
    operations.opt_out(dispatch_id=row.pk, via=OptOutVia.HOME_PAGE, actor=OLGA, now=MORNING)
    assert [one[2:] for one in shown(path)] == [("CONFIRMED", "1")], "the other one takes part"


def test_each_change_of_mind_is_a_later_revision(summer: Program, hanna: User) -> None:
    """A calendar that has seen revision 1 ignores whatever comes as 0 or as 1 again."""
    path = open_feed(hanna)
    event = cast.scheduled(summer)
    cast.enrolled(summer, "2319W000009")
    row = Dispatch.objects.get(event=event)
    seen = shown(path)
    for minutes in (1, 2):
        said_no(event)
        seen += shown(path)
        at = MORNING + timedelta(minutes=minutes)
        operations.opt_back_in(dispatch_id=row.pk, actor=OLGA, now=at)
        seen += shown(path)
        stamp = f"DTSTAMP:{at:%Y%m%dT%H%M%SZ}"
        assert stamp in Client().get(path).content.decode()
    operations.cancel(event_id=event.pk, actor=OLGA, now=MORNING + timedelta(minutes=3))
    seen += shown(path)
    assert [one[2:] for one in seen] == [
        ("CONFIRMED", "0"),
        ("CANCELLED", "1"),
        ("CONFIRMED", "2"),
        ("CANCELLED", "3"),
        ("CONFIRMED", "4"),
        ("CANCELLED", "5"),
    ]


def test_a_no_at_the_wall_control_is_a_revision_too(summer: Program, hanna: User) -> None:
    path = open_feed(hanna)
    cast.scheduled(summer)
    Dispatch.objects.update(delivery="CONFIRMED", participation="OPTED_OUT_BEFORE")
    assert [one[2:] for one in shown(path)] == [("CANCELLED", "1")]
    Dispatch.objects.update(opted_out_at=MORNING)
    assert [one[2:] for one in shown(path)] == [("CANCELLED", "1")], "learnt when, nothing else"


def test_it_tells_nothing_of_the_home_and_nobody_elses(summer: Program, hanna: User) -> None:
    cast.scheduled(summer, note="Thank you, Hanna!")
    path = open_feed(hanna)
    answer = Client().get(path)
    body = answer.content.decode()
    for word in ("Hanna", "hanna", "Downstairs", "Springfield", "62701", "2319W", "Hot afternoon"):
        assert word not in body
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer["Cache-Control"] == "private, max-age=300"
    assert answer["Referrer-Policy"] == "no-referrer"
    stranger = open_feed(cast.homeowner("otto@home.example"))
    assert shown(stranger) == []


def test_a_new_address_ends_the_old_one_and_off_ends_it_for_good(
    browser: Client, hanna: User
) -> None:
    assert "It is off" in text(browser.get("/home/calendar/"))
    page = browser.post("/home/calendar/", {"act": "on"})
    assert page["Cache-Control"] == "no-store"
    (first,) = re.findall(r'value="http://testserver(/calendar/[\w-]{32}\.ics)"', text(page))
    assert f'href="webcal://testserver{first}"' in text(page)
    assert shown(first) == []
    again = text(browser.get("/home/calendar/"))
    assert "It is on" in again
    assert first not in again, "only its hash is kept"
    (second,) = re.findall(r"/calendar/[\w-]{32}\.ics", text(browser.post("/home/calendar/")))[:1]
    assert Client().get(first).status_code == 404
    assert shown(second) == []
    assert "switched off" in text(browser.post("/home/calendar/", {"act": "off"}, follow=True))
    assert Client().get(second).status_code == 404
    assert not CalendarFeed.objects.exists()


def test_a_wrong_address_is_like_any_other_and_in_no_log(
    hanna: User, caplog: pytest.LogCaptureFixture
) -> None:
    good = open_feed(hanna)
    caplog.set_level(logging.DEBUG)
    pages = {
        Client().get(path).content
        for path in ("/calendar/x.ics", f"{good}x", good.replace(".ics", "A.ics"), "/calendar/a/b")
    }
    assert len(pages) == 1
    assert b"calendar" not in pages.pop().lower()
    token = good.removeprefix("/calendar/").removesuffix(".ics")
    assert token not in caplog.text
    User.objects.filter(pk=hanna.pk).update(is_active=False)
    assert Client().get(good).status_code == 404


def test_one_event_as_a_file(browser: Client, summer: Program, hanna: User) -> None:
    cast.scheduled(summer)
    row = Dispatch.objects.get()
    path = f"/home/events/{row.pk}/event.ics"
    assert f'href="{path}"' in text(browser.get("/home/"))
    answer = browser.get(path)
    assert answer.content.count(b"BEGIN:VEVENT") == 1
    stranger = Client()
    stranger.force_login(cast.homeowner("otto@home.example"))
    theirs, missing = stranger.get(path), stranger.get("/home/events/999999/event.ics")
    assert (theirs.status_code, missing.status_code) == (404, 404)
    pages = {re.sub(r"\b\w{64}\b", "", text(one)) for one in (theirs, missing)}
    assert len(pages) == 1
