"""Who is told what: facts find their notices once, and each mail says what is true when it goes."""

import html
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives
from django.test import Client

from base import clock
from base.refusal import Refused
from dr_events import operations, tasks
from dr_events.models import Dispatch, Event
from dr_events.queries import candidates
from dr_events.states import Delivery
from enrollments import operations as homes
from enrollments import queries
from enrollments.models import (
    CarrierGrant,
    Enrollment,
    Notice,
    Program,
    System,
)
from enrollments.rules import ASKED_SCOPES
from enrollments.states import NoticeKind, NoticeState
from people.models import User
from people.operations import Actor
from tests import cast
from tests.cast import MORNING

pytestmark = pytest.mark.django_db
HANNA, OLGA = Actor("user:hanna"), Actor("user:olga")
HOUR = timedelta(hours=1)
Mails = list[EmailMultiAlternatives]


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Business time stands at the cast's morning; call it to move on."""

    def at(moment: datetime) -> None:
        monkeypatch.setattr(clock, "now", lambda: moment)
        monkeypatch.setattr(clock, "database_now", lambda: moment)

    at(MORNING)
    return at


@pytest.fixture
def summer() -> Program:
    return cast.program()


@pytest.fixture
def system(summer: Program) -> System:
    return cast.enrolled(summer, email="hanna@home.example")


@pytest.fixture
def hanna(system: System) -> User:
    return system.grant.user


@pytest.fixture
def event(summer: Program, system: System) -> Event:
    return cast.scheduled(summer, response="offset", offset_f=3)


def told(**where: Any) -> list[tuple[str, str, str]]:
    rows = Notice.objects.filter(**where).order_by("user__email", "id")
    return [(row.user.email, row.kind, row.state) for row in rows]


def text(message: EmailMultiAlternatives) -> str:
    """The text part without the tokens of its links."""
    return re.sub(r"/(o|m)/[\w-]{32}/", r"/\1/TOKEN/", str(message.body))


def page(message: EmailMultiAlternatives) -> str:
    (alternative,) = message.alternatives
    return " ".join(html.unescape(str(alternative[0])).split())


def become(event: Event, **fields: Any) -> None:
    Dispatch.objects.filter(event=event).update(**fields)


FOOTER = """\
--
Prairie Light, Summer Peak
My home: http://testserver/home/
"""


# --- joining and leaving ----------------------------------------------------------------------
def test_enrolling_is_told_in_its_own_transaction(summer: Program, mailoutbox: Mails) -> None:
    hanna = cast.homeowner()
    cast.agreement(hanna, summer)
    grant = cast.grant(hanna)
    chosen = [cast.system(grant), cast.system(grant, "2319W004822", name="Upstairs")]
    enroll = partial(homes.enroll, user=hanna, program=summer, actor=HANNA, now=MORNING)
    with pytest.raises(Refused):
        enroll(system_ids=[chosen[0].pk, 999])
    assert not Notice.objects.exists()
    made = enroll(system_ids=[one.pk for one in chosen])
    assert told() == [("hanna@home.example", "ENROLLED", "WAITING")]
    assert Notice.objects.get().subject == f"enrollment:{made[0].pk}"
    tasks.mail()
    (message,) = mailoutbox
    assert (message.subject, message.to) == ("You are in: Summer Peak", ["hanna@home.example"])
    assert message.from_email == "Prairie Light <hello@prairielight.example>"
    assert text(message) == (
        "You are in Summer Peak, with:\n\n- Downstairs\n- Upstairs\n\n"
        "What comes next: nothing, until a hot or cold day. When an event is planned we write to "
        "you, at least 1 hour ahead, with its hours and what it does.\n\n"
        "To say no to one event, use the link in that mail, or your home page, or press Override "
        "on the wall control. You can pause a system or leave the program at any time, on your "
        "home page.\n\n" + FOOTER
    )
    assert "List-Unsubscribe" not in message.extra_headers
    notice = Notice.objects.get()
    assert (notice.state, notice.sent_at, notice.sent_to, notice.tries, notice.lease_until) == (
        NoticeState.SENT,
        MORNING,
        "hanna@home.example",
        1,
        None,
    )


def withdraw(system: System) -> None:
    enrollment = system.enrollments.get()
    homes.withdraw(enrollment_id=enrollment.pk, actor=HANNA, now=MORNING)


def test_leaving_gets_a_receipt(system: System, mailoutbox: Mails) -> None:
    withdraw(system)
    withdraw(system)
    assert told() == [("hanna@home.example", "WITHDRAWN", "WAITING")]
    tasks.mail()
    (message,) = mailoutbox
    assert message.subject == "You have left Summer Peak"
    assert text(message) == (
        "Downstairs left Summer Peak on Tue Jul 14, 9:00 AM CDT. It gets no more events. Keep "
        "this mail as your receipt.\n\n"
        "It was the last system on your Carrier account, so our permission to reach it is "
        "destroyed.\n\nYou can join again at any time.\n\n" + FOOTER
    )


