"""Links in mail (docs/walks.md, walk 3): looking changes nothing, acting needs no login, and a
token opens one thing only."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client

from base import clock
from dr_events import tasks
from dr_events.models import Dispatch, Event, OptOut
from dr_events.states import Delivery, OptOutVia
from enrollments.models import Enrollment, MailStop, Program, System
from enrollments.states import EnrollmentState
from people.models import ActivityEntry
from tests import cast
from tests.cast import MORNING
from tests.integration.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
TABLES = (
    "dr_events_dispatch",
    "dr_events_optout",
    "dr_events_event",
    "enrollments_enrollment",
    "enrollments_consent",
    "enrollments_mailstop",
    "enrollments_maillink",
    "enrollments_notice",
    "people_activityentry",
    "people_user",
    "django_session",
)


@pytest.fixture(autouse=True)
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Business time stands at the cast's morning; call it to move on."""

    def move(moment: datetime) -> None:
        monkeypatch.setattr(clock, "now", lambda: moment)
        monkeypatch.setattr(clock, "database_now", lambda: moment)

    move(MORNING)
    return move


@pytest.fixture
def summer() -> Program:
    return cast.program()


@pytest.fixture
def system(summer: Program) -> System:
    return cast.enrolled(summer, email="hanna@home.example")


@pytest.fixture
def event(summer: Program, system: System) -> Event:
    return cast.scheduled(summer)


@pytest.fixture
def links(event: Event) -> dict[str, str]:
    """The addresses in Hanna's announcement: ``o`` says no, ``m`` stops mail."""
    tasks.mail()
    body = str(mail.outbox[-1].body)
    found = re.findall(r"http://testserver/(o|m)/([\w-]{32})/", body)
    return {kind: f"/{kind}/{token}/" for kind, token in found}


def everything() -> list[tuple[str, Any]]:
    """A checksum of every table that a link could touch."""
    with connection.cursor() as cursor:
        found = []
        for table in TABLES:
            cursor.execute(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t")
            found.append((table, cursor.fetchone()[0]))
    return found


def post(address: str, **data: str) -> Any:
    """From nowhere: no cookie, no session, no CSRF token, and CSRF checks switched on."""
    return Client(enforce_csrf_checks=True).post(address, data)


def heading(response: Any) -> str:
    found = re.search(r"<h1[^>]*>(.*?)</h1>", response.content.decode(), re.DOTALL)
    assert found
    return found[1]


# --- D1 -----------------------------------------------------------------------------------------
SCANNERS: list[tuple[str, dict[str, str]]] = [
    ("get", {}),
    ("head", {}),
    ("options", {}),
    ("put", {}),
    ("delete", {}),
    ("get", {"HTTP_SEC_PURPOSE": "prefetch"}),
    ("get", {"HTTP_PURPOSE": "prefetch"}),
    ("get", {"HTTP_X_MOZ": "prefetch"}),
    ("get", {"HTTP_USER_AGENT": "Microsoft Safe Links"}),
    ("get", {"HTTP_HX_REQUEST": "true"}),
]


@pytest.mark.parametrize("kind", ["o", "m"])
def test_d1_fifty_looks_change_nothing(links: dict[str, str], kind: str) -> None:
    before = everything()
    for method, headers in SCANNERS * 5:
        answer = getattr(Client(), method)(links[kind], **headers)
        assert answer.status_code == 200
        assert not answer.cookies
    assert everything() == before


def test_d1_the_page_says_what_it_is_and_acts_only_on_its_button(links: dict[str, str]) -> None:
    page = Client().get(links["o"]).content.decode()
    assert "Say no to Hot afternoon?" in page
    assert "Tue Jul 14, 3:00 PM to 5:00 PM CDT" in page
    assert page.count('<form method="post">') == 1
    assert "hx-post" not in page
    assert "hanna@home.example" not in page


# --- D2, D3 -------------------------------------------------------------------------------------
def test_d2_one_post_without_cookie_says_no(
    links: dict[str, str], event: Event, system: System
) -> None:
    answer = post(links["o"])
    assert (answer.status_code, heading(answer)) == (200, "You said no to Hot afternoon")
    row = Dispatch.objects.get()
    assert (row.delivery, row.reason, row.opted_out_at, row.holds_slot) == (
        Delivery.SKIPPED,
        "OPTED_OUT",
        MORNING,
        False,
    )
    no = OptOut.objects.get()
    assert (no.dispatch_id, no.in_time, no.via, no.actor) == (
        row.pk,
        True,
        OptOutVia.MAIL,
        f"user:{system.grant.user_id}",
    )
    entry = ActivityEntry.objects.get(verb="opt-out")
    assert (entry.actor, entry.subject, entry.address) == (
        f"user:{system.grant.user_id}",
        f"dispatch:{row.pk}",
        "127.0.0.1",
    )
    assert Enrollment.objects.get().state == EnrollmentState.ACTIVE


def test_d2_one_click_stops_mail_and_ends_no_consent(links: dict[str, str], system: System) -> None:
    answer = Client(enforce_csrf_checks=True).post(
        links["m"], "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
    )
    assert (answer.status_code, heading(answer)) == (200, "You get no more mail about events")
    assert MailStop.objects.get().user == system.grant.user
    assert Enrollment.objects.get().state == EnrollmentState.ACTIVE
    assert Dispatch.objects.get().delivery == Delivery.PLANNED
    assert not OptOut.objects.exists()


@pytest.mark.parametrize(("kind", "verb"), [("o", "opt-out"), ("m", "stop-mail")])
def test_d3_a_hundred_posts_are_one_no_and_one_entry(
    links: dict[str, str], kind: str, verb: str
) -> None:
    gate = "SELECT * FROM dr_events_dispatch FOR UPDATE" if kind == "o" else ""
    answers: list[Any] = []
    for _ in range(2):
        answers += at_once([partial(post, links[kind], **ONE_CLICK)] * 50, gate=gate)
        gate = ""
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len(answers) == 100
    assert ActivityEntry.objects.filter(verb=verb).count() == 1
    assert (OptOut.objects.count(), MailStop.objects.count()) == ((1, 0) if kind == "o" else (0, 1))


def test_d3_a_home_with_two_systems_says_no_with_both(
    summer: Program, system: System, links: dict[str, str]
) -> None:
    second = cast.system(system.grant, "2319W004822", name="Upstairs")
    Enrollment.objects.create(
        system=second,
        program=summer,
        user=system.grant.user,
        enrolled_at=MORNING,
        changed_at=MORNING,
    )
    cast.scheduled(
        summer,
        name="Next day",
        starts_at=MORNING + timedelta(hours=30),
        ends_at=MORNING + timedelta(hours=32),
    )
    tasks.mail()
    body = str(mail.outbox[-1].body)
    (token,) = re.findall(r"/o/([\w-]{32})/", body)
    post(f"/o/{token}/")
    said = Dispatch.objects.filter(opted_out_at=MORNING)
    assert {(row.event.name, row.system.name) for row in said} == {
        ("Next day", "Downstairs"),
        ("Next day", "Upstairs"),
    }
    assert OptOut.objects.count() == 2
