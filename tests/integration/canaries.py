"""A few homes from connecting to a read-back event, and every secret handed out on the way.

Used by test_secrets, which looks for them.
"""

import base64
import dataclasses
import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
import redis
from django.conf import settings as django_settings
from django.utils import timezone
from pytest_django import Settings

from carrier.channel import Channel
from carrier.oauth import OAuth
from dr_events import dispatch, operations, queries, tasks
from dr_events.models import Dispatch, Event
from dr_events.read_back import read_back
from dr_events.states import Delivery
from enrollments import operations as homes
from enrollments import sync, vendor_session
from enrollments.models import CarrierGrant, Program, System
from enrollments.tokens import vault
from enrollments.vendor_session import connecting
from people.models import User
from people.operations import Actor
from tests import cast
from tests.contract.conftest import REDIRECT, SECRET, challenge
from tests.integration.conftest import Vendor

SEND_AT = cast.MORNING + timedelta(hours=5)
COLUMNS = ("access", "refresh")
OURS = ("portal", "dr_events", "enrollments", "people", "base", "carrier")


class Canaries:
    """Secrets by name, found again in any usual spelling."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}

    def add(self, name: str, secret: str) -> None:
        assert len(secret) >= 8, name
        self.secrets.setdefault(secret, name)

    def in_text(self, text: str) -> set[str]:
        return {
            f"{name} ({way})"
            for secret, name in self.secrets.items()
            for way, spelled in spellings(secret)
            if spelled in text
        }


def spellings(secret: str) -> Iterator[tuple[str, str]]:
    raw = secret.encode()
    yield "plain", secret
    yield "quoted", quote(secret, safe="")
    yield "hex", raw.hex()
    for before in range(3):  # base64 looks different at each offset inside what surrounds it
        text = base64.b64encode(b"\0" * before + raw).decode()
        yield "base64", text[-(-before * 8 // 6) + (before > 0) : len(text) // 4 * 4 - 4]


@dataclasses.dataclass
class Story:
    """What happened, and what was kept of it on the way."""

    canaries: Canaries
    event: Event
    serials: list[str]
    kept: list[Any]
    bodies: list[str]


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    server = redis.Redis.from_url(django_settings.CELERY_BROKER_URL)
    before = set(server.keys("*"))
    yield server
    fresh = set(server.keys("*")) - before
    if fresh:
        server.delete(*fresh)
    server.close()


@pytest.fixture
def story(
    vendor: Vendor,
    settings: Settings,
    broker: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> Story:
    caplog.set_level(logging.DEBUG)
    settings.CARRIER = dict(settings.CARRIER) | {"redirect_uri": REDIRECT}
    vendor_session.config.cache_clear()
    canaries, kept = Canaries(), _keep_what_passes(monkeypatch)
    canaries.add("client secret", SECRET)
    _record_grants(vendor, canaries, monkeypatch)
    summer = cast.program()
    serials = [_walk_in(vendor, vendor.homes()[0], summer, canaries)]
    serials += [system.serial for system in vendor.enroll(summer, vendor.homes()[1:4])]
    for serial in serials:
        canaries.add(f"pin of {serial}", _pin(vendor, serial))
    _collect(canaries)

    event = cast.scheduled(summer)
    vendor.at(SEND_AT)
    homes.ask_for_sync(user=User.objects.get(grants__systems__serial=serials[0]), real_now=_real())
    CarrierGrant.objects.update(access_expires_at=_real() + timedelta(minutes=2))
    Event.objects.update(read_back_due_at=SEND_AT)  # so that every kind of ring is rung at once
    assert tasks.ring_due() >= 4
    bodies = _bodies(broker)
    fault = {"kind": "unauthorized", "match": {"operation": "POST utility_events"}, "count": 1}
    vendor.admin("PUT", "faults", rules=[fault])
    dispatch.send_wave(event.pk)
    due = queries.work.grants_to_renew(now=SEND_AT, real_now=_real(), margin=timedelta(minutes=5))
    assert vendor_session.refresh_many(due, margin=timedelta(minutes=5)) == len(due) == 4
    _collect(canaries)
    dispatch.send_wave(event.pk)
    dispatch.look_at_unsure(event.pk)
    assert read_back(event.pk) >= 4
    assert set(Dispatch.objects.values_list("delivery", flat=True)) == {Delivery.CONFIRMED}
    # four homes: code, verifier, two tokens and two more after the renewal; pins; our own secret
    assert len(canaries.secrets) >= 2 + 4 * 4 + len(serials) + 1
    return Story(canaries, event, serials, kept, bodies)


def _real() -> Any:
    return timezone.now()


def _keep_what_passes(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Everything handed to and from the vendor's windows, so that it is still there to be asked."""
    kept: list[Any] = []

    def keep(place: Any, name: str) -> None:
        real = getattr(place, name)

        def keeping(*args: Any, **values: Any) -> Any:
            result = real(*args, **values)
            kept.extend([args, values, result])
            return result

        monkeypatch.setattr(place, name, keeping)

    keep(Channel, "send")
    keep(Channel, "collect")
    keep(OAuth, "_ask")
    keep(operations, "claim")
    keep(homes, "link")
    keep(homes, "renew_tokens")
    keep(vendor_session, "client")
    return kept


