"""A partner manages its own webhooks: what may be dialled, who sees what, secrets that stay so."""

import json
import socket
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from base import clock
from partners import posting
from partners.models import KeptAnswer, Post, Webhook
from partners.operations import hooks, posts
from partners.rules import addresses, signing
from people.models import ActivityEntry
from tests import cast
from tests.partner_calls import Caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def leap(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    cast.program()
    return Caller("summer-peak")


def make(leap, receiver, **fields):
    body = {"url": f"http://{receiver.host}/in"} | fields
    answer = leap.post("webhooks/", body)
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_made_read_changed_and_removed(leap, receiver):
    wish = {"url": f"http://{receiver.host}/in", "kinds": ["event.cancelled"]}
    answer = leap.post("webhooks/", wish)
    made = answer.json()
    at = f"webhooks/{made['webhook']['id']}/"
    assert answer["Location"].endswith(f"/api/v1/{at}")
    shown = leap.get(at)
    assert shown.json() == made["webhook"]
    assert (shown.json()["state"], shown.json()["kinds"]) == ("ACTIVE", ["event.cancelled"])
    assert leap.get("webhooks/").json() == {"items": [made["webhook"]], "next": None}
    changed = leap.send("PATCH", at, {"kinds": []}, HTTP_IF_MATCH=shown["ETag"])
    assert (changed.status_code, changed.json()["kinds"]) == (200, [])
    for method in ("PATCH", "DELETE"):
        body: Any = {"kinds": []} if method == "PATCH" else None
        no = leap.send(method, at, body, HTTP_IF_MATCH=shown["ETag"])
        assert (no.status_code, no.json()["type"]) == (412, "/problems/changed")
    gone = leap.send("DELETE", at)
    assert (gone.status_code, gone.content) == (204, b"")
    assert leap.get(at).status_code == leap.send("DELETE", at).status_code == 404
    verbs = ActivityEntry.objects.filter(actor=f"client:{leap.client_id}").order_by("id")
    assert [entry.verb for entry in verbs] == ["webhook-make", "webhook-change", "webhook-remove"]


def test_a_test_arrives_signed_and_is_in_the_log(leap, receiver):
    made = make(leap, receiver)
    at = f"webhooks/{made['webhook']['id']}/"
    assert leap.post(f"{at}test/").json() == made["webhook"]
    assert posting.post_due() == 1
    (got,) = receiver.got
    assert got.headers["offpeak-signature"] == signing.header(
        {made["key_id"]: made["secret"]},
        timestamp=int(got.headers["offpeak-timestamp"]),
        body=got.body,
    )
    leap.post(f"{at}test/")
    newest, oldest = leap.get(f"{at}messages/").json()["items"]
    assert (oldest["state"], oldest["http_status"], oldest["tries"]) == ("DELIVERED", 200, 1)
    assert (newest["state"], newest["type"]) == ("WAITING", "test")
    assert oldest["body"].encode() == got.body
    assert json.loads(oldest["body"])["id"] == oldest["id"] == got.headers["offpeak-delivery"]
    first = leap.get(f"{at}messages/?limit=1").json()
    rest = leap.browser.get(first["next"]).json()
    assert first["items"] + rest["items"] == [newest, oldest]
    assert rest["next"] is None


def test_pause_and_resume(leap, receiver):
    at = f"webhooks/{make(leap, receiver)['webhook']['id']}/"
    assert leap.post(f"{at}pause/").json()["state"] == "PAUSED"
    no = leap.post(f"{at}pause/")
    assert (no.status_code, no.json()["type"]) == (409, "/problems/wrong-state")
    leap.post(f"{at}test/")
    assert posting.post_due() == 0
    assert leap.post(f"{at}resume/").json()["state"] == "ACTIVE"
    assert leap.post(f"{at}resume/").status_code == 409
    assert posting.post_due() == 1


def test_a_new_secret_signs_beside_the_old_one(leap, receiver):
    made = make(leap, receiver)
    rotated = leap.post(f"webhooks/{made['webhook']['id']}/rotate/").json()
    assert rotated["key_id"] != made["key_id"]
    hook = Webhook.objects.get()
    both = {one["key_id"]: one["secret"] for one in (rotated, made)}
    no = leap.post(f"webhooks/{made['webhook']['id']}/rotate/")
    assert (no.status_code, no.json()["type"]) == (409, "/problems/wrong-state")
    assert hooks.secrets_of(hook, real_now=timezone.now()) == both
    later = timezone.now() + hooks.OVERLAP + timedelta(minutes=1)
    assert list(hooks.secrets_of(hook, real_now=later)) == [rotated["key_id"]]
    ended = leap.post(f"webhooks/{made['webhook']['id']}/end-old-secret/")
    assert (ended.status_code, ended.json()["key_id"]) == (200, rotated["key_id"])
    newest = hooks.secrets_of(Webhook.objects.get(), real_now=timezone.now())
    assert newest == {rotated["key_id"]: rotated["secret"]}
    assert leap.post(f"webhooks/{made['webhook']['id']}/end-old-secret/").status_code == 409
    assert leap.post(f"webhooks/{made['webhook']['id']}/rotate/").status_code == 200


def test_the_secret_is_answered_again_and_never_written_down(leap, receiver):
    body = {"url": f"http://{receiver.host}/in"}
    first = leap.post("webhooks/", body, HTTP_IDEMPOTENCY_KEY="hook-1")
    again = leap.post("webhooks/", body, HTTP_IDEMPOTENCY_KEY="hook-1")
    assert (again.json(), again["Idempotent-Replayed"]) == (first.json(), "true")
    assert Webhook.objects.count() == 1
    secret = first.json()["secret"]
    assert len(secret) > 40
    assert secret not in KeptAnswer.objects.get().body
    at = f"webhooks/{first.json()['webhook']['id']}/"
    rotated = leap.post(f"{at}rotate/", HTTP_IDEMPOTENCY_KEY="hook-2").json()
    assert leap.post(f"{at}rotate/", HTTP_IDEMPOTENCY_KEY="hook-2").json() == rotated
    assert rotated["secret"] not in KeptAnswer.objects.get(key="hook-2").body
    for text in (leap.get(at), leap.get("webhooks/"), leap.get(f"{at}messages/")):
        assert secret.encode() not in text.content
        assert rotated["secret"].encode() not in text.content
    leap.send("DELETE", at)
    gone = leap.post("webhooks/", body, HTTP_IDEMPOTENCY_KEY="hook-1").json()
    assert gone == first.json() | {"secret": None}


INNER = [
    "http://hooks.example/", "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:10.0.0.1]/",
    "https://0/", "https://2130706433/", "https://0x7f.1/", "https://169.254.169.254/",
    "https://metadata.google.internal/", "https://[fd00:ec2::254]/", "https://100.64.0.1/",
    "https://x.localhost/", "https://user@hooks.example/", "https://hooks.example:6379/",
    "https://hooks.example:5432/", "https://hooks.example:22/", "gopher://hooks.example/",
]  # fmt: skip


@pytest.mark.parametrize("url", INNER)
def test_inner_addresses_are_refused_when_made_and_when_changed(leap, receiver, url):
    no = leap.post("webhooks/", {"url": url})
    assert (no.status_code, no.json()["type"]) == (422, "/problems/address"), no.content
    assert no.json()["errors"][0]["field"] == "url"
    assert Webhook.objects.count() == 0
    made = make(leap, receiver)
    no = leap.send("PATCH", f"webhooks/{made['webhook']['id']}/", {"url": url})
    assert (no.status_code, no.json()["type"]) == (422, "/problems/address")
    assert Webhook.objects.get().url == f"http://{receiver.host}/in"


@pytest.mark.parametrize(
    "found", [["93.184.216.34", "10.0.0.8"], ["93.184.216.34", "fd00::8"], ["127.0.0.1"], []]
)
def test_a_name_that_leads_inside_is_refused_when_saved(leap, monkeypatch, found):
    def lookup(host, *_, **__):
        assert host == "hooks.partner.example"
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 443)) for one in found]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    no = leap.post("webhooks/", {"url": "https://hooks.partner.example/in"})
    assert (no.status_code, no.json()["type"]) == (422, "/problems/address")
    assert Webhook.objects.count() == 0


