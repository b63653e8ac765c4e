"""Posts: written from what changed, claimed, settled, replayed, forgotten.

All times here are real time: a receiver lives in no simulated one.
"""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, JSONField
from django.db.models.functions import Cast

from base import bell
from base.refusal import Refused
from partners.models import Change, Post, Webhook
from partners.operations.guards import for_the_utility
from partners.queries import news
from partners.rules import retries
from partners.states import Happened, HookState, PostState
from people.operations import Actor, record

# Longer than the longest talk with a receiver: ten seconds, and the batch around it.
LEASE = timedelta(seconds=60)
KEEP = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one try. ``status`` is None when there was no answer."""

    post_id: uuid.UUID
    status: int | None
    trouble: str
    excerpt: str
    elapsed_ms: float
    at: datetime


@transaction.atomic
def write_posts(*, real_now: datetime, limit: int = 500) -> int:
    """Turn changes into posts, one for each webhook that may know and wants to; how many changes.

    Changes and posts swap places in one transaction: nothing is told twice or not at all.
    """
    changes = list(Change.objects.select_for_update(skip_locked=True).order_by("id")[:limit])
    posts = [
        compose(told.hook, told.kind, told.sequence, told.data, real_now)
        for told in news.whom_to_tell(changes)
    ]
    Post.objects.bulk_create(posts, batch_size=500)
    Change.objects.filter(id__in=[change.pk for change in changes]).delete()
    return len(changes)


def compose(
    hook: Webhook, kind: Happened, sequence: int, data: dict[str, Any], real_now: datetime
) -> Post:
    post = Post(webhook=hook, kind=kind, sequence=sequence, made_at=real_now)
    body = {
        "id": str(post.pk),
        "type": kind.value,
        "sequence": sequence,
        "made_at": news.utc(real_now),
        "data": data,
    }
    post.body = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return post


def claim(*, real_now: datetime, limit: int, only_healthy: bool) -> list[Webhook]:
    """Webhooks with something to post, ours until the lease ends; whoever dies with one leaves its
    posts waiting. ``only_healthy``: no receiver that failed last time."""
    with transaction.atomic():
        due = news.due_hooks(real_now=real_now).select_for_update(skip_locked=True, of=("self",))
        due = due.filter(failures=0) if only_healthy else due
        found = list(due[:limit])
        Webhook.objects.filter(id__in=[hook.pk for hook in found]).update(
            lease_until=real_now + LEASE
        )
    return found


@transaction.atomic
def settle(*, hook_id: uuid.UUID, tries: Sequence[Tried], dice: float) -> None:
    """Write down what came of the tries, oldest first, and give the webhook back."""
    hook: Webhook | None = Webhook.objects.select_for_update().filter(id=hook_id).first()
    if hook is None:
        return  # removed meanwhile, and its posts with it
    for tried in tries:
        _settle_one(hook, tried, dice)
    if tries and hook.failures:  # whoever asked has an answer: it still does not work
        Post.objects.filter(webhook=hook).exclude(asked_at=None).update(asked_at=None)
    hook.lease_until = None
    hook.save(update_fields=["lease_until", "failing_since", "failures", "next_try_at"])
    if tries and _is_hopeless(hook, tries[-1].at):
        why = f"No answer of 2xx for hours; the last trouble: {tries[-1].trouble}"[:200]
        Webhook.objects.pick(id=hook.pk).move(
            HookState.ACTIVE, HookState.PAUSED, paused_at=tries[-1].at, paused_why=why, told_at=None
        )


def _settle_one(hook: Webhook, tried: Tried, dice: float) -> None:
    post = Post.objects.select_for_update().filter(id=tried.post_id).first()
    if post is None:
        return  # too old to be kept
    began = post.tried_since or tried.at
    Post.objects.filter(id=post.pk).update(
        tries=F("tries") + 1,
        tries_since=F("tries_since") + 1,
        tried_since=began,
        last_try_at=tried.at,
        http_status=tried.status,
        trouble=tried.trouble[:200],
        excerpt=tried.excerpt[:500],
        elapsed_ms=tried.elapsed_ms,
        asked_at=None,
        next_try_at=tried.at + retries.wait(post.tries_since + 1, dice=dice),
    )
    if retries.is_ok(tried.status) and not tried.trouble:
        Post.objects.pick(id=post.pk).move(PostState.WAITING, PostState.DELIVERED)
        hook.failing_since, hook.failures, hook.next_try_at = None, 0, None
        return
    # One more than was due: the receiver's own waits go on as they were.
    if not (post.asked_at and hook.next_try_at and hook.next_try_at > tried.at):
        hook.failing_since, hook.failures = hook.failing_since or tried.at, hook.failures + 1
        hook.next_try_at = tried.at + retries.wait(hook.failures, dice=dice)
    # A receiver that answers nothing is paused; then this one waits with the others.
    if tried.at - began >= retries.GIVE_UP_AFTER and not _is_hopeless(hook, tried.at):
        Post.objects.pick(id=post.pk).move(PostState.WAITING, PostState.FAILED)


def _is_hopeless(hook: Webhook, at: datetime) -> bool:
    """Whether it answered nothing as it should for hours."""
    return hook.failing_since is not None and at - hook.failing_since >= retries.GIVE_UP_AFTER


def told(*, hook_id: uuid.UUID, real_now: datetime) -> None:
    """The operators know that this webhook was paused."""
    Webhook.objects.filter(id=hook_id).update(told_at=real_now)


def forget_old(*, real_now: datetime) -> int:
    """Posts are kept for thirty days; how many went."""
    old = Post.objects.filter(made_at__lt=real_now - KEEP)
    return old.delete()[0]


def forget_program(*, client_id: str, slug: str) -> int:
    """What this client was not told yet of this program, it is told no more; how many went."""
    untold = Post.objects.filter(webhook__client_id=client_id).exclude(state=PostState.DELIVERED)
    said = untold.annotate(said=Cast("body", JSONField())).filter(said__data__program=slug)
    return said.delete()[0]


@transaction.atomic
def replay(*, post_id: uuid.UUID, actor: Actor, now: datetime, real_now: datetime) -> None:
    """Post this once more, the same bytes under the same id: at once and once, also to a receiver
    in trouble, and then as often as any other. Raises Refused."""
    for_the_utility(actor, "post messages again")
    settled = [PostState.DELIVERED, PostState.FAILED]
    again = {"tried_since": None, "tries_since": 0, "next_try_at": None, "asked_at": real_now}
    if not Post.objects.pick(id=post_id).move(settled, PostState.WAITING, **again):
        waits = Post.objects.filter(id=post_id, state=PostState.WAITING, asked_at=None)
        if not waits.update(asked_at=real_now):
            raise Refused("This one is about to be posted.")
    record(actor=actor, verb="webhook-replay", subject=f"post:{post_id}", now=now)
    bell.ring()
