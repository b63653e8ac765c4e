"""Links in mail (docs/walks.md, walk 3): looking changes nothing, acting needs no login, and a
token opens one thing only."""

import logging
import re
import string
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client

from base import clock
from dr_events import operations, tasks
from dr_events.models import Dispatch, Event, OptOut
from dr_events.states import Delivery, OptOutVia, Participation
from enrollments import operations as homes
from enrollments.models import Enrollment, MailLink, MailStop, Program, System
from enrollments.states import EnrollmentState, LinkPurpose
from people.models import ActivityEntry, User
from people.operations import Actor
from tests import cast
from tests.cast import MORNING
from tests.integration.test_races import at_once

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


def become(event: Event, **fields: Any) -> None:
    Dispatch.objects.filter(event=event).update(**fields)


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


# --- D4 -----------------------------------------------------------------------------------------
def flipped(address: str, place: int) -> str:
    """One bit of one letter of the token is another."""
    letter = address[place]
    alphabet = string.ascii_letters + string.digits + "-_"
    other = next(
        chr(ord(letter) ^ 1 << bit) for bit in range(7) if chr(ord(letter) ^ 1 << bit) in alphabet
    )
    return address[:place] + other + address[place + 1 :]


def test_d4_whatever_is_wrong_with_it_the_page_is_the_same(
    links: dict[str, str], event: Event, at: Callable[[datetime], None]
) -> None:
    never = Client().get(f"/o/{'A' * 32}/")
    assert heading(never) == "This link does not work"
    before = everything()
    wrong = [flipped(links["o"], place) for place in (3, 18, 34)]
    wrong += [
        "/o/short/",
        f"/o/{'A' * 5000}/",
        "/o/a/b/../c/",
        "/o/%00%ff/",
        "/m/" + "A" * 32 + "/",
    ]
    # Of another purpose.
    wrong += [links["o"].replace("/o/", "/m/"), links["m"].replace("/m/", "/o/")]
    for address in wrong:
        for answer in (Client().get(address), post(address, **ONE_CLICK)):
            assert (answer.status_code, answer.content) == (200, never.content), address
            assert answer.headers == never.headers, address
    assert everything() == before
    # Too old: the event has ended.
    at(event.ends_at)
    for answer in (Client().get(links["o"]), post(links["o"])):
        assert (answer.status_code, answer.content) == (200, never.content)
    assert everything() == before
    at(event.ends_at - timedelta(seconds=1))
    assert heading(Client().get(links["o"])) == "Say no to Hot afternoon?"


@pytest.mark.parametrize("kind", ["o", "m"])
def test_d4_a_closed_account_has_no_links(links: dict[str, str], kind: str) -> None:
    User.objects.update(is_active=False)
    before = everything()
    assert heading(Client().get(links[kind])) == "This link does not work"
    assert heading(post(links[kind])) == "This link does not work"
    assert everything() == before


def test_d4_a_deleted_account_takes_its_links_along() -> None:
    otto = cast.homeowner("otto@home.example")
    token = homes.make_link(
        user=otto, purpose=LinkPurpose.STOP_MAIL, subject="", expires_at=MORNING + timedelta(days=1)
    )
    assert heading(Client().get(f"/m/{token}/")) == "Stop mail about events?"
    User.objects.filter(pk=otto.pk).delete()
    assert not MailLink.objects.exists()
    assert heading(post(f"/m/{token}/")) == "This link does not work"
    assert not MailStop.objects.exists()


