"""Pausing on the homeowner's page and, when they call, on the page of the system."""

import html
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from base import clock
from enrollments.models import CarrierGrant, Enrollment, System
from enrollments.vendor_session import giving_back
from people.models import ActivityEntry
from people.states import Role
from tests import cast
from tests.cast import MORNING

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: MORNING)


@pytest.fixture
def system() -> System:
    return cast.enrolled(cast.program(), email="hanna@home.example")


@pytest.fixture
def browser(system: System) -> Client:
    client = Client()
    client.force_login(system.grant.user)
    return client


@pytest.fixture
def desk() -> Client:
    client = Client()
    client.force_login(cast.operator("cara@utility.example", Role.CUSTOMER_SERVICE))
    return client


def text(response: Any) -> str:
    return " ".join(html.unescape(response.content.decode()).split())


def look() -> tuple[Any, ...]:
    mine = Enrollment.objects.get()
    return mine.state, mine.paused_from, mine.paused_until


def address() -> str:
    return f"/home/systems/{Enrollment.objects.get().pk}/pause/"


def at(month: int, day: int, hour: int) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def test_until_a_day_means_all_of_it_by_the_homes_clock(browser: Client) -> None:
    page = text(browser.get(address()))
    assert "Days by Chicago time, from midnight to midnight." in page
    done = text(browser.post(address(), {"until": "2026-08-02"}, follow=True))
    assert "Downstairs is paused. It gets no events until Sun Aug 2, 11:59 PM CDT." in done
    assert ">Sun Aug 2, 11:59 PM CDT</time>." in done
    assert look() == ("PAUSED", MORNING, at(8, 3, 5))
    assert "Resume" in done


def test_from_a_later_day(browser: Client) -> None:
    dates = {"since": "2026-07-20", "until": "2026-07-20"}
    done = text(browser.post(address(), dates, follow=True))
    assert (
        "Downstairs will be paused from Mon Jul 20, 12:00 AM CDT. "
        "It gets no events until Mon Jul 20, 11:59 PM CDT." in done
    )
    assert look() == ("ACTIVE", at(7, 20, 5), at(7, 21, 5))
    assert "Do not pause" in done
    mine = Enrollment.objects.get()
    again = text(browser.post(f"/home/systems/{mine.pk}/resume/", follow=True))
    assert "Downstairs takes part again." in again
    assert look() == ("ACTIVE", None, None)


@pytest.mark.parametrize(
    ("dates", "sentence"),
    [
        ({"until": "2026-07-13"}, "This day is over."),
        ({"since": "2026-07-13"}, "This day is over. Leave it empty to pause at once."),
        (
            {"since": "2026-07-20", "until": "2026-07-19"},
            "This day is before the first one.",
        ),
        ({"until": "2027-08-01"}, "A pause ends within a year."),
        ({"until": "9999-12-31"}, "A pause ends within a year."),
        ({"until": "soon"}, "Enter a valid date."),
    ],
)
def test_a_wrong_date_is_named_beside_its_field(
    browser: Client, dates: dict[str, str], sentence: str
) -> None:
    answer = browser.post(address(), dates)
    assert answer.status_code == 422
    assert sentence in text(answer)
    assert look() == ("ACTIVE", None, None)


def test_a_pause_that_is_over_is_not_shown_before_the_sweep_saw_it(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.post(address(), {"until": "2026-07-14"})
    assert "Paused until" in text(browser.get("/home/"))
    monkeypatch.setattr(clock, "now", lambda: at(7, 15, 5))
    page = text(browser.get("/home/"))
    assert "Paused" not in page
    assert look()[0] == "PAUSED"


# --- when the homeowner calls -----------------------------------------------------------------
def test_the_utility_pauses_and_resumes_with_a_reason(desk: Client, system: System) -> None:
    base = f"/console/systems/{system.pk}"
    refused = text(desk.post(f"{base}/pause/", {"until": "2026-08-02"}, follow=True))
    assert "Say why; it is kept in the activity log." in refused
    assert look() == ("ACTIVE", None, None)
    asked = {"until": "2026-08-02", "why": "Called: away in July."}
    done = text(desk.post(f"{base}/pause/", asked, follow=True))
    assert "until <time" in done
    assert look() == ("PAUSED", MORNING, at(8, 3, 5))
    assert "Say why" in text(desk.post(f"{base}/resume/", {"why": " "}, follow=True))
    assert "It takes part again." in text(
        desk.post(f"{base}/resume/", {"why": "Back early."}, follow=True)
    )
    assert look() == ("ACTIVE", None, None)
    assert "It was not paused." in text(desk.post(f"{base}/resume/", {"why": "Again"}, follow=True))
    kept = ActivityEntry.objects.filter(subject=f"enrollment:{Enrollment.objects.get().pk}")
    assert list(kept.order_by("id").values_list("verb", "detail__why")) == [
        ("pause", "Called: away in July."),
        ("resume", "Back early."),
    ]


def test_the_utility_lets_a_home_leave(
    desk: Client, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(giving_back, "give_back", asked.append)
    path = f"/console/systems/{system.pk}/withdraw/"
    assert "Say why" in text(desk.post(path, follow=True))
    assert (look()[0], asked) == ("ACTIVE", [])
    assert "It has left Summer Peak." in text(desk.post(path, {"why": "Moved out."}, follow=True))
    assert (look()[0], asked) == ("WITHDRAWN", ["refresh-token"])
    assert CarrierGrant.objects.get().state == "REVOKED"
    assert ActivityEntry.objects.get(verb="withdraw").detail == {"why": "Moved out."}
    assert "in no program any more" in text(desk.post(path, {"why": "Again."}, follow=True))


def test_a_viewer_sees_and_does_not_act(system: System) -> None:
    client = Client()
    client.force_login(cast.operator("vic@utility.example", Role.VIEWER))
    base = f"/console/systems/{system.pk}"
    assert "Pause for the homeowner" not in text(client.get(f"{base}/"))
    for act in ("pause", "resume", "withdraw"):
        assert client.post(f"{base}/{act}/", {"why": "x"}).status_code == 403
    assert look() == ("ACTIVE", None, None)