def test_a_name_that_turns_inside_later_is_refused_when_dialled(
    leap, receiver, settings, monkeypatch
):
    monkeypatch.setattr(posting, "check_address", lambda url: None)  # it was public then
    settings.WEBHOOK_INNER_HOSTS = ()
    name = "hooks.partner.example"
    made = leap.post("webhooks/", {"url": f"https://{name}:{receiver.port}/in"})
    monkeypatch.setattr(addresses, "host_and_port", lambda url, **_: (name, receiver.port))
    inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", receiver.port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: inside)
    at = f"webhooks/{made.json()['webhook']['id']}/"
    leap.post(f"{at}test/")
    assert posting.post_due() == 1
    (message,) = leap.get(f"{at}messages/").json()["items"]
    assert (message["state"], message["http_status"]) == ("WAITING", None)
    assert message["trouble"] == "Its name leads to an inner network; nothing was sent."
    assert receiver.connections == 0


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "url", "required"),
        ({"url": "https://x.example/", "kinds": ["event.exploded"]}, "kinds.0", "invalid-choice"),
        ({"url": "https://x.example/", "kinds": ["test"]}, "kinds.0", "invalid-choice"),
        ({"url": "https://x.example/", "secret": "mine"}, "secret", "unknown"),
        ({"url": "https://x.example/", "client_id": "other"}, "client_id", "unknown"),
    ],
)
def test_what_is_no_webhook(leap, body, field, code):
    no = leap.post("webhooks/", body)
    assert no.status_code == 400
    assert (field, code) in [(one["field"], one["code"]) for one in no.json()["errors"]]
    assert Webhook.objects.count() == 0


