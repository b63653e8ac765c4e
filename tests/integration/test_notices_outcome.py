"""An event is called off, or over: who hears of it; when the sweep rings; the log."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from dr_events import mailing, operations, tasks
from dr_events.models import Event
from dr_events.operations import noticing
from dr_events.queries import notices
from dr_events.states import Delivery, EventState, Participation
from enrollments import operations as homes
from enrollments.models import (
    CarrierGrant,
    Notice,
    NoticeRound,
    Program,
    System,
)
from enrollments.states import GrantState, NoticeKind
from people.models import User
from tests import cast
from tests.cast import MORNING
from tests.integration.test_notices import (
    HOUR,
    OLGA,
    Mails,
    become,
    event,
    hanna,
    lose,
    morning,
    summer,
    system,
    text,
    told,
    withdraw,
)
from tests.integration.test_notices_announced import EVENT_FOOTER, say_no

__all__ = ["event", "hanna", "morning", "summer", "system"]  # fixtures

pytestmark = pytest.mark.django_db


# --- and called off, or over ------------------------------------------------------------------
def cancel(event: Event) -> None:
    operations.cancel(event_id=event.pk, actor=OLGA, now=MORNING)


@pytest.mark.parametrize(
    ("delivery", "words"),
    [
        (Delivery.PLANNED, "Prairie Light called it off. Nothing is sent to your home."),
        (
            Delivery.CONFIRMED,
            "Prairie Light called it off, but Carrier already has it. If your home reacts, press "
            "Override on the wall control.",
        ),
    ],
)
def test_who_was_told_hears_that_it_is_called_off(
    event: Event, mailoutbox: Mails, delivery: Delivery, words: str
) -> None:
    tasks.mail()
    become(event, delivery=delivery)
    cancel(event)
    tasks.mail()
    tasks.mail()
    assert told(urgent=True) == [("hanna@home.example", "CANCELLED", "SENT")]
    _, message = mailoutbox
    assert message.subject == "Summer Peak: called off, Tue Jul 14, 3:00 PM CDT"
    assert text(message) == (
        "Called off: Hot afternoon\nTue Jul 14, 3:00 PM to 5:00 PM CDT\n\nDownstairs:\n\n"
        f"{words}\n\n{EVENT_FOOTER}"
    )
    assert "/o/" not in text(message)


def test_who_was_not_told_hears_nothing(event: Event, mailoutbox: Mails) -> None:
    noticing.write_rounds(now=MORNING)
    cancel(event)
    tasks.mail()
    assert mailoutbox == []
    assert told() == [("hanna@home.example", "ANNOUNCED", "DROPPED")]
    notice = Notice.objects.get()
    assert notice.trouble == "The event was called off before this was sent."
    assert notice.tries == 0, "thousands of them need not be looked at one by one"


def test_who_may_have_been_told_hears_that_it_is_called_off(
    event: Event, mailoutbox: Mails
) -> None:
    """Somebody died between the mail server's yes and the save."""
    noticing.write_rounds(now=MORNING)
    homes.claim_notices(now=MORNING, limit=1)
    cancel(event)
    tasks.mail()
    assert [message.subject for message in mailoutbox] == [
        "Summer Peak: called off, Tue Jul 14, 3:00 PM CDT"
    ]


