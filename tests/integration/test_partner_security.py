"""The API against whoever means harm: what docs/security.md lists for partners and no other test
has as its own topic."""

import pickle
import re
from typing import Any

import pytest
from allauth.idp.oidc.models import Client
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client as Browser
from kombu.exceptions import ContentDisallowed
from kombu.serialization import loads

from base import clock
from dr_events.models import Event
from partners.models import Post
from partners.operations import world
from partners.rules import addresses
from partners.tasks import partner_news
from portal.api_urls import urlpatterns
from portal.celery import app
from tests import cast
from tests.partner_calls import Caller, wanted

pytestmark = pytest.mark.django_db


@pytest.fixture
def summer(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    made = cast.program()
    cast.enrolled(made)
    return made


@pytest.fixture
def leap(summer):
    return Caller("summer-peak")


def every_address(**known: str) -> list[str]:
    """Each route of the API once, with these values in place of its parameters."""
    routes = [str(one.pattern) for one in urlpatterns if one.name]
    return [re.sub(r"<\w+:(\w+)>", lambda found: known[found[1]], route) for route in routes]


@pytest.fixture
def own(leap, settings, monkeypatch):
    """What ``leap`` has one of each."""
    settings.WEBHOOK_INNER_HOSTS = ("hooks.example:443",)
    monkeypatch.setattr(addresses, "check_resolved", lambda found: None)
    hook = leap.post("webhooks/", {"url": "https://hooks.example/"}).json()["webhook"]
    return {
        "slug": "summer-peak",
        "serial": "2319W004821",
        "event_id": leap.post("events/", wanted()).json()["id"],
        "hook_id": hook["id"],
        "run_id": "00000000-0000-4000-8000-000000000000",
    }


def test_a_practice_client_opens_nothing_real(leap, own):
    practising = Caller(practice=True)
    missing = {"slug": "x", "serial": "x", "event_id": "op-1", "run_id": own["run_id"]}
    missing["hook_id"] = own["run_id"]
    named = [
        pair
        for pair in zip(every_address(**own), every_address(**missing), strict=True)
        if pair[0] != pair[1]
    ]
    assert len(named) >= 18
    for address, nowhere in named:
        for method in ("GET", "POST", "PATCH", "DELETE"):
            body: dict[str, Any] | None = {} if method in ("POST", "PATCH") else None
            no = practising.send(method, address, body)
            assert no.status_code in (400, 404, 405), (method, address)
            assert no.content == practising.send(method, nowhere, body).content
    assert leap.get(f"events/{own['event_id']}/").json()["state"] == "SCHEDULED"


@pytest.mark.parametrize(
    "more",
    [
        {"state": "SCHEDULED"}, {"approved_by": "user:1"}, {"created_by": "user:1"},
        {"max_offset_f": 20}, {"tenant": "B"}, {"id": "op-1"}, {"is_yours": True},
        {"send_at": "2026-07-14T15:00:00Z"}, {"systems": ["2319W004821"]}, {"is_practice": False},
    ],
)  # fmt: skip
def test_fields_that_are_not_for_partners(leap, more):
    no = leap.post("events/", wanted(**more))
    assert no.status_code == 400
    (field,) = more
    assert [(one["field"], one["code"]) for one in no.json()["errors"]] == [(field, "unknown")]
    assert Event.objects.count() == 0


def test_the_same_address_for_two_partners(leap, own):
    other = Caller()
    for address in every_address(**own):
        if address in ("openapi.json", "reference/"):
            continue
        mine, theirs = leap.get(address), other.get(address)
        assert mine["Cache-Control"] == theirs["Cache-Control"] == "no-store"
        assert "ETag" not in theirs
        if mine.status_code == 200 and "<" not in address and address not in ("practice/runs/",):
            assert mine.content != theirs.content, address


def test_a_client_that_is_gone_is_out_at_once(leap):
    Client.objects.get(pk=leap.client_id).delete()
    answer = leap.get("programs/")
    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/unauthenticated")


def test_only_json_is_taken_from_the_broker():
    assert list(app.conf.accept_content) == ["json"]
    assert app.conf.task_serializer == "json"
    forged = pickle.dumps({"task": "partners.tasks.partner_news"})
    with pytest.raises(ContentDisallowed):
        loads(forged, "application/x-python-serialize", "binary", accept=app.conf.accept_content)
    assert app.conf.result_backend is None


def test_a_forged_task_does_what_is_due_and_nothing_it_was_told(leap, summer):
    other = Caller()
    event = leap.post("events/", wanted()).json()["id"]
    told = {"client_id": other.client_id, "event_id": event, "hook_id": "x", "real_now": "2030"}
    partner_news.run(**told)
    assert leap.get(f"events/{event}/").json()["state"] == "SCHEDULED"
    assert other.get("events/").json()["items"] == []
    assert Post.objects.count() == 0


@pytest.mark.parametrize("status", [200, 400, 401, 404, 405, 429, 500])
def test_every_answer_has_its_headers(leap, settings, monkeypatch, status):
    settings.SECURE_HSTS_SECONDS, settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = 31_536_000, True
    browser = Browser(HTTP_AUTHORIZATION=f"Bearer {leap.token}", raise_request_exception=False)
    at, method = "/api/v1/programs/", "get"
    if status == 400:
        at += "?x=1"
    elif status == 401:
        browser = Browser()
    elif status == 404:
        at += "nowhere/"
    elif status == 405:
        method = "put"
    elif status == 429:
        settings.PARTNER_REQUESTS_PER_MINUTE = 0
    elif status == 500:
        monkeypatch.setattr("enrollments.queries.programs_for", lambda client_id: 1 / 0)
    answer = getattr(browser, method)(at, secure=True)
    assert answer.status_code == status
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert answer["Cache-Control"] == "no-store"
    assert answer["Content-Type"].startswith("application/")
    assert "Server" not in answer
    assert "Set-Cookie" not in answer


def sums() -> dict[str, str]:
    """A checksum of every table the caller's world has, but for the count of requests and what is
    kept for a moment so that it need not be counted again."""
    found: dict[str, Any] = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            if table not in ("partners_quota", "cache"):
                name = connection.ops.quote_name(table)
                cursor.execute(
                    f"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {name} t"
                )
                found[table] = cursor.fetchone()[0]
    return found


@pytest.mark.parametrize("is_practice", [False, True])
def test_reading_changes_nothing(leap, own, is_practice):
    who = leap
    if is_practice:
        who = Caller(practice=True)
        run = who.post("practice/runs/", {"scenario": "all-accept", "seconds": 600}).json()
        program = who.get("programs/").json()["items"][0]["slug"]
        serial = who.get("systems/?limit=1").json()["items"][0]["serial"]
        own = {"slug": program, "serial": serial, "event_id": run["event"],
               "run_id": run["id"], "hook_id": own["hook_id"]}  # fmt: skip

    def both():
        with world.practice():
            inside = sums()
        return sums(), inside

    before = both()
    statuses = set()
    for address in every_address(**own):
        for method in ("GET", "HEAD", "OPTIONS"):
            statuses.add(who.send(method, address).status_code)
    assert statuses <= {200, 204, 404, 405}
    assert both() == before


def test_a_forged_host_is_in_no_link(leap, summer):
    cast.enrolled(summer, "2319W004822")
    evil = {"HTTP_X_FORWARDED_HOST": "evil.example"}
    link = leap.get("systems/?limit=1", **evil).json()["next"]
    assert link.startswith("http://testserver/api/v1/systems/?")
    assert leap.post("events/", wanted(), **evil)["Location"].startswith("http://testserver/")
    assert leap.get("systems/", HTTP_HOST="evil.example").status_code == 400
    assert "evil.example" not in django_settings.ALLOWED_HOSTS


def test_what_a_partner_writes_is_text_in_the_console(leap, summer, client):
    script = '<script>alert("1")</script>'
    made = leap.post("events/", wanted(name=script, note=f"{script}'\"><img src=x>"))
    assert made.status_code == 201
    Client.objects.filter(pk=leap.client_id).update(name=script)
    client.force_login(cast.operator())
    event = Event.objects.get()
    for address in (
        "/console/", "/console/partners/", f"/console/partners/{leap.client_id}/",
        f"/console/events/{event.pk}/", "/console/audit/",
    ):  # fmt: skip
        page = client.get(address).content.decode()
        assert script not in page
        assert "<img src=x>" not in page
    assert "&lt;script&gt;" in client.get(f"/console/events/{event.pk}/").content.decode()
