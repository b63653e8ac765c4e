"""The outbox: what is mailed to whom, and the links that such a mail carries."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from base.moves import MoveQuerySet
from enrollments.states import NOTICE_MOVES, LinkPurpose, NoticeKind, NoticeState


class Notice(models.Model):
    """One mail to one person about one fact: first the outbox, then the log of what was sent.

    ``subject`` names the fact, such as ``event:12`` or ``enrollment:4``; the same fact is told to
    the same person once, however often a sweep finds it. What the mail says is read when it is
    sent, so that it is true then.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=20, choices=NoticeKind)
    subject = models.CharField(max_length=60)
    state = models.CharField(max_length=10, choices=NoticeState, default=NoticeState.WAITING)
    urgent = models.BooleanField(default=False, help_text="Goes before the others.")
    made_at = models.DateTimeField(help_text="Business time.")
    due_at = models.DateTimeField(help_text="Business time.")
    # Real time. Set while somebody sends it; still set when nobody saved how that ended.
    lease_until = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField(null=True, help_text="Real time.")
    tries = models.PositiveSmallIntegerField(default=0)
    trouble = models.CharField(max_length=120, blank=True)
    sent_at = models.DateTimeField(null=True, help_text="Business time.")
    # The address of that day: accounts change theirs. Goes with the account.
    sent_to = models.EmailField(blank=True)

    objects: ClassVar[Any] = MoveQuerySet["Notice"].as_manager()
    move_field = "state"
    moves: ClassVar[dict[str, set[str]]] = NOTICE_MOVES  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "kind", "subject"], name="told_once"),
            models.CheckConstraint(
                condition=~Q(state=NoticeState.SENT) | Q(sent_at__isnull=False),
                name="sent_has_a_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["-urgent", "due_at", "id"],
                condition=Q(state=NoticeState.WAITING),
                name="notices_waiting",
            ),
            models.Index(fields=["subject", "kind"], name="notices_by_subject"),
            models.Index(fields=["-made_at", "-id"], name="notices_by_time"),
        ]


class NoticeRound(models.Model):
    """The notices of one kind about one event were all written, in the transaction of this row.
    A sweep then need not look at every home of the event again."""

    kind = models.CharField(max_length=20, choices=NoticeKind)
    subject = models.CharField(max_length=60)
    at = models.DateTimeField(help_text="Business time.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject"], name="one_round_per_fact")
        ]


class MailLink(models.Model):
    """What the address in a mail may do: one purpose, for one person, about one subject.

    Only the hash of its token is kept. It opens no account: see ``LinkPurpose``.
    """

    token_hash = models.CharField(max_length=64, unique=True)
    purpose = models.CharField(max_length=10, choices=LinkPurpose)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="mail_links")
    subject = models.CharField(max_length=60, blank=True)
    expires_at = models.DateTimeField(db_index=True, help_text="Business time.")


class MailStop(models.Model):
    """This person wants no mail about events. It ends no consent; events go on."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="mail_stop", primary_key=True
    )
    at = models.DateTimeField(help_text="Business time.")


class CalendarFeed(models.Model):
    """A homeowner's calendar program may read this home's events at an address of its own, until
    it is switched off or another address is made. Only the hash of its token is kept."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="calendar_feed", primary_key=True
    )
    token_hash = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField(help_text="Business time.")


class MailServer(models.Model):
    """One row, made when the mail server fails: nobody tries it again before ``quiet_until``."""

    failures = models.PositiveIntegerField(default=0, help_text="In a row.")
    quiet_until = models.DateTimeField(null=True, help_text="Real time.")
    trouble = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="only_one_mail_server")]