def test_another_clients_webhook_does_not_exist(leap, receiver):
    """Nor its log, and nothing can be done to it."""
    made = make(leap, receiver)
    at = f"webhooks/{made['webhook']['id']}/"
    leap.post(f"{at}test/")
    other = Caller("summer-peak")
    missing = other.get("webhooks/00000000-0000-4000-8000-000000000000/")
    for method, where in (
        ("GET", at), ("PATCH", at), ("DELETE", at), ("GET", f"{at}messages/"),
        *(("POST", f"{at}{act}/") for act in ("test", "rotate", "pause", "resume")),
    ):  # fmt: skip
        no = other.send(method, where, {} if method in ("PATCH", "POST") else None)
        assert (no.status_code, no.content) == (404, missing.content), where
    assert other.get("webhooks/").json()["items"] == []
    assert leap.get(at).json() == made["webhook"]
    assert Post.objects.count() == 1
    assert other.get("webhooks/none/").status_code == 404


def test_it_takes_its_own_scope_and_ten_are_enough(leap, receiver):
    planner = Caller("summer-peak", scope="offpeak.read offpeak.events")
    for no in (planner.get("webhooks/"), planner.post("webhooks/", {"url": "https://x.example"})):
        assert (no.status_code, no.json()["type"]) == (403, "/problems/missing-scope")
        assert 'scope="offpeak.webhooks"' in no["WWW-Authenticate"]
    for _ in range(10):
        make(leap, receiver)
    no = leap.post("webhooks/", {"url": f"http://{receiver.host}/in"})
    assert (no.status_code, no.json()["type"]) == (422, "/problems/too-many-webhooks")
    assert Webhook.objects.count() == 10


def test_a_practice_clients_webhooks_are_managed_alike(receiver, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    leap = Caller(practice=True)
    made = make(leap, receiver)
    assert leap.get("webhooks/").json()["items"] == [made["webhook"]]
    assert leap.post(f"webhooks/{made['webhook']['id']}/test/").status_code == 200
    assert posts.write_posts(real_now=timezone.now()) == 0
    assert posting.post_due() == 1
    assert len(receiver.got) == 1
