"""Receivers that fail, hang or lie: tried again, paused with a notice, never in the way."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from base import clock
from enrollments.tokens import vault
from partners import posting
from partners.models import Post, Webhook
from partners.operations import hooks
from partners.states import HookState, PostState
from tests import cast
from tests.partner_hooks import DESK, client, hook, hurry, work, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def summer(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    return cast.program()


def test_a_failure_is_tried_again_under_the_same_id(summer, receiver):
    ours, _ = hook(client(summer), f"http://{receiver.host}/in")
    cast.enrolled(summer)
    write()
    receiver.answer = b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"
    posting.post_due()
    ours.refresh_from_db()
    post = Post.objects.get()
    assert (post.state, post.http_status, post.trouble) == ("WAITING", 503, "It answered 503.")
    assert (ours.failures, post.excerpt) == (1, "busy")
    assert ours.next_try_at - ours.failing_since >= timedelta(seconds=8)
    assert posting.post_due() == 0  # not yet
    hurry(ours)
    receiver.answer = b"HTTP/1.1 204 No Content\r\n\r\n"
    assert posting.post_due() == 1
    assert receiver.got[0].body == receiver.got[1].body
    ours.refresh_from_db()
    assert (ours.failures, ours.failing_since, ours.next_try_at) == (0, None, None)
    assert Post.objects.get().state == PostState.DELIVERED


def test_one_bad_message_holds_back_no_other(summer, receiver):
    hook(client(summer), f"http://{receiver.host}/in")
    cast.enrolled(summer)
    write()
    receiver.answer = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
    posting.post_due()
    cast.enrolled(summer, "9999W000001")
    write()
    receiver.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    Webhook.objects.update(next_try_at=None)
    posting.post_due()
    states = Post.objects.order_by("sequence").values_list("state", flat=True)
    assert list(states) == [PostState.WAITING, PostState.DELIVERED]


def test_hours_without_an_answer_pause_it_and_the_operators_are_told_once(summer, receiver):
    cast.operator()
    ours, _ = hook(client(summer), f"http://{receiver.host}/in")
    cast.enrolled(summer)
    write()
    receiver.answer = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
    posting.post_due()
    long_ago = timezone.now() - timedelta(hours=8)
    hurry(ours, failing_since=long_ago)
    Post.objects.update(tried_since=long_ago)
    posting.post_due()
    ours.refresh_from_db()
    assert (ours.state, ours.told_at) == (HookState.PAUSED, None)
    assert ours.paused_why.endswith("It answered 500.")
    assert Post.objects.get().state == PostState.WAITING
    asked = len(receiver.got)

    work()
    work()
    assert [message.subject for message in mail.outbox] == ["A partner's webhook was paused"]
    assert mail.outbox[0].recipients() == ["olga@utility.example"]
    assert "/console/partners/c-leap/" in mail.outbox[0].body
    assert len(receiver.got) == asked

    # News is kept, what was tried in vain first of all; resumed, it goes out.
    cast.enrolled(summer, "9999W000001")
    write()
    assert posting.post_due() == 0
    receiver.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    hooks.resume(hook_id=ours.pk, actor=DESK, now=cast.MORNING)
    assert posting.post_due() == 2
    assert [got.body for got in receiver.got[asked:]] == [
        post.body.encode() for post in Post.objects.order_by("sequence")
    ]
    assert set(Post.objects.values_list("state", flat=True)) == {PostState.DELIVERED}


def test_a_new_address_is_tried_at_once_and_has_its_eight_hours(summer, receiver):
    ours, _ = hook(client(summer), f"http://{receiver.host}/old")
    cast.enrolled(summer)
    write()
    receiver.answer = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
    posting.post_due()
    now = timezone.now()
    later, long_ago = now + timedelta(hours=3), now - timedelta(hours=8)
    Webhook.objects.update(failures=10, failing_since=long_ago, next_try_at=later)
    Post.objects.update(tries_since=10, tried_since=long_ago, next_try_at=later)
    change = {"hook_id": ours.pk, "actor": DESK, "now": cast.MORNING}
    hooks.change(url=ours.url, kinds=["enrollment.active"], **change)
    assert posting.post_due() == 0  # other news alone is no reason
    hooks.change(url=f"http://{receiver.host}/new", kinds=[], **change)
    assert posting.post_due() == 1
    ours.refresh_from_db()
    assert (receiver.got[-1].path, ours.state, ours.failures) == ("/new", HookState.ACTIVE, 1)
    assert Post.objects.get().state == PostState.WAITING


def test_a_broken_mail_server_does_not_lose_the_notice(summer, receiver, settings):
    cast.operator()
    hook(client(summer), f"http://{receiver.host}/in")
    Webhook.objects.update(state="PAUSED", paused_why="Why.", paused_at=timezone.now())
    backend, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, "nowhere.Backend"
    work()
    assert Webhook.objects.get().told_at is None
    settings.EMAIL_BACKEND = backend
    work()
    assert len(mail.outbox) == 1


@pytest.mark.parametrize(
    ("manner", "trouble"),
    [
        ("hang", "It did not answer within 10 seconds."),
        ("drip", "It did not answer within 10 seconds."),
        ("flood", "Its answer was longer than 64 KiB."),
        ("hang up", "It hung up without an answer."),
    ],
)
def test_a_hostile_receiver_is_left_alone(summer, receiver, monkeypatch, manner, trouble):
    monkeypatch.setattr(posting, "TOTAL_S", 1.0)
    receiver.manner = manner
    ours, _ = hook(client(summer), f"http://{receiver.host}/in")
    cast.enrolled(summer)
    cast.enrolled(summer, "9999W000001")
    write()
    assert posting.post_due() == 1  # the second message is not even tried
    post = Post.objects.exclude(trouble="").get()
    assert (post.state, post.http_status, post.trouble) == ("WAITING", None, trouble)
    ours.refresh_from_db()
    assert (ours.failures, ours.lease_until) == (1, None)


def test_a_compressed_answer_is_not_unpacked(summer, receiver):
    bomb = b"\x1f\x8b" + b"\x00" * 100
    receiver.answer = (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 102\r\n\r\n" + bomb
    )
    hook(client(summer), f"http://{receiver.host}/in")
    cast.enrolled(summer)
    write()
    posting.post_due()
    assert Post.objects.get().state == PostState.DELIVERED


def test_a_secret_that_cannot_be_opened_sends_nothing(summer, receiver, monkeypatch):
    hook(client(summer), f"http://{receiver.host}/in")
    other = vault().seal("stolen", bound_to="webhook:other:k1")
    Webhook.objects.update(secret_sealed=other)
    cast.enrolled(summer)
    write()
    posting.post_due()
    assert receiver.got == []
    assert Post.objects.get().trouble == "The secret cannot be opened; rotate it."


def test_while_an_event_is_sent_receivers_in_trouble_wait(summer, receiver):
    hook(client(summer), f"http://{receiver.host}/in")
    cast.enrolled(summer)
    write()
    Webhook.objects.update(failures=1)
    assert posting.post_due(only_healthy=True) == 0
    assert posting.post_due() == 1
