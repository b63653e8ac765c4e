"""Name servers that hang, fail or say something else: nobody waits for them, nothing is lost."""

import socket
from collections.abc import Iterator
from threading import BoundedSemaphore
from threading import Event as Flag
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from base import clock
from base.refusal import Refused
from partners import lookups, posting
from partners.models import KeptAnswer, Post, Webhook
from partners.operations import hooks
from people.operations import Actor
from tests import cast
from tests.partner_calls import Caller
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)
URL = "https://hooks.partner.example/in"
KEY = {"HTTP_IDEMPOTENCY_KEY": "hook-1"}


@pytest.fixture
def leap(monkeypatch: pytest.MonkeyPatch) -> Caller:
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    cast.program()
    return Caller("summer-peak")


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Name servers that answer when the test is over; the names that were asked."""
    asked: list[str] = []
    over = Flag()

    def hang(host: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        assert over.wait(60)
        return []

    monkeypatch.setattr(lookups, "DEADLINE_S", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield asked
    over.set()


def made(client_id: str, url: str) -> Webhook:
    new = hooks.make(
        client_id=client_id, url=url, kinds=[], actor=Actor("user:test"),
        now=cast.MORNING, real_now=timezone.now(),
    )  # fmt: skip
    hooks.send_test(
        hook_id=new.webhook_id,
        actor=Actor("user:test"),
        now=cast.MORNING,
        real_now=timezone.now(),
    )
    return Webhook.objects.get(pk=new.webhook_id)


def test_silent_name_servers_cost_a_try_and_no_more(leap: Caller, hanging: list[str]) -> None:
    made(leap.client_id, URL)
    assert posting.post_due() == 1
    post = Post.objects.get()
    assert (post.state, post.http_status, post.tries) == ("WAITING", None, 1)
    assert post.trouble.startswith("The name servers did not answer in time.")
    assert hanging == ["hooks.partner.example"]


def test_silent_name_servers_are_no_answer_to_keep(
    leap: Caller, hanging: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    no = leap.post("webhooks/", {"url": URL}, **KEY)
    assert (no.status_code, no.json()["type"], no["Retry-After"]) == (503, "/problems/lookup", "5")
    assert Webhook.objects.count() == KeptAnswer.objects.count() == 0
    public = [(socket.AF_INET, 1, 6, "", ("93.184.215.14", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: public)
    yes = leap.post("webhooks/", {"url": URL}, **KEY)
    assert (yes.status_code, Webhook.objects.count()) == (201, 1)


@pytest.mark.parametrize(
    ("error", "status", "kept"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "try again"), 503, 0),
        (socket.gaierror(socket.EAI_FAIL, "broken"), 503, 0),
        (OSError("no network"), 503, 0),
        (socket.gaierror(socket.EAI_NONAME, "not known"), 422, 1),
        (UnicodeError("label too long"), 422, 1),
    ],
)
def test_a_hiccup_is_told_from_a_no(
    leap: Caller, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, kept: int
) -> None:
    def fail(*_: Any, **__: Any) -> list[Any]:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert leap.post("webhooks/", {"url": URL}, **KEY).status_code == status
    assert (Webhook.objects.count(), KeptAnswer.objects.count()) == (0, kept)


def test_names_are_asked_outside_of_any_transaction(
    leap: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside: list[bool] = []
    monkeypatch.setattr(
        posting, "check_address", lambda url: inside.append(connection.in_atomic_block)
    )
    new = leap.post("webhooks/", {"url": URL}, **KEY).json()
    again = leap.post("webhooks/", {"url": URL}, **KEY)
    assert again["Idempotent-Replayed"] == "true"  # and nobody is asked once more
    at = f"webhooks/{new['webhook']['id']}/"
    assert leap.send("PATCH", at, {"url": f"{URL}/2"}).status_code == 200
    assert inside == [False, False]


def test_too_many_waiting_threads_are_not_joined_by_more(
    monkeypatch: pytest.MonkeyPatch, hanging: list[str]
) -> None:
    monkeypatch.setattr(lookups, "_room", BoundedSemaphore(2))
    for _ in range(3):
        with pytest.raises(Refused) as no:
            lookups.addresses_of("hooks.partner.example", 443)
        assert no.value.code == "lookup"
    assert len(hanging) == 2


@pytest.mark.parametrize("name", ["hooks.partner.example", "Hooks.Partner.Example."])
def test_libcurl_dials_what_we_found_and_asks_nobody(
    leap: Caller, settings: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    receiver = Receiver()
    settings.WEBHOOK_INNER_HOSTS = (f"{name.lower()}:{receiver.port}",)
    here = [(socket.AF_INET, 1, 6, "", ("127.0.0.1", receiver.port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: here)
    made(leap.client_id, f"http://{name}:{receiver.port}/in")
    assert posting.post_due() == 1
    receiver.close()
    assert [one.path for one in receiver.got] == ["/in"]
    assert Post.objects.get().state == "DELIVERED"
