"""The outbox against a mail server that is down, slow, rude or dead in the middle."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import Settings

from base import clock
from dr_events import mailing, tasks
from dr_events.models import Event
from dr_events.operations import noticing
from dr_events.queries import notices
from enrollments import operations as outbox
from enrollments.models import MailLink, MailServer, Notice
from enrollments.operations.notices import STOP_LINK_LIFE
from enrollments.states import NoticeKind, NoticeState
from people.models import User
from tests import cast
from tests.cast import MORNING
from tests.integration.at_once import until
from tests.integration.post_office import PostOffice, open_post_office

pytestmark = pytest.mark.django_db(transaction=True)
HOMES = 3


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: MORNING)
    monkeypatch.setattr(clock, "database_now", lambda: MORNING)


@pytest.fixture
def office(settings: Settings) -> Iterator[PostOffice]:
    with open_post_office(settings) as opened:
        yield opened


@pytest.fixture
def event() -> Event:
    """Three homes to tell, in this order."""
    summer = cast.program()
    for number in range(HOMES):
        cast.enrolled(summer, f"24{number:02d}W000001", email=f"home-{number}@home.example")
    made = cast.scheduled(summer)
    assert noticing.write_rounds(now=MORNING) == HOMES
    return made


def states() -> list[tuple[str, int, str]]:
    """State, tries and trouble of each notice."""
    rows = Notice.objects.order_by("id")
    return [(row.state, row.tries, row.trouble) for row in rows]


WAITING = (NoticeState.WAITING, 0, "")
SENT = (NoticeState.SENT, 1, "")


def the_pause_is_over() -> None:
    MailServer.objects.update(quiet_until=Now())
    Notice.objects.filter(next_try_at__isnull=False).update(next_try_at=Now())


def test_mail_goes_out_over_one_connection(event: Event, office: PostOffice) -> None:
    assert mailing.send_due(for_s=5) == HOMES
    assert office.addressees == [f"home-{number}@home.example" for number in range(HOMES)]
    assert (office.visits, states()) == (1, [SENT] * HOMES)
    assert not notices.is_due(now=MORNING)
    message = office.got[0]
    stop = message["List-Unsubscribe"]
    assert stop.startswith("<http://testserver/m/")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert (message["Auto-Submitted"], message["From"]) == (
        "auto-generated",
        "Prairie Light <hello@prairielight.example>",
    )
    assert [part.get_content_type() for part in message.iter_parts()] == [
        "text/plain",
        "text/html",
    ]
    body = message.get_body(("plain",))
    assert body is not None
    assert stop.strip("<>") in body.get_content()


def test_a_from_address_of_their_own(event: Event, office: PostOffice, settings: Settings) -> None:
    settings.NOTICES_FROM_EMAIL = "Summer Peak <peak@prairielight.example>"
    mailing.send_due(for_s=5)
    assert office.got[0]["From"] == "Summer Peak <peak@prairielight.example>"


# --- the server is the trouble ------------------------------------------------------------------
def test_a_server_that_is_down_costs_nothing_but_time(
    event: Event, office: PostOffice, settings: Settings
) -> None:
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 1
    before = timezone.now()
    for failures, pause_s in ((1, 10), (2, 20), (3, 40)):
        assert mailing.send_due(for_s=5) == 0
        server = MailServer.objects.get()
        assert (server.failures, server.trouble) == (failures, "ConnectionRefusedError")
        assert server.quiet_until is not None
        assert before < server.quiet_until - timedelta(seconds=pause_s) < timezone.now()
        assert states() == [WAITING] * HOMES
        assert not notices.is_due(now=MORNING), "nobody rings while the server is left alone"
        assert mailing.send_due(for_s=5) == 0
        assert MailServer.objects.get().failures == failures, "and nobody asks it"
        the_pause_is_over()
        assert notices.is_due(now=MORNING)
    settings.EMAIL_PORT = port
    assert mailing.send_due(for_s=5) == HOMES
    assert states() == [SENT] * HOMES
    assert MailServer.objects.values_list("failures", "quiet_until", "trouble").get() == (
        0,
        None,
        "",
    )


def test_facts_are_written_down_while_the_server_is_left_alone(office: PostOffice) -> None:
    MailServer.objects.create(id=1, failures=1, quiet_until=timezone.now() + timedelta(hours=1))
    summer = cast.program()
    cast.enrolled(summer)
    cast.scheduled(summer)
    assert [ring.task.name for ring in tasks.due()] == ["dr_events.tasks.mail"]
    tasks.mail()
    assert (Notice.objects.count(), office.visits) == (1, 0)
    assert tasks.due() == []


def test_a_server_that_says_nothing_holds_up_one_process_and_not_for_long(
    event: Event, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailing, "BATCH", 1)  # the others are there for another process to take
    gate = threading.Event()
    office.before_greeting = partial(gate.wait, 10)

    def send() -> int:
        try:
            return mailing.send_due(for_s=5)
        finally:
            connection.close()

    try:
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(send)
            until(lambda: office.visits == 1)
            assert mailing.send_due(for_s=5) == 0, "another process has better things to do"
            assert office.visits == 1
            assert slow.result(timeout=4) == 0
    finally:
        gate.set()
    assert MailServer.objects.get().trouble == "SMTPServerDisconnected"
    assert states() == [WAITING] * HOMES


def test_a_server_that_hangs_up_after_the_mail_gets_the_same_mail_again(
    event: Event, office: PostOffice
) -> None:
    office.hangs_up_after_data = True
    assert mailing.send_due(for_s=5) == 0
    assert states() == [(NoticeState.WAITING, 1, "SMTPServerDisconnected"), WAITING, WAITING]
    office.hangs_up_after_data = False
    the_pause_is_over()
    assert mailing.send_due(for_s=5) == HOMES
    first, *later = office.got
    (again,) = [message for message in later if message["To"] == first["To"]]
    assert again["Message-ID"] == first["Message-ID"]
    assert len({message["Message-ID"] for message in later}) == HOMES


# --- one mail is the trouble ----------------------------------------------------------------------
def test_an_address_that_is_refused_for_good_is_given_up_and_the_others_go(
    event: Event, office: PostOffice
) -> None:
    office.answers["home-0@home.example"] = "550 nobody here"
    assert mailing.send_due(for_s=5) == HOMES - 1
    assert states() == [
        (NoticeState.DROPPED, 1, "The mail server refused it (550)."),
        SENT,
        SENT,
    ]
    assert not MailServer.objects.exists()


def test_an_address_that_is_refused_for_now_is_tried_later_each_time(
    event: Event, office: PostOffice
) -> None:
    office.answers["home-0@home.example"] = "450 mailbox is busy"
    for tries, pause_s in ((1, 10), (2, 20), (3, 40)):
        before = timezone.now()
        mailing.send_due(for_s=5)
        first = Notice.objects.order_by("id")[0]
        assert (first.state, first.tries) == (NoticeState.WAITING, tries)
        assert first.next_try_at is not None
        assert first.next_try_at - timedelta(seconds=pause_s) > before
        assert not notices.is_due(now=MORNING)
        the_pause_is_over()
    Notice.objects.filter(pk=first.pk).update(tries=mailing.MOST_TRIES - 1)
    mailing.send_due(for_s=5)
    assert states()[0] == (
        NoticeState.DROPPED,
        mailing.MOST_TRIES,
        "Given up: The mail server refused it (450).",
    )


def test_a_mail_nobody_can_word_does_not_keep_the_others(event: Event, office: PostOffice) -> None:
    Notice.objects.filter(user__email="home-0@home.example").update(subject="event:nonsense")
    assert mailing.send_due(for_s=5) == HOMES - 1
    assert states()[0] == (NoticeState.WAITING, 1, "It could not be worded.")


# --- what stays behind ----------------------------------------------------------------------------
def test_links_are_kept_as_hashes_and_swept_out_when_they_are_over(
    event: Event, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing.send_due(for_s=5)
    kept = {link.token_hash for link in MailLink.objects.all()}
    assert len(kept) == 2 * HOMES
    body = office.got[0].get_body(("plain",))
    assert body is not None
    words = body.get_content().replace("/", " ").split()
    assert sum(len(word) == 32 for word in words) == 2, "the tokens themselves"
    assert not kept & set(words)
    monkeypatch.setattr(clock, "now", lambda: event.ends_at)
    mailing.send_due(for_s=5)
    assert set(MailLink.objects.values_list("purpose", flat=True)) == {"STOP_MAIL"}
    monkeypatch.setattr(clock, "now", lambda: MORNING + STOP_LINK_LIFE)
    mailing.send_due(for_s=5)
    assert not MailLink.objects.exists()


def test_the_mail_of_a_deleted_account_goes_with_it(office: PostOffice) -> None:
    otto = cast.homeowner("otto@home.example")
    outbox.tell(user=otto, kind=NoticeKind.PERMISSION_LOST, subject="grant:0:0", now=MORNING)
    User.objects.filter(pk=otto.pk).delete()
    assert not Notice.objects.exists()
    assert mailing.send_due(for_s=5) == 0
