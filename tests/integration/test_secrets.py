"""Canaries: the real tokens of real homes, looked for wherever they must not be.

Homes connect, tokens are renewed, one is refused, an event is sent and read back. Every secret
the cloud handed out on the way is then searched for in the whole database, in every log line, in
the messages on the broker, in the pages of the back office and in what our objects say of
themselves. Each place also has to show something harmless that is known to be there: a search
that finds nothing at all proves nothing.
"""

import base64
import gc
import logging
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.urls import reverse

from carrier.curl_lane import Answer, Outgoing
from enrollments.models import CarrierGrant
from people.models import User
from people.states import Role
from tests import cast
from tests.integration.canaries import COLUMNS, OURS, Canaries, Story, _opened, broker, story

__all__ = ["broker", "story"]  # fixtures

pytestmark = pytest.mark.django_db(transaction=True)


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
        ("default", "dr_events.tasks.count"),
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
