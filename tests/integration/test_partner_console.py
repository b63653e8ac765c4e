"""The console's pages about partners: clients, secrets, webhooks; who may, and what is shown."""

import base64
import re
import secrets
import uuid
from datetime import timedelta
from io import StringIO

import pytest
from allauth.idp.oidc.models import Client, Token
from django.core.management import call_command
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from base import clock
from enrollments import tokens
from enrollments.models import PartnerGrant
from partners import posting
from partners.models import PartnerClient, Post, Webhook
from partners.operations import client_secrets, clients, hooks, posts
from partners.queries import desk
from partners.states import Happened
from people.models import ActivityEntry
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.partner_hooks import hook

pytestmark = pytest.mark.django_db
TOKEN = "/identity/o/api/token"
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
DESK = Actor("user:test")


@pytest.fixture
def summer(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    return cast.program()


@pytest.fixture
def olga(summer):
    browser = Browser()
    browser.force_login(cast.operator(), BACKEND)
    return browser


def make(name="Leap"):
    return clients.create(
        name=name,
        slugs=["summer-peak"],
        read_only=False,
        actor=DESK,
        now=cast.MORNING,
        real_now=timezone.now(),
    )


def token(client_id, secret):
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    return Browser().post(TOKEN, form)


def shown(page, name):
    (found,) = re.findall(rf'{name} <span class="mono">([^<]+)</span>', page.content.decode())
    return found


def test_an_operator_makes_a_client_and_sees_its_secret_once(olga):
    page = olga.post(
        reverse("partner_make"), {"name": "Leap", "program": "summer-peak", "read_only": "1"}
    )
    assert (page.status_code, page["Cache-Control"]) == (200, "no-store")
    client_id, secret = shown(page, "Client id"), shown(page, "Client secret")
    assert token(client_id, secret).status_code == 200
    form = {"scope": "offpeak.events", "grant_type": "client_credentials"}
    basic = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    no = Browser().post(TOKEN, form, HTTP_AUTHORIZATION=f"Basic {basic}")
    assert no.json()["error"] == "invalid_scope"
    for address in (reverse("console_partners"), reverse("console_partner", args=[client_id])):
        text = olga.get(address).content.decode()
        assert "Leap" in text
        assert secret not in text
    assert secret not in str(list(ActivityEntry.objects.values()))


def seen(olga, made):
    """What the form of *New secret* carries."""
    page = olga.get(reverse("console_partner", args=[made.client_id]))
    return {"seen": page.context["secret_now"]}


def test_two_secrets_while_the_partner_changes_and_when_each_was_used(olga):
    first = make()
    assert token(first.client_id, first.secret).status_code == 200
    assert PartnerClient.objects.get().secret_used_at is not None
    page = olga.post(reverse("partner_act", args=[first.client_id, "rotate"]), seen(olga, first))
    second = shown(page, "Client secret")
    assert second != first.secret
    assert PartnerClient.objects.get().secret_used_at is None
    for secret in (first.secret, second):
        assert token(first.client_id, secret).status_code == 200
    own = PartnerClient.objects.get()
    assert own.old_secret_used_at
    assert own.secret_used_at
    assert own.secret_made_at
    assert own.old_secret_ends_at == own.secret_made_at + client_secrets.OVERLAP

    # It ends by itself, or when somebody says so.
    PartnerClient.objects.update(old_secret_ends_at=timezone.now() - timedelta(seconds=1))
    assert token(first.client_id, first.secret).status_code == 401
    PartnerClient.objects.update(old_secret_ends_at=timezone.now() + timedelta(hours=1))
    assert token(first.client_id, first.secret).status_code == 200
    olga.post(reverse("partner_act", args=[first.client_id, "end-old-secret"]))
    assert token(first.client_id, first.secret).status_code == 401
    assert token(first.client_id, second).status_code == 200


def test_a_leak_ends_everything_at_once(olga):
    first = make()
    token(first.client_id, first.secret)
    form = {"leaked": "1"} | seen(olga, first)
    page = olga.post(reverse("partner_act", args=[first.client_id, "rotate"]), form)
    assert Token.objects.count() == 0
    assert token(first.client_id, first.secret).status_code == 401
    assert token(first.client_id, shown(page, "Client secret")).status_code == 200


def test_programs_are_granted_and_taken_away(olga):
    cast.program("Winter Peak")
    made = make()
    olga.post(reverse("partner_act", args=[made.client_id, "grant"]), {"program": "winter-peak"})
    olga.post(reverse("partner_act", args=[made.client_id, "revoke"]), {"program": "summer-peak"})
    olga.post(reverse("partner_act", args=[made.client_id, "revoke"]), {"program": "nowhere"})
    granted = PartnerGrant.objects.values_list("program__slug", flat=True)
    assert list(granted) == ["winter-peak"]


def test_a_webhook_is_added_tested_paused_and_read_about(olga, receiver):
    made = make("<b>Leap</b>")
    url = f"http://{receiver.host}/in"
    page = olga.post(
        reverse("webhook_make", args=[made.client_id]), {"url": url, "kind": "event.cancelled"}
    )
    assert (page.status_code, page["Cache-Control"]) == (200, "no-store")
    secret, hook = shown(page, "Secret"), Webhook.objects.get()
    assert hook.kinds == ["event.cancelled"]

    def act(name, **fields):
        return olga.post(reverse("webhook_act", args=[made.client_id, hook.pk, name]), fields)

    act("test")
    receiver.answer = b"HTTP/1.1 500 No\r\nContent-Length: 23\r\n\r\n<script>bad()</script>!"
    posting.post_due()
    address = reverse("console_webhook", args=[made.client_id, hook.pk])
    text = olga.get(address).content.decode()
    assert "It answered 500." in text
    assert "&lt;script&gt;bad()" in text
    assert "<script>bad" not in text
    assert secret not in text
    assert "<b>Leap</b>" not in text

    act("pause")
    assert posting.post_due() == 0
    act("resume")
    receiver.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    posting.post_due()
    post = Post.objects.get()
    assert post.state == "DELIVERED"
    olga.post(reverse("webhook_replay", args=[made.client_id, hook.pk, post.pk]))
    posting.post_due()
    assert [one.headers["offpeak-delivery"] for one in receiver.got] == [str(post.pk)] * 3

    text = act("change", url="https://10.0.0.1/", kind="", seen=hooks.mark(hook)).content.decode()
    assert 'value="https://10.0.0.1/"' in text, "what was typed stays"
    hook.refresh_from_db()
    assert hook.url == url
    act("change", url=f"http://{receiver.host}/other", seen=hooks.mark(hook))
    hook.refresh_from_db()
    assert (hook.url, hook.kinds) == (f"http://{receiver.host}/other", [])
    act("remove")
    assert Webhook.objects.count() == Post.objects.count() == 0
    assert olga.get(address).status_code == 404


def test_the_log_is_read_page_by_page(olga, receiver):
    made = make()
    _, new = hook(made.client_id, f"http://{receiver.host}/in")
    real_now = timezone.now()
    rows = [
        posts.compose(Webhook.objects.get(), Happened.TEST, place, {}, real_now)
        for place in range(-120, 0)  # all at the same moment
    ]
    Post.objects.bulk_create(rows)
    address = reverse("console_webhook", args=[made.client_id, new.webhook_id])
    onward, seen, sizes = address, [], []
    while onward:
        page = olga.get(onward)
        seen += [row.post.pk for row in page.context["log"]]
        sizes.append(len(page.context["log"]))
        found = re.search(r'rel="next" href="([^"]+)"', page.content.decode())
        onward = found.group(1) if found else ""
        assert ("Latest" in page.content.decode()) == (len(sizes) > 1)
    assert sizes == [50, 50, 20]
    assert sorted(seen) == sorted(row.pk for row in rows)
    for gone in ("?before=nonsense", f"?before={uuid.UUID(int=0)}"):
        assert len(olga.get(address + gone).context["log"]) == 50


def test_a_message_that_waits_can_be_tried_now(olga, receiver):
    made = make()
    ours, _ = hook(made.client_id, f"http://{receiver.host}/in")
    receiver.answer = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
    olga.post(reverse("webhook_act", args=[made.client_id, ours.pk, "test"]))
    assert (posting.post_due(), posting.post_due()) == (1, 0)
    address = reverse("console_webhook", args=[made.client_id, ours.pk])
    assert "Try now" in olga.get(address).content.decode()
    replay = reverse("webhook_replay", args=[made.client_id, ours.pk, Post.objects.get().pk])
    assert "posted again now" in olga.post(replay, follow=True).content.decode()
    assert "about to be posted" in olga.post(replay, follow=True).content.decode()
    assert "Try now" not in olga.get(address).content.decode()
    assert (posting.post_due(), posting.post_due()) == (1, 0)
    olga.post(reverse("webhook_act", args=[made.client_id, ours.pk, "pause"]))
    assert "once the webhook is resumed" in olga.post(replay, follow=True).content.decode()


@pytest.mark.parametrize(
    "url", ["http://hooks.example/", "https://127.0.0.1/", "https://[::1]/", ""]
)
def test_an_address_inside_is_refused_and_nothing_is_made(olga, url):
    made = make()
    page = olga.post(reverse("webhook_make", args=[made.client_id]), {"url": url})
    assert page.status_code == 400
    assert 'id="url_error"' in page.content.decode()
    assert Webhook.objects.count() == 0


def test_one_clients_webhook_is_not_found_under_another(olga, receiver):
    mine, other = make(), make("Other")
    hook = hooks.make(
        client_id=mine.client_id, url=f"http://{receiver.host}/", kinds=[], actor=DESK,
        now=cast.MORNING, real_now=timezone.now(),
    )  # fmt: skip
    at = reverse("console_webhook", args=[other.client_id, hook.webhook_id])
    assert olga.get(at).status_code == 404
    act = reverse("webhook_act", args=[other.client_id, hook.webhook_id, "remove"])
    assert olga.post(act).status_code == 404
    assert Webhook.objects.count() == 1


@pytest.mark.parametrize("who", [None, "homeowner", Role.VIEWER])
def test_who_may_not_change_anything(summer, receiver, who):
    made = make()
    hook = hooks.make(
        client_id=made.client_id, url=f"http://{receiver.host}/", kinds=[], actor=DESK,
        now=cast.MORNING, real_now=timezone.now(),
    )  # fmt: skip
    browser = Browser()
    if who:
        person = cast.homeowner() if who == "homeowner" else cast.operator(role=who)
        browser.force_login(person, BACKEND)
    before = (Client.objects.get().secret, Webhook.objects.get().url)
    for address in (
        reverse("partner_make"),
        *(
            reverse("partner_act", args=[made.client_id, act])
            for act in ("grant", "revoke", "rotate", "end-old-secret")
        ),
        reverse("webhook_make", args=[made.client_id]),
        *(
            reverse("webhook_act", args=[made.client_id, hook.webhook_id, act])
            for act in ("change", "test", "pause", "resume", "rotate", "remove")
        ),
    ):
        answer = browser.post(address, {"name": "x", "url": "https://x.example/", "leaked": "1"})
        assert answer.status_code == (403 if who else 302), address
        assert browser.get(address).status_code in (302, 403, 405)
    assert (Client.objects.get().secret, Webhook.objects.get().url) == before
    assert PartnerGrant.objects.count() == Webhook.objects.count() == 1
    page = browser.get(reverse("console_partner", args=[made.client_id]))
    assert page.status_code == {None: 302, "homeowner": 403}.get(who, 200)
    if who == Role.VIEWER:
        assert "New secret" not in page.content.decode()


def test_rotating_the_token_key_takes_the_webhooks_along(summer, receiver, settings):
    made = make()
    first = hooks.make(
        client_id=made.client_id, url=f"http://{receiver.host}/", kinds=[], actor=DESK,
        now=cast.MORNING, real_now=timezone.now(),
    )  # fmt: skip
    second = hooks.rotate(
        hook_id=first.webhook_id, actor=DESK, now=cast.MORNING, real_now=timezone.now()
    )
    settings.TOKEN_KEYS = {"k2": secrets.token_bytes(32), **settings.TOKEN_KEYS}
    tokens.vault.cache_clear()
    try:
        assert dict(desk.keys_in_use()) == {"k1": 2}
        out = StringIO()
        call_command("rotate_keys", stdout=out)
        assert "1 webhooks were sealed again.\nkey k2: 2 tokens" in out.getvalue()
        settings.TOKEN_KEYS = {"k2": settings.TOKEN_KEYS["k2"]}
        tokens.vault.cache_clear()
        found = hooks.secrets_of(Webhook.objects.get(), real_now=timezone.now())
        assert found == {second.key_id: second.secret, first.key_id: first.secret}
    finally:
        tokens.vault.cache_clear()
