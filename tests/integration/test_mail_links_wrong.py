"""Links from a mail that are wrong, too old or asked for too much; what pages say then."""

import logging
import re
import string
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from dr_events import operations
from dr_events.models import Dispatch, Event, OptOut
from dr_events.states import Delivery, Participation
from enrollments import operations as homes
from enrollments.models import MailLink, MailStop, Program, System
from enrollments.states import LinkPurpose
from people.models import ActivityEntry, User
from people.operations import Actor
from tests import cast
from tests.cast import MORNING
from tests.integration.test_mail_links import (
    ONE_CLICK,
    at,
    event,
    everything,
    heading,
    links,
    post,
    summer,
    system,
)

__all__ = ["at", "event", "links", "summer", "system"]  # fixtures

pytestmark = pytest.mark.django_db(transaction=True)


def become(event: Event, **fields: Any) -> None:
    Dispatch.objects.filter(event=event).update(**fields)


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
