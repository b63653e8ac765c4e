"""Secrets, waits and leases go by the database's clock: a host whose own clock is wrong shortens or
lengthens none of them."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from base import clock
from partners import posting
from partners.models import KeptAnswer, PartnerClient, Post, Webhook
from partners.operations import client_secrets, clients, hooks, posts
from partners.tasks import partner_news
from tests import cast
from tests.partner_calls import Caller
from tests.partner_hooks import DESK, client, hook, work
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db
SLACK = timedelta(minutes=5)


@pytest.fixture(params=[timedelta(days=40), timedelta(days=-40)], ids=["ahead", "behind"])
def wrong(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """This host's clock is off by far more than any wait here."""
    right = timezone.now
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    monkeypatch.setattr(timezone, "now", lambda: right() + request.param)
    assert abs(clock.real_now() - timezone.now()) > timedelta(days=39)


def is_now(moment: datetime | None) -> bool:
    return moment is not None and abs(moment - clock.real_now()) < SLACK


def test_a_message_is_made_claimed_tried_and_kept_by_the_databases_clock(
    wrong: None, receiver: Receiver
) -> None:
    summer = cast.program()
    leap = client(summer)
    hook(leap, f"http://{receiver.host}/in")
    Webhook.objects.update(made_at=clock.real_now())
    receiver.answer = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
    cast.enrolled(summer)
    work()
    post, ours = Post.objects.get(), Webhook.objects.get()
    assert is_now(post.made_at)
    assert is_now(post.last_try_at)
    assert is_now(ours.failing_since)
    assert ours.next_try_at is not None
    assert is_now(ours.next_try_at)
    (got,) = receiver.got
    assert abs(int(got.headers["offpeak-timestamp"]) - clock.real_now().timestamp()) < 300
    # Not forgotten as too old, and not tried again before its time.
    work()
    assert (Post.objects.count(), len(receiver.got)) == (1, 1)
    found = posts.claim(real_now=clock.real_now() + SLACK, limit=5, only_healthy=False)
    assert [one.pk for one in found] == [ours.pk]
    posting.post_due()
    assert len(receiver.got) == 1  # the lease of the one who claimed it just now


def test_the_old_secret_goes_on_for_as_long_as_it_was_promised(wrong: None) -> None:
    cast.program()
    made = clients.create(
        name="Leap", slugs=[], read_only=False, actor=DESK, now=cast.MORNING,
        real_now=clock.real_now(),
    )  # fmt: skip
    client_secrets.rotate(
        client_id=made.client_id, actor=DESK, now=cast.MORNING, real_now=clock.real_now()
    )
    own = PartnerClient.objects.get()
    assert client_secrets.check_secret(own.client, made.secret)
    assert is_now(PartnerClient.objects.get().old_secret_used_at)
    ended = clock.real_now() - timedelta(seconds=1)
    PartnerClient.objects.update(old_secret_ends_at=ended)
    assert not client_secrets.check_secret(own.client, made.secret)


def test_the_api_writes_down_real_time_by_the_databases_clock(
    wrong: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast.program()
    monkeypatch.setattr(posting, "check_address", lambda url: None)
    leap = Caller("summer-peak")
    body = {"url": "https://hooks.partner.example/in"}
    made = leap.post("webhooks/", body, HTTP_IDEMPOTENCY_KEY="one")
    at = f"webhooks/{made.json()['webhook']['id']}/"
    assert is_now(Webhook.objects.get().made_at)
    assert is_now(KeptAnswer.objects.get().made_at)
    for act in ("rotate", "pause"):
        assert leap.post(f"{at}{act}/").status_code == 200
    ours = Webhook.objects.get()
    assert is_now(ours.paused_at)
    assert ours.old_ends_at is not None
    assert is_now(ours.old_ends_at - hooks.OVERLAP)
    partner_news.run()
    assert KeptAnswer.objects.count() == 1
