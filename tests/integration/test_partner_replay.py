"""A message is asked for again: the waits of a receiver that fails begin anew."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from partners.models import Post, Webhook
from partners.operations import hooks, posts
from partners.rules import retries
from people.operations import Actor
from tests import cast

pytestmark = pytest.mark.django_db
DESK = Actor("user:test")


def failed(at: datetime) -> Post:
    """The one message of the one webhook fails at this moment."""
    post = Post.objects.get()
    tried = posts.Tried(post.pk, 500, "It answered 500.", "", 1.0, at)
    posts.settle(hook_id=post.webhook_id, tries=[tried], dice=0.5)
    return Post.objects.get()


@pytest.mark.parametrize("how", ["replay", "resume"])
def test_waits_count_from_when_it_was_asked_for_again(how: str) -> None:
    real_now = timezone.now()
    made = hooks.make(
        client_id="leap", url="https://hooks.partner.example/in", kinds=[],
        actor=DESK, now=cast.MORNING, real_now=real_now,
    )  # fmt: skip
    hook_id = made.webhook_id
    hooks.send_test(hook_id=hook_id, actor=DESK, now=cast.MORNING, real_now=real_now)
    for place, wait in enumerate(retries.WAITS[:3]):
        at = real_now + timedelta(minutes=place)
        assert failed(at).next_try_at == at + wait
    if how == "replay":
        post = failed(real_now + retries.GIVE_UP_AFTER)
        assert (post.state, Webhook.objects.get().state) == ("FAILED", "PAUSED")
        posts.replay(post_id=post.pk, actor=DESK, now=cast.MORNING)
        tries = 4
    else:
        hooks.pause(hook_id=hook_id, actor=DESK, now=cast.MORNING, real_now=real_now)
        hooks.resume(hook_id=hook_id, actor=DESK, now=cast.MORNING)
        tries = 3
    later = real_now + timedelta(hours=9)
    again = failed(later)
    assert again.next_try_at == later + retries.WAITS[0]
    assert (again.state, again.tries, again.tries_since) == ("WAITING", tries + 1, 1)
