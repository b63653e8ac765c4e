"""Canaries: the real tokens of real homes, looked for wherever they must not be.

Homes connect, tokens are renewed, one is refused, an event is sent and read back. Every secret
the cloud handed out on the way is then searched for in the whole database, in every log line, in
the messages on the broker, in the pages of the back office and in what our objects say of
themselves. Each place also has to show something harmless that is known to be there: a search
that finds nothing at all proves nothing.
"""

import base64
import dataclasses
import gc
import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
import redis
from django.conf import settings as django_settings
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from carrier.channel import Channel
from carrier.curl_lane import Answer, Outgoing
from carrier.oauth import OAuth
from dr_events import dispatch, operations, queries, tasks
from dr_events.models import Dispatch, Event
from dr_events.read_back import read_back
from dr_events.states import Delivery
from enrollments import operations as homes
from enrollments import sync, vendor_session
from enrollments.models import CarrierGrant, Program, System
from enrollments.tokens import vault
from people.models import User
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.contract.conftest import REDIRECT, SECRET, challenge
from tests.integration.conftest import Vendor

pytestmark = pytest.mark.django_db(transaction=True)
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


def test_the_search_finds_what_is_there() -> None:
    canaries = Canaries()
    canaries.add("token", "s3cret-token-of-a-home")
    raw = b"s3cret-token-of-a-home"
    for around in (b"", b"x", b"xy", b"xyz"):
        mixed = base64.b64encode(around + raw + b" and more").decode()
        assert canaries.in_text(f"Basic {mixed}") == {"token (base64)"}
    assert canaries.in_text(raw.decode()) == {"token (plain)", "token (quoted)"}
    assert canaries.in_text(raw.hex()) == {"token (hex)"}
    assert canaries.in_text("s3cret-token-of-a-house") == set()


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
    username, tokens = vendor_session.redeem(code=code, verifier=attempt.verifier)
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


# --- the places ----------------------------------------------------------------------------------
def _every_row() -> dict[str, str]:
    """The whole database as text, by table.column; bytes both as hex and as what they spell."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = 'public'"
        )
        dump = {}
        for table, column, kind in cursor.fetchall():
            as_text = f'"{column}"::text'
            if kind == "bytea":
                as_text += f" || ' ' || encode(\"{column}\", 'escape')"
            cursor.execute(f'SELECT string_agg({as_text}, chr(10)) FROM "{table}"')
            dump[f"{table}.{column}"] = cursor.fetchone()[0] or ""
    return dump


def test_no_secret_in_any_column_of_any_table(story: Story) -> None:
    dump = _every_row()
    assert len({place.split(".")[0] for place in dump}) >= 25
    assert story.serials[0] in dump["enrollments_system.serial"]
    for column in COLUMNS:
        assert len(dump[f"enrollments_carriergrant.{column}_sealed"].splitlines()) >= 4
    hits = {place: found for place, text in dump.items() if (found := story.canaries.in_text(text))}
    assert hits == {}


def test_what_is_sealed_is_all_there_is_and_opens_to_the_canaries(story: Story) -> None:
    """The other half: the tokens *are* kept, or the search above looked for the wrong things."""
    for grant in CarrierGrant.objects.all():
        for column in COLUMNS:
            assert _opened(grant, column) in story.canaries.secrets


def test_no_secret_in_any_log_line(story: Story, caplog: pytest.LogCaptureFixture) -> None:
    talk = logging.Formatter("%(name)s %(levelname)s %(message)s %(args)s %(pathname)s")
    # `setup` is where the fixture told the story; the test itself says nothing more.
    records = [*caplog.get_records("setup"), *caplog.get_records("call")]
    lines = [talk.format(record) + repr(record.__dict__) for record in records]
    assert {"urllib3.connectionpool"} <= {record.name for record in records}
    assert any("/oauth/token" in line for line in lines)
    hits = [line for line in lines if story.canaries.in_text(line)]
    assert hits == []


def test_no_secret_on_the_broker(story: Story) -> None:
    assert {tuple(body.split(" ")[:2]) for body in story.bodies} == {
        ("dispatch", "dr_events.tasks.send"),
        ("dispatch", "dr_events.tasks.prove"),
        ("dispatch", "dr_events.tasks.read_back"),
        ("default", "dr_events.tasks.renew"),
        ("default", "enrollments.tasks.read_home"),
        ("default", "dr_events.tasks.mail"),
    }
    assert any(f'"event_id": {story.event.pk}' in body for body in story.bodies)
    assert [body for body in story.bodies if story.canaries.in_text(body)] == []


def _says(thing: Any) -> str:
    try:
        return f"{thing!r} {thing}"
    except Exception as error:  # an object being torn down somewhere else
        return type(error).__name__


def _our_objects() -> list[Any]:
    return [
        thing
        for thing in gc.get_objects()
        if str(type(thing).__module__).partition(".")[0] in OURS and not isinstance(thing, type)
    ]


def test_no_object_of_ours_tells_a_secret(story: Story) -> None:
    alive = _our_objects()
    kinds = {type(thing).__name__ for thing in alive}
    assert kinds >= {
        "Answer", "CarrierClient", "CarrierConfig", "CarrierGrant", "Claim", "Claimed", "Outgoing",
        "TokenSet", "Tokens", "Vault",
    }  # fmt: skip
    tell = {type(thing).__name__ for thing in alive if story.canaries.in_text(_says(thing))}
    assert tell == set()


def test_a_request_does_not_tell_its_headers(story: Story) -> None:
    requests = [thing for thing in _our_objects() if isinstance(thing, Outgoing)]
    assert requests
    assert [out.key for out in requests if story.canaries.in_text(_says(out))] == []


def test_an_answer_tells_no_secret_even_when_it_went_wrong(story: Story) -> None:
    answers = [thing for thing in _our_objects() if isinstance(thing, Answer)]
    assert 401 in {answer.status for answer in answers}
    assert not any(story.canaries.in_text(_says(answer)) for answer in answers)


def test_the_back_office_shows_no_token_and_no_sealed_column(story: Story) -> None:
    root = cast.operator("root@utility.example", Role.ADMIN)
    User.objects.filter(pk=root.pk).update(is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(root)
    sealed = [
        bytes(getattr(grant, f"{column}_sealed"))
        for grant in CarrierGrant.objects.all()
        for column in COLUMNS
    ]
    pages = {}
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        addresses = [reverse(f"{name}_changelist")]
        addresses += [
            reverse(f"{name}_change", args=[row.pk]) for row in model._default_manager.all()[:3]
        ]
        for address in addresses:
            answer = client.get(address)
            assert answer.status_code == 200, address
            pages[address] = answer.content.decode()
    assert any("/admin/enrollments/carriergrant/" in address for address in pages)
    assert any("walked@home.example" in page for page in pages.values())
    for address, page in pages.items():
        assert story.canaries.in_text(page) == set(), address
        for spelled in ("access_sealed", "refresh_sealed", "Access sealed", "Refresh sealed"):
            assert spelled not in page, address
        for value in sealed:
            for spelled in (value.hex(), base64.b64encode(value).decode(), repr(value)):
                assert spelled not in page, address
