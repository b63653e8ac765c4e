"""Webhooks: what happens in a program reaches its partners, at least once and signed."""

import json
import socket
import ssl
import time
from datetime import timedelta

import pytest
from allauth.idp.oidc.models import Client
from django.core import mail
from django.db import transaction
from django.utils import timezone

from base import clock
from base.refusal import Refused
from benchmarks.certificate import make_certificate
from dr_events import operations as events
from dr_events import tasks as sweeps
from enrollments.models import Enrollment, PartnerGrant
from enrollments.tokens import vault
from partners import posting
from partners.models import Change, Post, Webhook
from partners.operations import hooks, posts
from partners.rules import addresses, signing
from partners.states import HookState, PostState
from partners.tasks import due, partner_news
from people.models import User
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db
DESK = Actor("user:test", User(role=Role.APPROVER))


@pytest.fixture
def summer(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    return cast.program()


@pytest.fixture
def receiver(settings):
    made = Receiver()
    settings.WEBHOOK_INNER_HOSTS = (made.host,)
    yield made
    made.close()


def client(program, name="Leap"):
    made = Client.objects.create(
        id=f"c-{name.lower()}", name=name, grant_types="client_credentials"
    )
    PartnerGrant.objects.create(client_id=made.pk, program=program)
    return made.pk


def hook(client_id, url, *kinds):
    made = hooks.make(
        client_id=client_id, url=url, kinds=kinds, actor=DESK, now=cast.MORNING,
        real_now=timezone.now(),
    )  # fmt: skip
    return Webhook.objects.get(id=made.webhook_id), made


def work():
    """As a worker runs it: not called by the sweep itself."""
    partner_news.push_request(called_directly=False)
    try:
        partner_news.run()
    finally:
        partner_news.pop_request()


def news(of):
    return [json.loads(post.body) for post in Post.objects.filter(webhook=of).order_by("sequence")]


def write():
    return posts.write_posts(real_now=timezone.now())


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
        events.submit(event_id=draft.pk, actor=actor, now=cast.MORNING)
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
    _hurry(ours)
    receiver.answer = b"HTTP/1.1 204 No Content\r\n\r\n"
    assert posting.post_due() == 1
    assert receiver.got[0].body == receiver.got[1].body
    ours.refresh_from_db()
    assert (ours.failures, ours.failing_since, ours.next_try_at) == (0, None, None)
    assert Post.objects.get().state == PostState.DELIVERED


def _hurry(of, **fields):
    Webhook.objects.filter(pk=of.pk).update(next_try_at=None, **fields)
    Post.objects.filter(webhook=of).update(next_try_at=None)


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
    _hurry(ours, failing_since=long_ago)
    Post.objects.update(tried_since=long_ago)
    posting.post_due()
    ours.refresh_from_db()
    assert (ours.state, ours.told_at) == (HookState.PAUSED, None)
    assert ours.paused_why.endswith("It answered 500.")
    assert Post.objects.get().state == PostState.FAILED
    asked = len(receiver.got)

    work()
    work()
    assert [message.subject for message in mail.outbox] == ["A partner's webhook was paused"]
    assert mail.outbox[0].recipients() == ["olga@utility.example"]
    assert "/console/partners/c-leap/" in mail.outbox[0].body
    assert len(receiver.got) == asked

    # News is kept meanwhile; resumed, it goes out.
    cast.enrolled(summer, "9999W000001")
    write()
    assert posting.post_due() == 0
    receiver.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    hooks.resume(hook_id=ours.pk, actor=DESK, now=cast.MORNING)
    assert posting.post_due() == 1
    posts.replay(post_id=Post.objects.get(state="FAILED").pk, actor=DESK, now=cast.MORNING)
    assert posting.post_due() == 1
    assert set(Post.objects.values_list("state", flat=True)) == {PostState.DELIVERED}


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


def test_a_redirect_is_not_followed(summer, receiver):
    inner = Receiver()
    receiver.answer = (
        f"HTTP/1.1 307 Go\r\nLocation: http://{inner.host}/\r\nContent-Length: 0\r\n\r\n"
    ).encode()
    hook(client(summer), f"http://{receiver.host}/in")
    cast.enrolled(summer)
    write()
    posting.post_due()
    inner.close()
    assert (Post.objects.get().trouble, inner.connections) == ("It answered 307.", 0)


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


def test_an_inner_address_is_refused_where_it_is_dialled(summer, receiver, settings):
    """As when a name that was public when it was saved leads inside now."""
    settings.WEBHOOK_INNER_HOSTS = ()
    hook(client(summer), "https://hooks.partner.example/")
    cast.enrolled(summer)
    write()
    for url in ("https://127.0.0.1:8443/", f"http://127.0.0.1:{receiver.port}/"):
        Webhook.objects.update(url=url, next_try_at=None)
        Post.objects.update(next_try_at=None)
        posting.post_due()
    assert receiver.connections == 0
    assert Post.objects.get().state == PostState.WAITING


def test_a_name_that_changed_its_mind_is_refused_by_the_address_dialled(
    summer, receiver, settings, monkeypatch
):
    settings.WEBHOOK_INNER_HOSTS = ()
    # The rules on names and ports are passed; by the time it is dialled the name is this machine.
    monkeypatch.setattr(
        addresses, "host_and_port", lambda url, inner_allowed: ("localhost", receiver.port)
    )
    says = iter(["93.184.215.14", "127.0.0.1"])
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *a, **k: [(2, 1, 6, "", (next(says), receiver.port))]
    )
    url = f"https://localhost:{receiver.port}/"
    posting.check_address(url)
    hook(client(summer), url)
    cast.enrolled(summer)
    write()
    posting.post_due()
    assert receiver.connections == 0
    post = Post.objects.get()
    assert post.trouble == "Its name leads to an inner network; nothing was sent."