def test_d4_no_log_keeps_a_token_that_was_mangled_on_the_way(
    links: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        for address in (links["o"] + ")/", links["o"].rstrip("/") + ".", links["o"] + "x/y/"):
            Client().get(address, follow=True)
        Client().options(links["o"])
        Client().trace(links["o"])
    assert links["o"].split("/")[2] not in caplog.text


# --- D5 -----------------------------------------------------------------------------------------
def test_d5_a_link_opens_one_event_of_one_home_and_nothing_else(
    summer: Program, system: System, event: Event, links: dict[str, str]
) -> None:
    other = cast.enrolled(summer, "2400W000001", email="otto@home.example")
    Dispatch.objects.create(
        event=event,
        system=other,
        enrollment=other.enrollments.get(),
        window=Dispatch.objects.get().window,
    )
    visitor = Client()
    assert "2400W000001" not in visitor.get(links["o"]).content.decode()
    assert visitor.post(links["o"]).status_code == 200
    assert not visitor.cookies
    assert not visitor.session.keys()
    assert Dispatch.objects.get(system=other).delivery == Delivery.PLANNED
    mine = Dispatch.objects.get(system=system)
    for address in ("/home/", "/home/mail/", f"/home/events/{mine.pk}/opt-out/"):
        assert visitor.get(address)["Location"].startswith("/accounts/login/")
    (kept,) = MailLink.objects.filter(purpose="SAY_NO").values(
        "purpose", "subject", "user_id", "expires_at"
    )
    assert kept == {
        "purpose": "SAY_NO",
        "subject": f"event:{event.pk}",
        "user_id": system.grant.user_id,
        "expires_at": event.ends_at,
    }


# --- D6 -----------------------------------------------------------------------------------------
LATE = "We noted your no, but Carrier already has this event."


@pytest.mark.parametrize(
    ("fields", "minutes_to_start", "in_time", "words"),
    [
        ({}, 1 / 60, True, "Nothing is sent to your home for this event."),
        ({"delivery": Delivery.SENDING}, 30, False, LATE),
        ({"delivery": Delivery.UNSURE}, 30, False, LATE),
        ({"delivery": Delivery.CONFIRMED}, 30, False, LATE),
        (
            {"delivery": Delivery.CONFIRMED, "participation": Participation.ACTIVE},
            -60,
            False,
            LATE,
        ),
    ],
)
def test_d6_it_says_what_happened(
    links: dict[str, str],
    event: Event,
    at: Callable[[datetime], None],
    fields: dict[str, Any],
    minutes_to_start: float,
    in_time: bool,
    words: str,
) -> None:
    if fields:
        become(event, **fields)
    at(event.starts_at - timedelta(minutes=minutes_to_start))
    answer = post(links["o"])
    assert heading(answer) == "You said no to Hot afternoon"
    assert words in answer.content.decode()
    assert OptOut.objects.get().in_time is in_time
    expected = Delivery.SKIPPED if in_time else fields["delivery"]
    assert Dispatch.objects.get().delivery == expected
    assert post(links["o"]).content == answer.content
    assert OptOut.objects.count() == 1


def test_d6_a_called_off_event_needs_no_no(links: dict[str, str], event: Event) -> None:
    operations.cancel(event_id=event.pk, actor=Actor("user:olga"), now=MORNING)
    before = everything()
    answer = post(links["o"])
    assert heading(answer) == "Hot afternoon is called off"
    assert everything() == before


# --- D7 -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("kind", ["o", "m", "gone"])
def test_d7_headers(links: dict[str, str], kind: str, method: str) -> None:
    address = links.get(kind, "/o/gone/")
    answer = getattr(Client(), method)(address)
    assert answer["Cache-Control"] == "no-store"
    assert answer["X-Robots-Tag"] == "noindex, nofollow"
    assert answer["Referrer-Policy"] == "no-referrer"
    fetched = re.findall(r'(?:src|href|action)="([^"#]*)"', answer.content.decode())
    assert [address for address in fetched if not re.match(r"/(?!/)", address)] == []


def test_d7_the_mail_names_the_address_that_stops_mail_and_never_the_no(
    links: dict[str, str],
) -> None:
    message = mail.outbox[-1].message()
    assert message["List-Unsubscribe"] == f"<http://testserver{links['m']}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


# --- D8 -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("data", [{"wanted": "yes"}, {"undo": "1"}, {"act": "opt-in"}, {}])
def test_d8_no_link_takes_a_no_back(
    links: dict[str, str], system: System, data: dict[str, str]
) -> None:
    post(links["o"])
    post(links["m"])
    before = everything()
    for kind in ("o", "m"):
        post(links[kind], **data)
        post(f"{links[kind]}?{'&'.join(f'{k}={v}' for k, v in data.items())}")
        assert "<form" not in Client().get(links[kind]).content.decode()
    assert everything() == before
    assert (
        Client().post("/home/mail/", {"wanted": "yes"})["Location"].startswith("/accounts/login/")
    )
    assert MailStop.objects.exists()
    hanna = Client()
    hanna.force_login(system.grant.user)
    assert "You get none." in hanna.get("/home/mail/").content.decode()
    hanna.post("/home/mail/", {"wanted": "yes"})
    assert not MailStop.objects.exists()
    assert ActivityEntry.objects.filter(verb="want-mail").count() == 1


def test_d8_the_page_that_takes_it_back_wants_a_csrf_token(system: System) -> None:
    hanna = Client(enforce_csrf_checks=True)
    hanna.force_login(system.grant.user)
    assert hanna.post("/home/mail/", {"wanted": "no"}).status_code == 403
    assert not MailStop.objects.exists()
