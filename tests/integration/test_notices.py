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
from dr_events import mailing, operations, tasks
from dr_events.models import Dispatch, Event
from dr_events.operations import noticing
from dr_events.queries import candidates, notices
from dr_events.states import Delivery, EventState, OptOutVia, Participation, Reason
from enrollments import operations as homes
from enrollments import queries
from enrollments.models import (
    CarrierGrant,
    Enrollment,
    MailStop,
    Notice,
    NoticeRound,
    Program,
    System,
)
from enrollments.rules import ASKED_SCOPES
from enrollments.states import GrantState, NoticeKind, NoticeState
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
EVENT_FOOTER = (
    FOOTER
    + """\
No more mail about events: http://testserver/m/TOKEN/
That stops the mail, not the events.
"""
)


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
            "Your home took part.",
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
