"""``manage.py audit_tokens``: a token planted anywhere is found, and named without being shown."""

import base64
import json
import secrets
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from urllib.parse import quote

import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.core.management import CommandError, call_command
from pytest_django import Settings

from dr_events.models import Event
from enrollments import tokens
from enrollments.models import CarrierGrant
from enrollments.tokens import vault
from people.models import ActivityEntry
from people.operations import SYSTEM, record
from portal.token_audit import END, Secrets, spellings
from tests import cast

pytestmark = pytest.mark.django_db
TOKEN = secrets.token_urlsafe(32)
OTHER = secrets.token_urlsafe(32)


@pytest.fixture
def grant() -> CarrierGrant:
    """A connected home with one event planned, its tokens as long as real ones."""
    system = cast.enrolled(cast.program(), "2319W004821")
    cast.scheduled(system.enrollments.get().program)
    found = system.grant
    for column, token in (("access", TOKEN), ("refresh", OTHER)):
        setattr(found, f"{column}_sealed", vault().seal(token, bound_to=found.bound_to(column)))
    found.save()
    return found


def audit(*files: Path) -> tuple[str, str]:
    """What the command says, and its troubles: '' when nothing was found."""
    out, err = StringIO(), StringIO()
    try:
        call_command("audit_tokens", *map(str, files), stdout=out, stderr=err)
    except CommandError as trouble:
        err.write(str(trouble))
    assert TOKEN not in out.getvalue() + err.getvalue()
    return out.getvalue(), err.getvalue()


def test_a_clean_house(grant: CarrierGrant) -> None:
    said, trouble = audit()
    assert trouble == ""
    assert said.startswith("2 tokens and secrets were looked for in ")
    assert said.endswith("None was found.\n")


def test_one_in_a_text_a_document_and_bytes(grant: CarrierGrant) -> None:
    CarrierGrant.objects.update(sync_trouble=f"Bearer {TOKEN} was refused")
    record(actor=SYSTEM, verb="x", subject="y", now=cast.MORNING, why={"deep": [OTHER]})
    Event.objects.update(message=b"\x00\xff" + TOKEN.encode() + b"\x00")
    assert ActivityEntry.objects.filter(verb="x").exists()
    _, trouble = audit()
    assert trouble.splitlines() == [
        f"dr_events_event.message: the access token of grant {grant.pk}",
        f"enrollments_carriergrant.sync_trouble: the access token of grant {grant.pk}",
        f"people_activityentry.detail: the refresh token of grant {grant.pk}",
        "Tokens stand in the clear in 3 places.",
    ]


def test_even_its_own_column_holds_it_sealed_only(grant: CarrierGrant) -> None:
    CarrierGrant.objects.update(refresh_sealed=TOKEN.encode())
    assert audit()[1].endswith("not all were looked for: not a sealed token")


def test_one_in_the_cache_table(grant: CarrierGrant) -> None:
    cache.set("seen", {"token": TOKEN})  # pickled, then base64
    _, trouble = audit()
    assert trouble.startswith(f"cache.value: the access token of grant {grant.pk}")


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    server = redis.Redis.from_url(settings.CELERY_BROKER_URL)
    yield server
    server.delete("planted")
    server.close()


def test_one_on_the_broker(grant: CarrierGrant, broker: redis.Redis) -> None:
    for before in ("", "a", "ab"):
        body = base64.b64encode(json.dumps([before, TOKEN]).encode()).decode()
        broker.lpush("planted", json.dumps({"body": body}))
        _, trouble = audit()
        assert trouble.startswith(f"broker planted: the access token of grant {grant.pk}\n")
        broker.delete("planted")
    broker.hset("planted", "note", TOKEN)
    assert audit()[1].startswith("broker planted: the access token")


def test_one_in_a_log(grant: CarrierGrant, tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text(f"GET /connect/callback/?code={quote(OTHER)}\nother line\n")
    assert audit(log)[1].startswith(f"{log}: the refresh token of grant {grant.pk}\n")
    log.write_text("GET /connect/callback/\n")
    assert audit(log)[1] == ""


def test_what_cannot_be_looked_at_is_no_clean_bill(
    grant: CarrierGrant, settings: Settings, tmp_path: Path
) -> None:
    assert "Not everything could be looked at" in audit(tmp_path / "none.log")[1]
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:9/0"
    assert "Not everything could be looked at" in audit()[1]
    settings.TOKEN_KEYS = {"k2": secrets.token_bytes(32)}
    tokens.vault.cache_clear()
    try:
        assert "Not every token can be opened" in audit()[1]
    finally:
        tokens.vault.cache_clear()


def test_tokens_that_begin_alike_are_told_apart() -> None:
    """As the tokens of many servers do."""
    begin = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9."
    known = Secrets()
    known.add("mine", begin + TOKEN)
    assert known.in_text(f"x{begin}{TOKEN}x") == {"mine"}
    assert known.in_text(f"x{begin}{OTHER}x") == set()
    assert known.in_text(TOKEN) == set(), "its end alone is not the token"
    assert known.in_text(f"{begin}{TOKEN[:-1]}") == set()


@pytest.mark.parametrize("around", [b"", b"x", b"xy", b"xyz", b"\xff\xfe\xfd\xfc"])
def test_every_spelling(around: bytes) -> None:
    known, raw = Secrets(), b"a token/with+odd~letters\xc3\xa4"
    known.add("odd", raw.decode())
    for text in (
        base64.b64encode(around + raw + b" more").decode(),
        base64.urlsafe_b64encode(around + raw + b"\xff\xff").decode(),
        (around + raw).hex(),
        quote(raw, safe=""),
    ):
        assert known.in_text(text) == {"odd"}, text
    assert all(len(spelled) >= END for spelled in spellings("s" * (END + 2)))


def test_a_short_secret_is_not_looked_for_and_said(grant: CarrierGrant) -> None:
    grant.refresh_sealed = vault().seal("Downstairs", bound_to=grant.bound_to("refresh"))
    grant.save()
    said, trouble = audit()
    assert "1 are too short to be told from words." in said
    assert trouble == ""
