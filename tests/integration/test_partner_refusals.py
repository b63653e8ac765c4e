"""Every way the partner API says no, and that nothing moves when it does."""

import base64
import json

import pytest

from base import clock
from dr_events.models import Dispatch, Event
from dr_events.states import EventState, Participation
from enrollments.models import System
from people.models import ActivityEntry
from tests import cast
from tests.partner_calls import Caller, wanted

pytestmark = pytest.mark.django_db
NOT_FOUND = {
    "type": "/problems/not-found",
    "title": "Not found",
    "status": 404,
    "detail": "There is nothing here for you to see.",
}


@pytest.fixture
def summer(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    return cast.program()


@pytest.fixture
def leap(summer):
    return Caller("summer-peak")


@pytest.mark.parametrize(
    ("changes", "status", "field", "code"),
    [
        ({"colour": "red"}, 400, "colour", "unknown"),
        ({"name": ...}, 400, "name", "required"),
        ({"name": ""}, 400, "name", "blank"),
        ({"name": 5}, 400, "name", "invalid"),
        ({"name": "x\x00"}, 400, "name", "null-characters-not-allowed"),
        ({"name": "x" * 81}, 400, "name", "max-length"),
        ({"starts_at": "2026-07-14T15:00:00"}, 400, "starts_at", "no-offset"),
        ({"starts_at": "2026-07-14 15:00"}, 400, "starts_at", "invalid"),
        ({"starts_at": "2026-02-30T15:00:00Z"}, 400, "starts_at", "invalid"),
        ({"starts_at": "0001-01-01T00:00:00+14:00"}, 400, "starts_at", "out-of-range"),
        ({"starts_at": "2026-07-14T20:00:00.5Z"}, 400, "starts_at", "fraction"),
        ({"ends_at": 1784059200}, 400, "ends_at", "invalid"),
        ({"response": "off"}, 400, "response", "invalid-choice"),
        ({"offset_f": "3"}, 400, "offset_f", "invalid"),
        ({"offset_f": True}, 400, "offset_f", "invalid"),
        ({"offset_f": 2.55}, 400, "offset_f", "max-decimal-places"),
        ({"cool_f": 99}, 400, "cool_f", "not-used"),
        ({"response": "customer"}, 400, "offset_f", "not-used"),
        ({"randomize_start_s": 1801}, 400, "randomize_start_s", "max-value"),
        ({"postal_codes": "62701"}, 400, "postal_codes", "not-a-list"),
        ({"postal_codes": ["62701", 5]}, 400, "postal_codes.1", "invalid"),
        ({"control_percent": 51}, 400, "control_percent", "max-value"),
        ({"note": "Thank\nyou"}, 422, "note", "note"),
        ({"program": "nowhere"}, 400, "program", "not-found"),
        ({"program": "winter-peak"}, 400, "program", "not-found"),
        ({"starts_at": "2026-07-14T08:00:00-05:00"}, 422, "starts_at", "past"),
        ({"ends_at": "2026-07-14T15:00:00-05:00"}, 422, "ends_at", "no-length"),
        ({"ends_at": "2026-07-14T15:20:00-05:00"}, 422, "ends_at", "too-short"),
        ({"ends_at": "2026-07-14T19:30:00-05:00"}, 422, "ends_at", "too-long"),
        ({"offset_f": 5}, 422, "offset_f", "offset"),
        ({"offset_f": ...}, 422, "offset_f", "offset"),
        (
            {"response": "absolute", "offset_f": None, "cool_f": 85, "heat_f": 65},
            422,
            "cool_f",
            "cool",
        ),
    ],
)
def test_each_refusal_names_its_field_and_moves_nothing(leap, summer, changes, status, field, code):
    cast.enrolled(summer)
    cast.program("Winter Peak")  # exists, but is not granted
    before = ActivityEntry.objects.count()
    answer = leap.post("events/", wanted(**changes))
    problem = answer.json()
    kind = {400: "/problems/invalid-request", 422: "/problems/invalid-event"}[status]
    assert (answer.status_code, problem["status"], problem["type"]) == (status, status, kind)
    assert answer["Content-Type"] == "application/problem+json"
    assert (field, code) in [(error["field"], error["code"]) for error in problem["errors"]]
    assert all(error["detail"].endswith(".") for error in problem["errors"])
    assert Event.objects.count() == Dispatch.objects.count() == 0
    assert ActivityEntry.objects.count() == before


def test_all_that_is_wrong_is_told_at_once(leap, summer):
    answer = leap.post("events/", wanted(name=..., colour="red", offset_f="3"))
    named = {(error["field"], error["code"]) for error in answer.json()["errors"]}
    assert named == {("name", "required"), ("colour", "unknown"), ("offset_f", "invalid")}


def test_an_overlap_or_nobody_at_all_leaves_no_draft(leap, summer):
    empty = leap.post("events/", wanted())
    cast.enrolled(summer)
    assert leap.post("events/", wanted()).status_code == 201
    twice = leap.post("events/", wanted(name="Again"))
    overlap = {"code": "OVERLAP", "detail": "Another event covers this time", "systems": 1}
    for answer, left_out in ((empty, []), (twice, [overlap])):
        assert answer.status_code == 422
        assert answer.json() == {
            "type": "/problems/empty-target",
            "title": "Nobody would get this event",
            "status": 422,
            "detail": "Nobody would get this event: no enrolled system is free and within its "
            "limits. See below who is left out and why.",
            "left_out": left_out,
        }
    assert [event.name for event in Event.objects.all()] == ["Hot afternoon"]
    assert Dispatch.objects.count() == 1


def test_cancel_takes_no_fields_and_needs_no_body(leap, summer):
    cast.enrolled(summer)
    event_id = leap.post("events/", wanted()).json()["id"]
    answer = leap.post(f"events/{event_id}/cancel/", {"why": "rain"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "why")
    assert leap.browser.post(f"/api/v1/events/{event_id}/cancel/").status_code == 415
    bare = leap.browser.generic("POST", f"/api/v1/events/{event_id}/cancel/")
    assert bare.status_code == 200


def test_a_foreign_thing_answers_like_a_missing_one(leap, summer):
    winter = cast.program("Winter Peak")
    cast.enrolled(winter, "9999W000001")
    foreign = cast.scheduled(winter)
    draft = Event.objects.create(
        program=summer,
        name="An operator's draft",
        starts_at=foreign.starts_at,
        ends_at=foreign.ends_at,
        created_by="user:1",
        created_at=cast.MORNING,
    )
    addresses = ["programs/winter-peak/", "programs/nowhere/", "", "x", "events/a%00b/"]
    for event_id in (foreign.wire_id, draft.wire_id, "op-" + "0" * 32, str(foreign.pk)):
        addresses += [f"events/{event_id}/{rest}" for rest in ("", "deliveries/", "results/")]
        answer = leap.post(f"events/{event_id}/cancel/")
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
    for address in addresses:
        answer = leap.get(address)
        assert (address, answer.status_code, answer.json()) == (address, 404, NOT_FOUND)
        assert answer["Content-Type"] == "application/problem+json"
    for name in ("systems", "enrollments", "events"):
        assert leap.get(f"{name}/").json() == {"items": [], "next": None}
        theirs, missing = (leap.get(f"{name}/?program={one}") for one in ("winter-peak", "no"))
        assert theirs.status_code == 400
        assert theirs.json() == missing.json()
    foreign.refresh_from_db()
    assert foreign.state == EventState.SCHEDULED


def test_a_missing_scope_is_403(summer):
    cast.enrolled(summer)
    reader = Caller("summer-peak", scope="offpeak.read")
    planner = Caller("summer-peak", scope="offpeak.events")
    event_id = planner.post("events/", wanted()).json()["id"]
    for answer, scope in (
        (reader.post("events/", wanted()), "offpeak.events"),
        (reader.post(f"events/{event_id}/cancel/"), "offpeak.events"),
        (planner.get("events/"), "offpeak.read"),
        (planner.get(f"events/{event_id}/results/"), "offpeak.read"),
        (planner.get("systems/"), "offpeak.read"),
    ):
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/missing-scope")
        assert f"This needs the scope {scope}: " in answer.json()["detail"]
        assert answer["WWW-Authenticate"] == (
            f'Bearer realm="offpeak", error="insufficient_scope", scope="{scope}"'
        )
    assert Event.objects.get().state == EventState.SCHEDULED


@pytest.mark.parametrize(
    ("method", "address", "allow"),
    [
        ("DELETE", "events/", "GET, HEAD, POST, OPTIONS"),
        ("DELETE", "events/op-1/", "GET, HEAD, PATCH, OPTIONS"),
        ("GET", "events/op-1/cancel/", "POST, OPTIONS"),
        ("POST", "systems/", "GET, HEAD, OPTIONS"),
        ("PUT", "programs/summer-peak/", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_wrong_method_is_405_with_allow(leap, method, address, allow):
    answer = leap.browser.generic(method, f"/api/v1/{address}", "{}", "application/json")
    assert (answer.status_code, answer["Allow"]) == (405, allow)
    assert answer.json()["type"] == "/problems/method-not-allowed"
    options = leap.browser.options(f"/api/v1/{address}")
    assert (options.status_code, options["Allow"]) == (204, allow)


@pytest.mark.parametrize(
    ("body", "content_type", "status", "kind"),
    [
        ("{", "application/json", 400, "malformed"),
        ('{"offset_f": NaN}', "application/json", 400, "malformed"),
        ('{"name": "a", "name": "b"}', "application/json", 400, "malformed"),
        (b'{"name": "\xff"}', "application/json", 400, "malformed"),
        ("[" * 30_000, "application/json", 400, "malformed"),
        ("9" * 5_000, "application/json", 400, "malformed"),
        ("[]", "application/json", 400, "invalid-request"),
        ('{"name": "\\ud800"}', "application/json", 400, "invalid-request"),
        ('{"\\ud800": 1, "response": "\\udfff"}', "application/json", 400, "invalid-request"),
        ('{"offset_f": 1e999}', "application/json", 400, "invalid-request"),
        ('{"a": "' + "x" * 65_536 + '"}', "application/json", 413, "too-large"),
        ("name=x", "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
    ],
)
def test_a_body_that_is_no_event(leap, body, content_type, status, kind):
    answer = leap.post("events/", body, content_type)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")
    assert answer["Content-Type"] == "application/problem+json"


def test_only_json_is_offered(leap):
    for accept in ("text/html", "application/xml"):
        answer = leap.get("programs/", HTTP_ACCEPT=accept)
        assert (answer.status_code, answer.json()["type"]) == (406, "/problems/not-acceptable")
    for accept in ("*/*", "application/json", "text/html, application/json;q=0.5"):
        answer = leap.get("programs/", HTTP_ACCEPT=accept)
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
        assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("address", "field", "code"),
    [
        ("programs/?format=json", "format", "unknown"),
        ("systems/?ordering=owner__email", "ordering", "unknown"),
        ("systems/?limit=501", "limit", "max-value"),
        ("systems/?limit=0", "limit", "min-value"),
        ("systems/?limit=-1", "limit", "min-value"),
        ("systems/?limit=٣", "limit", "invalid"),
        ("systems/?limit=３", "limit", "invalid"),
        ("systems/?limit=3.0", "limit", "invalid"),
        ("systems/?limit=1_0", "limit", "invalid"),
        ("systems/?limit=%203", "limit", "invalid"),
        ("systems/?limit=%2B3", "limit", "invalid"),
        ("systems/?limit=3%0A", "limit", "invalid"),
        ("systems/?limit=", "limit", "invalid"),
        ("systems/?limit=" + 1001 * "9", "limit", "max-string-length"),
        ("systems/?limit=5&limit=6", "limit", "repeated"),
        ("systems/?program=%00", "program", "null-characters-not-allowed"),
        ("systems/?updated_since=2026-07-14T14:00:00", "updated_since", "no-offset"),
        ("systems/?updated_since=2026-07-14T14:00:00+00:00", "updated_since", "invalid"),
        ("systems/?cursor=WyJhIl0", "cursor", "invalid"),
        ("enrollments/?state=GONE", "state", "invalid-choice"),
        ("events/?state=draft", "state", "invalid-choice"),
        ("events/op-1/?verbose=1", "verbose", "unknown"),
    ],
)
def test_parameters_are_as_strict_as_fields(leap, address, field, code):
    answer = leap.get(address)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-request")
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]


def test_nothing_personal_and_no_secret_leaves(leap, summer):
    cast.neighborhood(summer, 2)
    System.objects.update(name="Hanna's bedroom", indoor_f=71.5)
    event_id = leap.post("events/", wanted()).json()["id"]
    row = Dispatch.objects.select_related("system__grant").order_by("system_id")[0]
    Dispatch.objects.update(participation=Participation.ACTIVE, trouble="secret trouble")
    texts = [
        leap.get(address).content.decode()
        for address in (
            "programs/",
            "systems/",
            "systems/?limit=1",
            "enrollments/?limit=1",
            "events/",
            f"events/{event_id}/",
            f"events/{event_id}/deliveries/?limit=1",
            f"events/{event_id}/results/",
        )
    ]
    for secret in (
        "home.example",
        "Hanna",
        "Springfield",
        "71.5",
        "access-token",
        "secret trouble",
        row.system.grant.carrier_username + '"',
        "user:",
        "client:",
        '"message"',
        leap.token,
        leap.client_id,
    ):
        assert not [text for text in texts if secret in text], secret
    # Cursors hold what the page has shown, but for the serial: our own number outlives it.
    link = leap.get("systems/?limit=1").json()["next"].split("cursor=")[1].split("%3A")[0]
    opened = json.loads(base64.urlsafe_b64decode(link + "=" * (-len(link) % 4)))
    assert opened == ["summer-peak", str(row.system_id), "2026-07-14T14:00:00+00:00"]


def test_an_unexpected_failure_tells_nothing(leap, monkeypatch):
    def broken(*args):
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr("enrollments.queries.programs_for", broken)
    leap.browser.raise_request_exception = False
    answer = leap.get("programs/")
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/server-error")
    assert "hunter2" not in answer.content.decode()
