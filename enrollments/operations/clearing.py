"""Mail of long ago, and links that open nothing any more, are not kept."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from enrollments.models import MailLink, Notice, NoticeRound
from enrollments.states import NoticeState

AT_ONCE = 1000


def _old(now: datetime) -> list[QuerySet]:
    """Business time. What waits to be sent is never too old: somebody decides about it first."""
    before = now - timedelta(days=settings.NOTICES_KEPT_DAYS)
    return [
        Notice.objects.filter(made_at__lt=before).exclude(state=NoticeState.WAITING),
        NoticeRound.objects.filter(at__lt=before),
        MailLink.objects.filter(expires_at__lte=now),
    ]


def mail_is_old(*, now: datetime) -> bool:
    return any(rows.exists() for rows in _old(now))


def clear_old_mail(*, now: datetime) -> int:
    """Remove up to AT_ONCE of each; how many went. The next sweep goes on."""
    gone = 0
    for rows in _old(now):
        ids = list(rows.order_by("id").values_list("id", flat=True)[:AT_ONCE])
        gone += rows.filter(id__in=ids).delete()[0]
    return gone
