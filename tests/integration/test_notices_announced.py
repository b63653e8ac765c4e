"""An event is announced: to whom, in which words, and to whom not."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from dr_events import mailing, operations, tasks
from dr_events.models import Dispatch, Event
from dr_events.operations import noticing
from dr_events.states import Delivery, EventState, OptOutVia, Reason
from enrollments import operations as homes
from enrollments.models import (
    Enrollment,
    MailStop,
    Notice,
    NoticeRound,
    Program,
    System,
)
from enrollments.states import NoticeState
from people.models import User
from tests import cast
from tests.cast import MORNING
from tests.integration.test_notices import (
    FOOTER,
    HANNA,
    HOUR,
    OLGA,
    Mails,
    become,
    event,
    hanna,
    morning,
    page,
    summer,
    system,
    text,
    told,
)

__all__ = ["event", "hanna", "morning", "summer", "system"]  # fixtures

pytestmark = pytest.mark.django_db
EVENT_FOOTER = (
    FOOTER
    + """\
No more mail about events: http://testserver/m/TOKEN/
That stops the mail, not the events.
"""
)


# --- an event is announced --------------------------------------------------------------------
def test_every_targeted_home_is_told_once_however_often_a_sweep_looks(
    summer: Program, system: System, event: Event
) -> None:
    assert noticing.write_rounds(now=MORNING) == 1
    assert noticing.write_rounds(now=MORNING) == 0
    assert told() == [("hanna@home.example", "ANNOUNCED", "WAITING")]
    NoticeRound.objects.all().delete()  # and even if it were forgotten that this was done
    assert noticing.write_rounds(now=MORNING) == 0
    assert Notice.objects.count() == 1


def test_an_announcement_word_by_word(event: Event, mailoutbox: Mails) -> None:
    Event.objects.update(note="Stay cool.")
    tasks.mail()
    tasks.mail()
    (message,) = mailoutbox
    assert message.subject == "Summer Peak: event Tue Jul 14, 3:00 PM CDT"
    assert text(message) == (
        "Hot afternoon\nTue Jul 14, 3:00 PM to 5:00 PM CDT\n\n"
        "Note from Prairie Light: Stay cool.\n\n"
        "Downstairs:\n\n"
        "Your setpoint moves by 3\N{NO-BREAK SPACE}°F: up when cooling, down when heating.\n\n"
        "Nothing is sent yet. Say no now and it never will be.\n\n"
        "You do not have to do anything. To say no to this event:\n"
        "http://testserver/o/TOKEN/\n\n"
        "It takes one tap and no sign-in, until the event ends. Pressing Override on the wall "
        "control works at any time.\n\n" + EVENT_FOOTER
    )
    shown = page(message)
    assert "Your setpoint moves by <strong>3\N{NO-BREAK SPACE}°F</strong>" in str(
        html.unescape(str(message.alternatives[0][0]))
    )
    assert "<h1" in shown
    assert not re.search(r"<img|<script|<link|src=", shown), "nothing is fetched from anywhere"


def test_in_the_programs_zone_and_the_homes_unit(
    summer: Program, system: System, mailoutbox: Mails
) -> None:
    Program.objects.update(time_zone="America/Denver")
    summer.refresh_from_db()
    System.objects.update(unit="C")
    cast.scheduled(summer, response="offset", offset_f=3)
    tasks.mail()
    (message,) = mailoutbox
    assert message.subject == "Summer Peak: event Tue Jul 14, 2:00 PM MDT"
    assert "Tue Jul 14, 2:00 PM to 4:00 PM MDT" in text(message)
    assert "moves by 1.7\N{NO-BREAK SPACE}°C" in text(message)


def test_a_home_with_two_systems_gets_one_mail(
    summer: Program, system: System, hanna: User, mailoutbox: Mails
) -> None:
    second = cast.system(system.grant, "2319W004822", name="Upstairs")
    Enrollment.objects.create(
        system=second, program=summer, user=hanna, enrolled_at=MORNING, changed_at=MORNING
    )
    cast.scheduled(summer)
    tasks.mail()
    (message,) = mailoutbox
    assert text(message).count("http://testserver/o/TOKEN/") == 1
    assert text(message).index("Downstairs:") < text(message).index("Upstairs:")


def test_a_system_held_out_for_comparison_is_not_told_ahead(
    summer: Program, system: System, hanna: User, mailoutbox: Mails
) -> None:
    second = cast.system(system.grant, "2319W004822", name="Upstairs")
    Enrollment.objects.create(
        system=second, program=summer, user=hanna, enrolled_at=MORNING, changed_at=MORNING
    )
    cast.scheduled(summer)
    Dispatch.objects.filter(system=second).update(
        delivery=Delivery.WITHHELD, reason=Reason.CONTROL_GROUP
    )
    tasks.mail()
    (message,) = mailoutbox
    assert "Downstairs:" in text(message)
    assert "Upstairs" not in text(message)
    (address,) = re.findall(r"http://testserver(/o/[\w-]{32}/)", str(message.body))
    assert "Upstairs" not in Client().get(address).content.decode()


def test_who_is_not_told_of_an_event(summer: Program) -> None:
    names = ("asked", "control", "said-no", "no-mail", "paused")
    systems = {
        name: cast.enrolled(summer, f"24{number:02d}W000001", email=f"{name}@home.example")
        for number, name in enumerate(names)
    }
    paused = systems["paused"].enrollments.get()
    homes.pause(enrollment_id=paused.pk, actor=HANNA, now=MORNING)
    MailStop.objects.create(user=systems["no-mail"].grant.user, at=MORNING)
    event = cast.scheduled(summer)
    rows = {name: Dispatch.objects.get(event=event, system=one) for name, one in systems.items()}
    Dispatch.objects.filter(pk=rows["control"].pk).update(
        delivery=Delivery.WITHHELD, reason=Reason.CONTROL_GROUP
    )
    operations.opt_out(
        dispatch_id=rows["said-no"].pk, via=OptOutVia.HOME_PAGE, actor=HANNA, now=MORNING
    )
    assert noticing.write_rounds(now=MORNING) == 1
    assert told() == [("asked@home.example", "ANNOUNCED", "WAITING")]


@pytest.mark.parametrize("state", [EventState.DRAFT, EventState.SUBMITTED])
def test_what_is_not_decided_is_not_told(
    summer: Program, system: System, state: EventState
) -> None:
    operations.draft(program=summer, wish=cast.wish(), actor=OLGA, now=MORNING)
    Event.objects.update(state=state)
    assert noticing.write_rounds(now=MORNING) == 0
    assert not NoticeRound.objects.exists()


def say_no(event: Event) -> None:
    row = Dispatch.objects.get(event=event)
    operations.opt_out(dispatch_id=row.pk, via=OptOutVia.HOME_PAGE, actor=HANNA, now=MORNING)


def close_the_account(event: Event) -> None:
    User.objects.update(is_active=False)


def want_no_mail(event: Event) -> None:
    MailStop.objects.create(user=User.objects.get(email="hanna@home.example"), at=MORNING)


@pytest.mark.parametrize(
    ("meanwhile", "why"),
    [
        (say_no, "Nothing happens at this home any more."),
        (want_no_mail, "This person wants no mail about events."),
        (close_the_account, "The account is closed."),
        (
            lambda event: Event.objects.update(ends_at=MORNING),
            "The event was over before this was sent.",
        ),
    ],
)
def test_what_is_not_true_any_more_is_not_mailed(
    event: Event,
    mailoutbox: Mails,
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: Callable[[Event], Any],
    why: str,
) -> None:
    noticing.write_rounds(now=MORNING)
    Event.objects.update(starts_at=MORNING - HOUR)
    meanwhile(event)
    mailing.send_due(for_s=1)
    assert mailoutbox == []
    notice = Notice.objects.get()
    assert (notice.state, notice.trouble, notice.sent_at) == (NoticeState.DROPPED, why, None)


def test_short_notice_is_honest_about_what_carrier_has(event: Event, mailoutbox: Mails) -> None:
    become(event, delivery=Delivery.ACCEPTED)
    tasks.mail()
    assert (
        "Carrier has this event and gives us no way to take it back. You can still stop it: "
        "press Override on the wall control." in text(mailoutbox[0])
    )


def test_a_name_with_line_breaks_adds_no_header(event: Event, mailoutbox: Mails) -> None:
    Program.objects.update(name="Peak\r\nBcc: thief@example.com")
    Event.objects.update(name='<b onclick="x">\r\n.\r\n')
    tasks.mail()
    (message,) = mailoutbox
    assert message.subject == "Peak Bcc: thief@example.com: event Tue Jul 14, 3:00 PM CDT"
    assert message.recipients() == ["hanna@home.example"]
    assert "<b onclick" not in str(message.alternatives[0][0])
    message.message().as_bytes()