def complete(event: Event, **fields: Any) -> None:
    become(event, **fields)
    Event.objects.update(
        state=EventState.COMPLETED,
        starts_at=MORNING - 3 * HOUR,
        ends_at=MORNING - HOUR,
        completed_at=MORNING,
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"delivery": Delivery.CONFIRMED, "participation": Participation.COMPLETED},
            "Your home took part, counted as 2 h.",
        ),
        (
            {"delivery": Delivery.CONFIRMED, "participation": Participation.OPTED_OUT_DURING},
            "Somebody pressed Override.",
        ),
        (
            {"delivery": Delivery.CONFIRMED, "participation": Participation.UNREACHABLE},
            "Carrier had the event, but we never saw your wall control follow it: most likely it "
            "was off or not online.",
        ),
        (
            {"delivery": Delivery.UNAUTHORIZED},
            "Permission lost. Your home was not asked to do anything.",
        ),
    ],
)
def test_who_was_told_hears_what_happened(
    event: Event, mailoutbox: Mails, fields: dict[str, Any], words: str
) -> None:
    tasks.mail()
    complete(event, **fields)
    tasks.mail()
    tasks.mail()
    _, message = mailoutbox
    assert message.subject == "Summer Peak: what happened Tue Jul 14, 6:00 AM CDT"
    assert text(message) == (
        "What happened: Hot afternoon\nTue Jul 14, 6:00 AM to 8:00 AM CDT\n\nDownstairs:\n\n"
        f"{words}\n\n{EVENT_FOOTER}"
    )


def test_who_said_no_is_not_written_to_again(event: Event, mailoutbox: Mails) -> None:
    tasks.mail()
    say_no(event)
    complete(event)
    tasks.mail()
    assert len(mailoutbox) == 1


def test_old_news_is_no_news(event: Event, mailoutbox: Mails) -> None:
    tasks.mail()
    complete(event, delivery=Delivery.CONFIRMED)
    Event.objects.update(completed_at=MORNING - timedelta(days=1))
    tasks.mail()
    assert len(mailoutbox) == 1


def test_what_was_called_off_days_ago_is_no_news_either(event: Event, mailoutbox: Mails) -> None:
    tasks.mail()
    cancel(event)
    Event.objects.update(cancelled_at=MORNING - timedelta(days=1))
    tasks.mail()
    assert len(mailoutbox) == 1
    assert not NoticeRound.objects.filter(kind=NoticeKind.CANCELLED).exists()


# --- when the sweep rings ---------------------------------------------------------------------
def rings() -> list[str]:
    return [ring.task.name for ring in tasks.due()]


def test_the_sweep_rings_for_mail_last_and_only_when_there_is_some(
    event: Event, mailoutbox: Mails
) -> None:
    Event.objects.update(send_at=MORNING)
    assert rings()[-1] == "dr_events.tasks.mail"
    assert rings()[0] == "dr_events.tasks.send"
    tasks.mail()
    assert len(mailoutbox) == 1
    assert "dr_events.tasks.mail" not in rings()


def test_while_an_event_is_sent_mail_takes_a_breath_only(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []
    monkeypatch.setattr(mailing, "send_due", lambda for_s: given.append(for_s))
    tasks.mail()
    Event.objects.update(send_at=MORNING)
    tasks.mail()
    assert given == [tasks.MAIL_FOR_S, tasks.MAIL_BREATH_S]


# --- what was sent to whom --------------------------------------------------------------------
def test_the_log(summer: Program, event: Event, hanna: User, mailoutbox: Mails) -> None:
    cast.enrolled(summer, "2400W000001", email="otto@home.example")
    tasks.mail()
    cancel(event)
    tasks.mail()
    assert [(row.kind, row.sent_to, row.sent_at) for row in notices.log(user=hanna)] == [
        ("CANCELLED", "hanna@home.example", MORNING),
        ("ANNOUNCED", "hanna@home.example", MORNING),
    ]
    assert len(notices.log(event_id=event.pk)) == 2
    assert notices.log(event_id=event.pk + 1) == []
    browser = Client()
    browser.force_login(hanna)
    shown = browser.get("/home/mail/").content.decode()
    assert shown.count("Tue Jul 14, 9:00 AM CDT</time> · hanna@home.example") == 2


def test_a_permission_destroyed_meanwhile_needs_no_mail(system: System, mailoutbox: Mails) -> None:
    lose(system.grant)
    withdraw(system)
    assert CarrierGrant.objects.get().state == GrantState.REVOKED
    tasks.mail()
    assert [message.subject for message in mailoutbox] == ["You have left Summer Peak"]
