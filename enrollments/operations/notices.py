"""The outbox: a notice is written with its fact, claimed by one sender, and ends sent or dropped.

Sending is at least once: a sender that dies between the mail server's yes and the save leaves a
lease behind, and the mail goes again with the same Message-ID.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from base import bell
from base.locks import LockSpace
from base.refusal import Refused
from enrollments.models import MailLink, MailServer, MailStop, Notice
from enrollments.rules import mail_pause_s
from enrollments.states import URGENT_MAIL, LinkPurpose, NoticeKind, NoticeState
from enrollments.tokens import hashed
from people.models import User
from people.operations import Actor, record

# Longer than any task may live (CELERY_TASK_TIME_LIMIT): real seconds.
LEASE = timedelta(seconds=180)
# Business time. A link that stops mail must work long after the mail (15 U.S.C. 7704: 30 days).
STOP_LINK_LIFE = timedelta(days=60)


def tell(*, user: User, kind: NoticeKind, subject: str, now: datetime, to: str = "") -> None:
    """Put a notice in the outbox; nothing when this was told before. Call it inside the
    transaction of the fact. ``to``: an address that is the account's no more."""
    notice = Notice(
        user=user,
        kind=kind,
        subject=subject,
        urgent=kind in URGENT_MAIL,
        made_at=now,
        due_at=now,
        sent_to=to,
    )
    Notice.objects.bulk_create([notice], ignore_conflicts=True)
    bell.ring()


TEST_EVERY = timedelta(minutes=10)


@transaction.atomic
def send_test(*, user: User, now: datetime) -> None:
    """A mail that says that mail arrives. Raises Refused within TEST_EVERY of the last one."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)  # pressed twice at once
    last = Notice.objects.filter(user=user, kind=NoticeKind.TEST).order_by("-made_at").first()
    if last is not None and last.made_at > now - TEST_EVERY:
        raise Refused("A test message is on its way; ask for the next one in ten minutes.")
    tell(user=user, kind=NoticeKind.TEST, subject=f"test:{int(now.timestamp())}", now=now)


# --- sending ----------------------------------------------------------------------------------
def be_the_mailer() -> bool:
    """Whether this session may send mail now; one does at a time, so that a slow mail server can
    hold up one worker process and never two."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LockSpace.MAILER])
        return bool(cursor.fetchone()[0])


def stop_being_the_mailer() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [LockSpace.MAILER])


_CLAIM = """
UPDATE enrollments_notice SET lease_until = clock_timestamp() + %(lease)s, tries = tries + 1
WHERE id IN (
    SELECT id FROM enrollments_notice
    WHERE state = 'WAITING' AND due_at <= %(now)s
      AND (lease_until IS NULL OR lease_until < clock_timestamp())
      AND (next_try_at IS NULL OR next_try_at <= clock_timestamp())
    ORDER BY urgent DESC, due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING id
"""


def claim_notices(*, now: datetime, limit: int) -> list[Notice]:
    """Take up to ``limit`` due notices; nobody else gets them before LEASE is over."""
    values: dict[str, Any] = {"now": now, "limit": limit, "lease": LEASE}
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        ids = [row[0] for row in cursor.fetchall()]
    claimed = Notice.objects.filter(id__in=ids).select_related("user")
    return list(claimed.order_by("-urgent", "due_at", "id"))


def _end(notice: Notice, to: NoticeState, **changes: object) -> int:
    # ``tries`` is the fence: whoever claimed it later has the say.
    mine = Notice.objects.pick(pk=notice.pk, tries=notice.tries)
    return int(mine.move(NoticeState.WAITING, to, lease_until=None, **changes))


def sent(*, notice: Notice, to: str, now: datetime) -> int:
    """Of an account that was deleted no address is kept."""
    kept = "" if notice.kind == NoticeKind.ERASED else to
    return _end(notice, NoticeState.SENT, sent_at=now, sent_to=kept, trouble="")


def drop(*, notice: Notice, why: str) -> int:
    return _end(notice, NoticeState.DROPPED, trouble=why[:120], sent_to="")


def put_off(*, notice: Notice, why: str, real_now: datetime) -> int:
    """This one mail failed: try it again later, later each time."""
    pause = timedelta(seconds=mail_pause_s(notice.tries))
    mine = Notice.objects.filter(pk=notice.pk, tries=notice.tries, state=NoticeState.WAITING)
    return mine.update(lease_until=None, next_try_at=real_now + pause, trouble=why[:120])


@transaction.atomic
def server_failed(*, unsent: Sequence[Notice], why: str, real_now: datetime) -> None:
    """The mail server is the trouble, not these mails: they stay due, and for a while nobody tries
    the server again."""
    server, _ = MailServer.objects.select_for_update().get_or_create(id=1)
    server.failures += 1
    server.quiet_until = real_now + timedelta(seconds=mail_pause_s(server.failures))
    server.trouble = why[:120]
    server.save()
    give_back(notices=unsent)


def give_back(*, notices: Sequence[Notice]) -> None:
    """Claimed, and not tried after all."""
    for notice in notices:
        Notice.objects.filter(pk=notice.pk, tries=notice.tries, state=NoticeState.WAITING).update(
            lease_until=None, tries=F("tries") - 1
        )


def server_works() -> None:
    MailServer.objects.filter(failures__gt=0).update(failures=0, quiet_until=None, trouble="")


# --- links ------------------------------------------------------------------------------------
def make_link(*, user: User, purpose: LinkPurpose, subject: str, expires_at: datetime) -> str:
    """A fresh token of 192 random bits; only its hash is kept. ``expires_at`` is business time."""
    token = secrets.token_urlsafe(24)
    MailLink.objects.create(
        token_hash=hashed(token),
        purpose=purpose,
        user=user,
        subject=subject,
        expires_at=expires_at,
    )
    return token


def forget_old_links(*, now: datetime) -> int:
    return MailLink.objects.filter(expires_at__lte=now).delete()[0]


# --- who wants mail ---------------------------------------------------------------------------
@transaction.atomic
def stop_event_mail(*, user: User, actor: Actor, now: datetime) -> bool:
    """No more mail about events; false when it was so already. No consent ends with it."""
    _, made = MailStop.objects.get_or_create(user=user, defaults={"at": now})
    if made:
        record(actor=actor, verb="stop-mail", subject=f"user:{user.pk}", now=now)
    return made


@transaction.atomic
def want_event_mail(*, user: User, actor: Actor, now: datetime) -> bool:
    """Mail about events again. Only the signed-in person asks for this, never a mailed link."""
    deleted, _ = MailStop.objects.filter(user=user).delete()
    if deleted:
        record(actor=actor, verb="want-mail", subject=f"user:{user.pk}", now=now)
    return bool(deleted)
