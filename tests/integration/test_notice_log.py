"""The utility's list of mail, what is not kept of it, and the test message."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from base import clock
from dr_events import mailing
from dr_events.queries import notice_log
from dr_events.tasks import due
from enrollments import operations
from enrollments.models import Enrollment, MailLink, Notice, NoticeRound, Replacement
from enrollments.states import LinkPurpose, NoticeKind
from people.models import User
from people.states import Role
from tests import cast
from tests.cast import MORNING

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: MORNING)


@pytest.fixture
def hanna() -> User:
    return cast.homeowner()


def desk(role: Role = Role.CUSTOMER_SERVICE) -> Client:
    client = Client()
    client.force_login(cast.operator(f"{role.lower()}@utility.example", role))
    return client


def text(response: Any) -> str:
    return " ".join(html.unescape(response.content.decode()).split())


def notice(user: User, days_ago: float, **fields: Any) -> Notice:
    at = MORNING - days_ago * DAY
    values: dict[str, Any] = {
        "kind": NoticeKind.WITHDRAWN,
        "subject": f"enrollment:{Notice.objects.count()}",
        "state": "SENT",
        "made_at": at,
        "due_at": at,
        "sent_at": at,
        "sent_to": user.email,
    }
    return Notice.objects.create(user=user, **values | fields)


# --- the list ---------------------------------------------------------------------------------
def test_it_says_what_went_to_whom_and_what_did_not_and_why(hanna: User) -> None:
    notice(hanna, 2, sent_to="old@home.example")
    notice(
        hanna, 1, kind=NoticeKind.ANNOUNCED, state="DROPPED", sent_at=None, sent_to="",
        trouble="The event was over before this was sent.",
    )  # fmt: skip
    page = text(desk().get("/console/notices/"))
    assert "hanna@home.example" in page
    assert "sent to old@home.example" in page
    assert "The event was over before this was sent." in page
    assert "Sun Jul 12, 9:00 AM CDT" in page


def test_it_links_the_event_or_the_system_and_shows_no_inner_key(hanna: User) -> None:
    summer = cast.program()
    old = cast.enrolled(summer, name="Upstairs")
    new = cast.system(old.grant, "2319W004899", name="")
    event = cast.scheduled(summer)
    joined = Enrollment.objects.create(
        system=new, program=summer, user=hanna, enrolled_at=MORNING, changed_at=MORNING
    )
    asked = Replacement.objects.create(
        enrollment=Enrollment.objects.get(system=old), system=new, seen_at=MORNING
    )
    keys = {
        f"replacement:{asked.pk}:1784037600": (f"/console/systems/{old.pk}/", "Upstairs"),
        f"enrollment:{joined.pk}": (f"/console/systems/{new.pk}/", "2319W004899"),
        f"event:{event.pk}": (f"/console/events/{event.pk}/", event.name),
        "event:99999": None,
        "replacement:99999:1784037600": None,
        f"grant:{old.grant_id}:1784037600": None,
        f"misfit:{summer.pk}:1784037600": None,
        "application:1:systems": None,
        "test:1784037600": None,
        f"user:{hanna.pk}": None,
    }
    for number, key in enumerate(keys):
        notice(hanna, number, subject=key)
    page = text(desk().get("/console/notices/"))
    rows = re.findall(r'<th scope="row">(.*?)</th>', page)
    links = [re.search(r'<a href="([^"]+)">([^<]+)</a>', row) for row in rows]
    assert [link and link.groups() for link in links] == list(keys.values())
    assert [key for key in keys if key in page] == []
    with CaptureQueriesContext(connection) as questions:
        assert len(notice_log.about([*Notice.objects.all()] * 9)) == 3
    assert len(questions) == 1 + 3, "the notices; the events, enrolments and replacements"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("", [3, 2, 1]),
        ("kind=ENROLLED", [2]),
        ("state=DROPPED", [3]),
        ("email=HANNA", [2, 1]),
        ("email=hanna&kind=ENROLLED&state=SENT", [2]),
        ("email=nobody", []),
        ("kind=nonsense&before=x", [3, 2, 1]),
    ],
)
def test_filters(hanna: User, asked: str, found: list[int]) -> None:
    otto = cast.homeowner("otto@home.example")
    notice(hanna, 3, sent_to="1@home.example")
    notice(hanna, 2, sent_to="2@home.example", kind=NoticeKind.ENROLLED)
    notice(otto, 1, sent_to="3@home.example", state="DROPPED")
    page = text(desk().get(f"/console/notices/?{asked}"))
    assert [number for number in (3, 2, 1) if f"sent to {number}@" in page] == found
    assert ("No mail matches." in page) is (not found)


def test_pages_go_on_where_they_stopped_with_the_same_number_of_questions(hanna: User) -> None:
    made = [notice(hanna, 5).pk for _ in range(7)]
    first, further = notice_log.find(limit=3)
    second, last = notice_log.find(before=further, limit=3)
    third, end = notice_log.find(before=last, limit=3)
    assert [one.pk for one in (*first, *second, *third)] == made[::-1]
    assert end == 0
    with CaptureQueriesContext(connection) as asked:
        rows, _ = notice_log.find(limit=7)
        assert {one.user.email for one in rows} == {hanna.email}
    assert len(asked) == 1 + 1  # the page and its mark


def test_homeowners_and_strangers_stay_outside(hanna: User) -> None:
    client = Client()
    assert client.get("/console/notices/").status_code == 302
    client.force_login(hanna)
    assert client.get("/console/notices/").status_code == 403
    assert "Nothing was mailed yet." in text(desk().get("/console/notices/"))


# --- what is not kept -------------------------------------------------------------------------
def test_old_mail_and_dead_links_go_and_what_waits_stays(hanna: User, settings: Any) -> None:
    settings.NOTICES_KEPT_DAYS = 100
    stays = [
        notice(hanna, 99).pk,
        notice(hanna, 101, state="WAITING", sent_at=None).pk,
    ]
    notice(hanna, 101)
    notice(hanna, 101, state="DROPPED")
    NoticeRound.objects.create(kind="ANNOUNCED", subject="event:1", at=MORNING - 101 * DAY)
    NoticeRound.objects.create(kind="ANNOUNCED", subject="event:2", at=MORNING - 99 * DAY)
    for until in (MORNING, MORNING + DAY):
        operations.make_link(
            user=hanna, purpose=LinkPurpose.STOP_MAIL, subject="", expires_at=until
        )
    assert operations.mail_is_old(now=MORNING)
    assert operations.clear_old_mail(now=MORNING) == 4
    assert list(Notice.objects.order_by("id").values_list("id", flat=True)) == stays
    assert NoticeRound.objects.values_list("subject", flat=True).get() == "event:2"
    assert MailLink.objects.get().expires_at == MORNING + DAY
    assert not operations.mail_is_old(now=MORNING)
    assert operations.clear_old_mail(now=MORNING) == 0


def test_the_sweep_rings_for_it(hanna: User) -> None:
    name = "enrollments.tasks.clear_mail"
    assert name not in [ring.task.name for ring in due()]
    notice(hanna, 9999)
    assert name in [ring.task.name for ring in due()]


# --- the test message -------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_test_message_once_in_ten_minutes(hanna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    mail.outbox.clear()
    client = Client()
    client.force_login(hanna)
    assert "Send me a test message" in text(client.get("/home/mail/"))
    done = text(client.post("/home/mail/test/", follow=True))
    assert "A test message is on its way to hanna@home.example." in done
    again = text(client.post("/home/mail/test/", follow=True))
    assert "ask for the next one in ten minutes" in again
    assert mailing.send_due(for_s=5) == 1
    (message,) = mail.outbox
    assert (message.to, message.subject) == (["hanna@home.example"], "A test message")
    assert "Our mail reaches you" in message.body
    assert "List-Unsubscribe" not in message.extra_headers
    monkeypatch.setattr(clock, "now", lambda: MORNING + timedelta(minutes=10))
    client.post("/home/mail/test/")
    assert Notice.objects.filter(kind=NoticeKind.TEST).count() == 2