def _record_grants(vendor: Vendor, canaries: Canaries, monkeypatch: pytest.MonkeyPatch) -> None:
    real = vendor.admin

    def recording(method: str, name: str, **values: Any) -> Any:
        answer = real(method, name, **values)
        if (method, name) == ("POST", "grants"):
            for given in answer["grants"]:
                canaries.add("first access token", given["access_token"])
                canaries.add("first refresh token", given["refresh_token"])
        return answer

    monkeypatch.setattr(vendor, "admin", recording)


def _walk_in(vendor: Vendor, home: dict[str, Any], program: Program, canaries: Canaries) -> str:
    """One home comes through Carrier's own pages; the serial of its first system."""
    owner = cast.homeowner("walked@home.example")
    cast.agreement(owner, program)
    state, verifier, _ = vendor_session.start()
    who = {"user": owner, "state": state, "session": "session-key-1", "real_now": _real()}
    homes.begin_link(**who, program=program, verifier=verifier)
    code = vendor.code(home, code_challenge=challenge(verifier))
    attempt = homes.take_link_attempt(**who)
    assert attempt is not None
    username, tokens = connecting.redeem(code=code, verifier=attempt.verifier)
    for name, secret in (("code", code), ("verifier", verifier), ("state", state)):
        canaries.add(name, secret)
    grant = homes.link(
        user=owner,
        carrier_username=username,
        tokens=tokens,
        actor=Actor.person(owner),
        now=cast.MORNING,
        real_now=_real(),
    )
    assert sync.read_home(grant.pk, now=cast.MORNING)
    systems = list(System.objects.filter(grant=grant).order_by("serial"))
    homes.enroll(
        user=owner,
        program=program,
        system_ids=[system.pk for system in systems],
        actor=Actor.person(owner),
        now=cast.MORNING,
    )
    canaries.add("password at Carrier", home["password"])
    return systems[0].serial


def _opened(grant: CarrierGrant, column: str) -> str:
    sealed = bytes(getattr(grant, f"{column}_sealed"))
    return vault().open(sealed, bound_to=grant.bound_to(column))


def _collect(canaries: Canaries) -> None:
    """The tokens that are in force now."""
    for grant in CarrierGrant.objects.all():
        for column in COLUMNS:
            canaries.add(f"{column} token of grant {grant.pk}", _opened(grant, column))


def _pin(vendor: Vendor, serial: str) -> str:
    """What pairs a wall control with an account: Carrier tells it, we must not keep it."""
    grant = CarrierGrant.objects.get(systems__serial=serial)
    told = vendor.call("GET", f"/systems/{serial}/profile", _opened(grant, "access")).json()
    (pin,) = _named("pin", told)
    return str(pin)


def _named(name: str, tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        here = [value for key, value in tree.items() if key == name]
        return here + [found for value in tree.values() for found in _named(name, value)]
    if isinstance(tree, list):
        return [found for value in tree for found in _named(name, value)]
    return []


def _bodies(broker: redis.Redis) -> list[str]:
    """Every message that waits on the broker: queue, task, decoded body, and the whole."""
    found = []
    for key in broker.keys("*"):
        if broker.type(key) == b"list":
            for message in broker.lrange(key, 0, -1):
                envelope = json.loads(message)
                body = base64.b64decode(envelope["body"]).decode()
                queue = envelope["properties"]["delivery_info"]["routing_key"]
                task = envelope["headers"]["task"]
                found.append(f"{queue} {task} {body} {message!r}")
    return found
