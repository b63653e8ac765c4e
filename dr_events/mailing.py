"""Window to the mail server: the outbox goes out, a little at a time, through Django's mail API.

Mail never stands in the way of an event. One process mails at a time, for a few seconds at a
stretch; a server that fails is left alone, longer each time; what failed stays in the outbox.
"""

import logging
import re
import time
from contextlib import suppress
from datetime import datetime
from smtplib import SMTPDataError, SMTPRecipientsRefused
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from base import clock
from base.refusal import Refused
from dr_events.queries import notices as queries
from dr_events.queries.letter import Letter
from dr_events.queries.work import can_recall
from enrollments import operations as outbox
from enrollments.models import Notice
from enrollments.operations.notices import STOP_LINK_LIFE
from enrollments.states import EVENT_MAIL, LinkPurpose

log = logging.getLogger(__name__)
BATCH = 20
# Tries of one mail that the server itself answers, over about twelve hours.
MOST_TRIES = 30


def send_due(*, for_s: float) -> int:
    """Send what is due for about ``for_s`` real seconds; how many the mail server took. Zero when
    another process is at it."""
    if not outbox.be_the_mailer():
        return 0
    try:
        return _send_until(time.monotonic() + for_s)
    finally:
        outbox.stop_being_the_mailer()


def _send_until(until: float) -> int:
    outbox.forget_old_links(now=clock.now())
    taken = 0
    while queries.is_sendable(now=clock.now()):
        notices = outbox.claim_notices(now=clock.now(), limit=BATCH)
        taken += _send_batch(notices, until)
        if not notices or time.monotonic() >= until:
            break
    return taken


def _send_batch(notices: list[Notice], until: float) -> int:
    server = mail.get_connection()
    left, taken = list(notices), 0
    try:
        server.open()
        while left:
            taken += _send(server, left.pop(0))
            if time.monotonic() >= until:
                break
    except Exception as error:  # a mail backend raises what it likes
        why = type(error).__name__
        log.warning("the mail server failed: %s", why)
        outbox.server_failed(unsent=left, why=why, real_now=clock.real_now())
        return taken
    finally:
        with suppress(Exception):
            server.close()
    outbox.give_back(notices=left)
    outbox.server_works()
    return taken


def _send(server: Any, notice: Notice) -> bool:
    """Whether the server took it. What is wrong with this one mail is dealt with here; trouble
    that would meet the next one too is raised."""
    now = clock.now()
    try:
        message = compose(notice, queries.letter(notice, now=now), now=now)
    except Refused as no:
        outbox.drop(notice=notice, why=str(no))
        return False
    except Exception:
        log.exception("notice %s cannot be worded", notice.pk)
        return _later(notice, "It could not be worded.")
    try:
        if not server.send_messages([message]):
            raise OSError("the mail server took nothing")
    except SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        return _refused(notice, max(codes, default=0))
    except SMTPDataError as error:
        return _refused(notice, error.smtp_code)
    except Exception as error:
        # This one steps back too: one mail nobody can take must not always be the first in line.
        _later(notice, type(error).__name__)
        raise
    outbox.sent(notice=notice, to=message.to[0], now=now)
    return True


def _refused(notice: Notice, code: int) -> bool:
    """The server read it and said no: 5xx is for ever, the rest for now (RFC 5321, 4.2.1)."""
    why = f"The mail server refused it ({code})."
    if code >= 500:
        outbox.drop(notice=notice, why=why)
        return False
    return _later(notice, why)


def _later(notice: Notice, why: str) -> bool:
    if notice.tries >= MOST_TRIES:
        outbox.drop(notice=notice, why=f"Given up: {why}")
    else:
        outbox.put_off(notice=notice, why=why, real_now=clock.real_now())
    return False


# --- wording ----------------------------------------------------------------------------------
def compose(notice: Notice, letter: Letter, *, now: datetime) -> EmailMultiAlternatives:
    """The mail with text and HTML part and fresh links."""
    # A receiver that got it twice can tell by the id.
    host = urlsplit(settings.BASE_URL).hostname
    headers = {
        "Message-ID": f"<notice-{notice.pk}-{int(notice.made_at.timestamp())}@{host}>",
        "Auto-Submitted": "auto-generated",
    }
    context = letter.facts | {
        "title": letter.title,
        "program": letter.program,
        "zone": letter.zone,
        "utility_name": settings.UTILITY_NAME,
        "can_recall": can_recall(),
        "home_at": settings.BASE_URL + reverse("my_home"),
    }
    if letter.may_say_no_until:
        context["say_no_at"] = _link(
            "say_no", notice, LinkPurpose.SAY_NO, notice.subject, letter.may_say_no_until
        )
    if notice.kind in EVENT_MAIL:
        stop_at = _link("stop_mail", notice, LinkPurpose.STOP_MAIL, "", now + STOP_LINK_LIFE)
        context["stop_at"] = stop_at
        # RFC 8058: a mail program may POST this address. It stops mail; it is not a "no".
        headers["List-Unsubscribe"] = f"<{stop_at}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    template = f"mail/{notice.kind.lower()}"
    message = EmailMultiAlternatives(
        subject=" ".join(letter.title.split()),
        body=_tidy(render_to_string(f"{template}.txt", context)),
        from_email=settings.NOTICES_FROM_EMAIL,
        to=[notice.sent_to or notice.user.email],
        headers=headers,
    )
    message.attach_alternative(render_to_string(f"{template}.html", context), "text/html")
    return message


def _link(page: str, notice: Notice, purpose: LinkPurpose, subject: str, until: datetime) -> str:
    token = outbox.make_link(user=notice.user, purpose=purpose, subject=subject, expires_at=until)
    return settings.BASE_URL + reverse(page, args=[token])


def _tidy(text: str) -> str:
    """Paragraphs with one empty line between them, however the templates were laid out."""
    paragraphs = re.split(r"\n\s*\n", text)
    lines = ("\n".join(line.strip() for line in part.strip().splitlines()) for part in paragraphs)
    return "\n\n".join(part for part in lines if part) + "\n"
