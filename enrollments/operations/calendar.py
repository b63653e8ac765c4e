"""The address at which a calendar program reads a home's events."""

import secrets
from datetime import datetime

from django.db import transaction

from enrollments.models import CalendarFeed
from enrollments.tokens import hashed
from people.models import User
from people.operations import Actor, record


@transaction.atomic
def open_calendar(*, user: User, actor: Actor, now: datetime) -> str:
    """A fresh token of 192 random bits; the address before it, if there was one, ends."""
    token = secrets.token_urlsafe(24)
    CalendarFeed.objects.update_or_create(
        user=user, defaults={"token_hash": hashed(token), "made_at": now}
    )
    record(actor=actor, verb="open-calendar", subject=f"user:{user.pk}", now=now)
    return token


@transaction.atomic
def close_calendar(*, user: User, actor: Actor, now: datetime) -> bool:
    """No address any more; false when there was none."""
    deleted, _ = CalendarFeed.objects.filter(user=user).delete()
    if deleted:
        record(actor=actor, verb="close-calendar", subject=f"user:{user.pk}", now=now)
    return bool(deleted)