def test_the_receipt_says_what_cannot_be_taken_back(
    system: System, event: Event, mailoutbox: Mails
) -> None:
    cast.system(system.grant, "2319W004822")
    other = System.objects.get(serial="2319W004822")
    Enrollment.objects.create(
        system=other,
        program=event.program,
        user=system.grant.user,
        enrolled_at=MORNING,
        changed_at=MORNING,
    )
    become(event, delivery=Delivery.ACCEPTED)
    withdraw(system)
    tasks.mail()
    (receipt,) = [message for message in mailoutbox if "left" in message.subject]
    assert "Your other systems stay as they are." in text(receipt)
    assert "One event is already at Carrier, and Carrier gives us no way to take it back." in text(
        receipt
    )


def test_who_joined_and_left_at_once_gets_the_receipt_alone(
    summer: Program, mailoutbox: Mails
) -> None:
    hanna = cast.homeowner()
    cast.agreement(hanna, summer)
    system = cast.system(cast.grant(hanna))
    homes.enroll(user=hanna, program=summer, system_ids=[system.pk], actor=HANNA, now=MORNING)
    withdraw(system)
    tasks.mail()
    assert [message.subject for message in mailoutbox] == ["You have left Summer Peak"]
    assert Notice.objects.get(kind=NoticeKind.ENROLLED).trouble == (
        "The home left before this was sent."
    )


# --- permission lost --------------------------------------------------------------------------
def lose(grant: CarrierGrant) -> int:
    return homes.permission_lost(grant_id=grant.pk, why="Carrier refused", now=MORNING)


def link(grant: CarrierGrant, at: datetime) -> CarrierGrant:
    return homes.link(
        user=grant.user,
        carrier_username=grant.carrier_username,
        tokens=homes.Tokens("new-access", "new-refresh", at + HOUR, ASKED_SCOPES),
        actor=HANNA,
        now=at,
        real_now=at,
    )


def test_a_lost_permission_is_told_with_the_way_back(system: System, mailoutbox: Mails) -> None:
    assert lose(system.grant) == 1
    assert lose(system.grant) == 0
    assert told(urgent=True) == [("hanna@home.example", "PERMISSION_LOST", "WAITING")]
    tasks.mail()
    tasks.mail()
    (message,) = mailoutbox
    assert message.subject == "Summer Peak: please connect again"
    assert text(message) == (
        "Carrier no longer accepts the permission you gave us on Tuesday, July 14, 2026. That "
        "happens when it was taken back at Carrier, when a password was changed, or after a long "
        "break.\n\n"
        "Until you connect again, we send nothing to: Downstairs. You stay in the program.\n\n"
        "To connect again, sign in and press Connect again:\nhttp://testserver/home/\n\n"
        "If you do not want to take part any more, you do not have to do anything.\n\n" + FOOTER
    )
    assert '<a href="http://testserver/home/"' in page(message)


def test_the_way_back_leads_to_a_system_that_takes_part_again(
    summer: Program, system: System, hanna: User
) -> None:
    draft = operations.draft(program=summer, wish=cast.wish(), actor=OLGA, now=MORNING)
    assert candidates.preview(draft).targeted == 1
    lose(system.grant)
    assert candidates.preview(draft).targeted == 0
    browser = Client()
    browser.force_login(hanna)
    home = browser.get("/home/").content.decode()
    assert "<strong>Downstairs: connect again.</strong>" in home
    assert f'action="/join/{summer.slug}/connect/"' in home
    assert ">Connect again</button>" in home
    link(system.grant, MORNING + HOUR)
    assert system.enrollments.get().state == "ACTIVE"
    assert queries.journey(hanna, summer).step == "done"
    assert candidates.preview(draft).targeted == 1
    assert "connect again.</strong>" not in browser.get("/home/").content.decode()


def test_a_loss_that_was_mended_is_not_told_and_the_next_loss_is(
    system: System, mailoutbox: Mails
) -> None:
    lose(system.grant)
    link(system.grant, MORNING + HOUR)
    tasks.mail()
    assert mailoutbox == []
    assert told() == [("hanna@home.example", "PERMISSION_LOST", "DROPPED")]
    lose(system.grant)
    tasks.mail()
    assert [message.subject for message in mailoutbox] == ["Summer Peak: please connect again"]
    assert Notice.objects.count() == 2


def test_two_losses_before_anything_was_sent_are_one_mail(
    system: System, mailoutbox: Mails
) -> None:
    lose(system.grant)
    link(system.grant, MORNING + HOUR)
    lose(system.grant)
    tasks.mail()
    assert len(mailoutbox) == 1
    assert [state for _, _, state in told()] == ["DROPPED", "SENT"]


def test_who_connected_but_never_enrolled_is_told_too(mailoutbox: Mails) -> None:
    grant = cast.grant(cast.homeowner())
    lose(grant)
    tasks.mail()
    (message,) = mailoutbox
    assert message.subject == "Prairie Light: please connect again"
    assert "Until you connect again, we cannot read your systems." in text(message)
