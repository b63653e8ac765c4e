"""The legs of webhooks, on the default queue: never in the way of an event."""

import logging
from datetime import datetime
from typing import Any

from celery import shared_task
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import DatabaseError
from django.urls import reverse

from base import clock
from dr_events import queries
from dr_events.tasks import Ring
from partners import posting
from partners.models import Webhook
from partners.operations import answers, posts, practice, quotas, tokens, world
from partners.queries import news
from people.models import User
from people.states import MAY_OPERATE

log = logging.getLogger(__name__)


@shared_task(bind=True)
def partner_news(self: Any, /, **_: Any) -> None:
    """Write down what partners must be told of, post what is due, tidy up.

    Run by the sweep itself when the broker is silent: then it writes down only, and the posts
    wait. A sweep that talked with strangers could keep an event waiting. While an event is being
    sent, receivers in trouble wait: token renewals share this queue.
    """
    real_now = clock.real_now()
    posts.write_posts(real_now=real_now)
    if news.has_practice_clients():
        try:
            _practice(real_now)
        except DatabaseError:  # real partners' news must not wait for it
            log.exception("the practice world cannot be played on")
    answers.forget_old(real_now=real_now)
    quotas.forget_old()
    tokens.forget_old(real_now=real_now)
    posts.forget_old(real_now=real_now)
    if self.request.called_directly:
        return
    for hook in news.to_tell():
        _tell_operators(hook)
    is_busy = bool(queries.work.events_to_send(now=clock.database_now()))
    posting.post_due(only_healthy=is_busy)


def _practice(real_now: datetime) -> None:
    """Play on in the practice world, and tell its webhooks. A real partner's webhook has no program
    there to be told of."""
    with world.practice():
        practice.play_due(now=clock.now(), real_now=real_now)
        practice.forget_old(real_now=real_now)
        posts.write_posts(real_now=real_now)


def _practice_is_due(real_now: datetime) -> bool:
    if not news.has_practice_clients():
        return False
    with world.practice():
        return practice.is_due(now=clock.now(), real_now=real_now) or news.is_anything_new()


def due() -> list[Ring]:
    """For the sweep. It must not fail: tokens and events are rung for beside it."""
    try:
        real_now = clock.real_now()
        found = news.is_due(
            real_now=real_now,
            answers_before=real_now - answers.KEEP,
            posts_before=real_now - posts.KEEP,
            tokens_before=real_now - tokens.KEEP,
        ) or _practice_is_due(real_now)
    except DatabaseError:
        log.exception("what partners are due cannot be read")
        return []
    return [Ring(partner_news, {})] if found else []


def _tell_operators(hook: Webhook) -> None:
    """A mail to everybody who may operate; if the server fails it is tried again."""
    to = User.objects.filter(role__in=MAY_OPERATE, is_active=True).values_list("email", flat=True)
    at = settings.BASE_URL + reverse("console_partner", args=[hook.client_id])
    message = EmailMessage(
        subject="A partner's webhook was paused",
        body=f"Nothing is posted to {hook.url} any more. {hook.paused_why}\n\n"
        f"What happens meanwhile is kept for thirty days. Look, and resume it, at\n{at}\n",
        from_email=settings.DEFAULT_FROM_EMAIL,
        bcc=list(to),
        headers={"Auto-Submitted": "auto-generated"},
    )
    try:
        message.send()
    except Exception as error:  # a mail backend raises what it likes
        log.warning("the operators cannot be told of webhook %s: %s", hook.pk, type(error).__name__)
        return
    posts.told(hook_id=hook.pk, real_now=clock.real_now())