def test_names_are_looked_up_when_an_address_is_saved(monkeypatch):
    def lead_to(*found):
        rows = [(2, 1, 6, "", (address, 443)) for address in found]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: rows)

    lead_to("93.184.215.14")
    posting.check_address("https://hooks.partner.example/")
    for found in (["10.0.0.1"], ["93.184.215.14", "::1"], []):
        lead_to(*found)
        with pytest.raises(Refused):
            posting.check_address("https://hooks.partner.example/")


def test_a_receiver_with_a_wrong_certificate_gets_nothing(summer, receiver, tmp_path):
    receiver.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    receiver.tls.load_cert_chain(*make_certificate(tmp_path))
    hook(client(summer), f"https://{receiver.host}/in")
    cast.enrolled(summer)
    write()
    posting.post_due()
    assert receiver.got == []
    assert "certificate" in Post.objects.get().trouble


def test_a_secret_that_cannot_be_opened_sends_nothing(summer, receiver, monkeypatch):
    hook(client(summer), f"http://{receiver.host}/in")
    other = vault().seal("stolen", bound_to="webhook:other:k1")
    Webhook.objects.update(secret_sealed=other)
    cast.enrolled(summer)
    write()
    posting.post_due()
    assert receiver.got == []
    assert Post.objects.get().trouble == "The secret cannot be opened; rotate it."


def test_while_the_broker_is_silent_the_sweep_talks_to_nobody(summer, receiver):
    hook(client(summer), f"http://{receiver.host}/in")
    cast.enrolled(summer)
    (ring,) = due()
    sweeps._work(ring)  # what ring_due does without a broker
    assert Post.objects.get().state == PostState.WAITING
    assert receiver.connections == 0
    work()
    assert Post.objects.get().state == PostState.DELIVERED


def test_while_an_event_is_sent_receivers_in_trouble_wait(summer, receiver):
    hook(client(summer), f"http://{receiver.host}/in")
    cast.enrolled(summer)
    write()
    Webhook.objects.update(failures=1)
    assert posting.post_due(only_healthy=True) == 0
    assert posting.post_due() == 1


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
