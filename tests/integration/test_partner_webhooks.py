"""Webhooks: what happens in a program reaches its partners, at least once and signed."""

import json
import time
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from base import clock
from dr_events import operations as events
from dr_events import tasks as sweeps
from enrollments.models import Enrollment
from partners import posting
from partners.models import Change, Post, Webhook
from partners.operations import clients, hooks, posts
from partners.rules import signing
from partners.states import Happened, PostState
from partners.tasks import due
from people.operations import Actor
from tests import cast
from tests.partner_hooks import DESK, client, hook, news, work, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def summer(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    return cast.program()


def test_every_change_of_an_event_and_a_home_is_told_in_order(summer, receiver):
    ours, _ = hook(client(summer), f"http://{receiver.host}/in")
    home = cast.enrolled(summer)
    event = cast.scheduled(summer)
    Enrollment.objects.pick(system=home).move("ACTIVE", "PAUSED")
    events.cancel(event_id=event.pk, actor=DESK, now=cast.MORNING)
    assert write() == 4
    told = news(ours)
    assert [one["type"] for one in told] == [
        "enrollment.active",
        "event.scheduled",
        "enrollment.paused",
        "event.cancelled",
    ]
    assert [one["data"]["state"] for one in told] == ["ACTIVE", "SCHEDULED", "PAUSED", "CANCELLED"]
    assert [one["sequence"] for one in told] == sorted(one["sequence"] for one in told)
    assert told[1]["data"]["id"] == event.wire_id
    assert told[1]["data"]["is_yours"] is False
    assert told[0]["data"]["system"] == home.serial
    assert Change.objects.count() == write() == 0


def test_partners_hear_of_their_programs_and_of_their_own_drafts_only(summer, receiver):
    url = f"http://{receiver.host}/in"
    leap, _ = hook(client(summer), url)
    other, _ = hook(client(cast.program("Winter Peak"), "Other"), url)
    picky, _ = hook("c-leap", url, "event.cancelled")
    summer.needs_approval = True
    summer.save()
    cast.enrolled(summer)
    planner = Actor.partner("c-leap")
    for actor in (planner, DESK):
        draft = events.draft(program=summer, wish=cast.wish(), actor=actor, now=cast.MORNING)
        events.submit(event_id=draft.pk, seen=1, actor=actor, now=cast.MORNING)
        events.send_back(event_id=draft.pk, seen=2, reason="Too hot", actor=DESK, now=cast.MORNING)
        events.cancel(event_id=draft.pk, actor=DESK, now=cast.MORNING)
    write()
    assert [one["type"] for one in news(leap)] == [
        "enrollment.active",
        "event.submitted",
        "event.sent-back",
        "event.cancelled",
        "event.submitted",
        "event.cancelled",
    ]
    assert [one["type"] for one in news(picky)] == ["event.cancelled"] * 2
    assert news(other) == []


def test_what_waits_is_not_told_once_the_program_was_taken_away(summer, receiver):
    leap = client(summer)
    ours, _ = hook(leap, f"http://{receiver.host}/in")
    other = cast.program("Winter")
    clients.grant(client_id=leap, slugs=[other.slug], actor=DESK, now=cast.MORNING)
    cast.enrolled(summer)
    cast.enrolled(other, "9999W000001")
    write()
    assert len(news(ours)) == 2
    clients.revoke(client_id=leap, slug=summer.slug, actor=DESK, now=cast.MORNING)
    assert [one["data"]["program"] for one in news(ours)] == [other.slug]
    assert posting.post_due() == 1
    clients.revoke(client_id=leap, slug=other.slug, actor=DESK, now=cast.MORNING)
    assert [post.state for post in Post.objects.all()] == ["DELIVERED"]  # the log of what was told
    assert len(receiver.got) == 1


def test_what_is_rolled_back_is_told_to_nobody(summer, receiver):
    hook(client(summer), f"http://{receiver.host}/in")
    cast.enrolled(summer)
    write()
    with transaction.atomic():
        cast.scheduled(summer)
        transaction.set_rollback(True)
    assert write() == 0
    assert due() != []  # the first one still waits to be posted


def test_without_webhooks_nothing_is_noted(summer):
    cast.enrolled(summer)
    cast.scheduled(summer)
    assert Change.objects.count() == 0
    assert due() == []


def test_a_message_arrives_signed(summer, receiver):
    _, secret = hook(client(summer), f"http://{receiver.host}/in?x=1")
    cast.enrolled(summer)
    write()
    assert posting.post_due() == 1
    (got,) = receiver.got
    post = Post.objects.get()
    assert (got.path, got.body) == ("/in?x=1", post.body.encode())
    assert got.headers["offpeak-delivery"] == str(post.pk) == json.loads(got.body)["id"]
    assert got.headers["content-type"] == "application/json"
    assert signing.is_genuine(
        got.headers["offpeak-signature"],
        {secret.key_id: secret.secret},
        timestamp=got.headers["offpeak-timestamp"],
        body=got.body,
        now_s=time.time(),
    )
    assert (post.state, post.http_status, post.tries, post.excerpt) == ("DELIVERED", 200, 1, "ok")
    assert posting.post_due() == 0


def test_both_secrets_sign_during_a_rotation(summer, receiver):
    ours, old = hook(client(summer), f"http://{receiver.host}/in")
    new = hooks.rotate(hook_id=ours.pk, actor=DESK, now=cast.MORNING, real_now=timezone.now())
    hooks.send_test(hook_id=ours.pk, actor=DESK, now=cast.MORNING, real_now=timezone.now())
    posting.post_due()
    given = receiver.got[0].headers["offpeak-signature"]
    assert [part.split("=")[0] for part in given.split(", ")] == [new.key_id, old.key_id]
    ours.refresh_from_db()
    later = timezone.now() + hooks.OVERLAP
    assert list(hooks.secrets_of(ours, real_now=later)) == [new.key_id]
    assert new.secret.encode() not in bytes(ours.secret_sealed)
    assert new.secret not in repr(new)
    assert json.loads(receiver.got[0].body)["type"] == "test"


def test_while_the_broker_is_silent_the_sweep_talks_to_nobody(summer, receiver):
    hook(client(summer), f"http://{receiver.host}/in")
    cast.enrolled(summer)
    (ring,) = due()
    sweeps._work(ring)  # what ring_due does without a broker
    assert Post.objects.get().state == PostState.WAITING
    assert receiver.connections == 0
    work()
    assert Post.objects.get().state == PostState.DELIVERED


def test_a_quick_receiver_gets_a_hundred_in_a_row(summer, receiver):
    ours, _ = hook(client(summer), f"http://{receiver.host}/in")
    now = timezone.now()
    waiting = [posts.compose(ours, Happened.TEST, n, {}, now) for n in range(1, 121)]
    Post.objects.bulk_create(waiting)
    assert posting.post_due() == 100
    assert [json.loads(one.body)["sequence"] for one in receiver.got] == list(range(1, 101))
    assert posting.post_due() == 20


def test_a_dead_poster_leaves_its_webhook_to_the_next(summer, receiver):
    hook(client(summer), f"http://{receiver.host}/in")
    cast.enrolled(summer)
    write()
    now = timezone.now()
    assert len(posts.claim(real_now=now, limit=5, only_healthy=False)) == 1
    assert posts.claim(real_now=now, limit=5, only_healthy=False) == []
    later = now + posts.LEASE
    assert len(posts.claim(real_now=later, limit=5, only_healthy=False)) == 1


def test_the_log_is_kept_for_thirty_days(summer, receiver):
    hook(client(summer), f"http://{receiver.host}/in")
    cast.enrolled(summer)
    write()
    now = timezone.now()
    Post.objects.update(made_at=now - timedelta(days=30) + timedelta(seconds=1))
    assert posts.forget_old(real_now=now) == 0
    Post.objects.update(made_at=now - timedelta(days=30, seconds=1))
    assert posts.forget_old(real_now=now) == 1
    assert Webhook.objects.count() == 1
