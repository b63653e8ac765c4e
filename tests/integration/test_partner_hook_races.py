"""Two at once at a partner's webhooks, with real threads: one wins, the other is told so."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from allauth.idp.oidc.models import Client
from django.db import connection, connections, transaction
from django.utils import timezone

from base import clock
from partners.models import Webhook
from partners.operations import hooks
from people.operations import Actor
from tests import cast
from tests.partner_calls import Caller

pytestmark = pytest.mark.django_db(transaction=True)
Call = Callable[[], Any]


@pytest.fixture
def leap(monkeypatch: pytest.MonkeyPatch) -> Caller:
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    cast.program()
    return Caller("summer-peak")


def make(leap: Caller) -> None:
    hooks.make(
        client_id=leap.client_id, url="https://hooks.partner.example/in", kinds=[],
        actor=Actor("user:test"), now=cast.MORNING, real_now=timezone.now(),
    )  # fmt: skip


def together(held: Any, calls: list[Call]) -> list[int]:
    """The statuses of calls that all stood in line for the rows ``held`` at the same moment."""

    def run(call: Call) -> int:
        try:
            return int(call().status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        with transaction.atomic():
            assert list(held.select_for_update())
            answers = [pool.submit(run, call) for call in calls]
            deadline = time.monotonic() + 4  # the product waits five seconds for a lock
            while _in_line() < len(calls):
                assert time.monotonic() < deadline, "not everybody asked for the lock"
                time.sleep(0.01)
        return sorted(answer.result() for answer in answers)


def _in_line() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize(("second", "expected"), [("PATCH", [200, 412]), ("DELETE", None)])
def test_of_two_changes_to_what_both_have_seen_one_is_done(
    leap: Caller, second: str, expected: list[int] | None
) -> None:
    make(leap)
    at = f"webhooks/{Webhook.objects.get().pk}/"
    seen = {"HTTP_IF_MATCH": leap.get(at)["ETag"]}
    calls: list[Call] = [
        lambda: leap.send("PATCH", at, {"kinds": ["event.cancelled"]}, **seen),
        lambda: leap.send(
            second, at, {"kinds": ["event.completed"]} if second == "PATCH" else None, **seen
        ),
    ]
    found = together(Webhook.objects.all(), calls)
    if expected:
        assert found == expected
        assert Webhook.objects.get().kinds in (["event.cancelled"], ["event.completed"])
    else:  # removed, and nothing is there to change; or changed, and not the one that was meant
        assert found == ([204, 404] if not Webhook.objects.exists() else [200, 412])


def test_ten_are_enough_however_many_come_at_once(
    leap: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("partners.posting.check_address", lambda url: None)
    for _ in range(hooks.MOST - 1):
        make(leap)
    body = {"url": "https://hooks.partner.example/in"}
    calls: list[Call] = [lambda: leap.post("webhooks/", body)] * 3
    assert together(Client.objects.filter(pk=leap.client_id), calls) == [201, 422, 422]
    assert Webhook.objects.count() == hooks.MOST
