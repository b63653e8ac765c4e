"""The partner API: programs, homes, events and results, and every way it says no."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from base import clock
from dr_events.models import Dispatch, Event
from dr_events.operations import opt_out
from dr_events.states import Delivery, EventState, OptOutVia, Participation
from enrollments.models import Enrollment, System
from people.models import ActivityEntry
from people.operations import Actor
from portal.partners import clients
from tests import cast

pytestmark = pytest.mark.django_db
SHELL = Actor("user:test")
NOT_FOUND = {
    "type": "/problems/not-found",
    "title": "Not found",
    "status": 404,
    "detail": "There is nothing here for you to see.",
}


class Caller:
    """A partner with a token; addresses are relative to /api/v1/."""

    def __init__(self, *slugs, scope="offpeak.read offpeak.events", name="Leap"):
        made = clients.create(
            name=name, slugs=slugs, read_only=False, actor=SHELL, now=cast.MORNING
        )
        self.client_id, self.secret = made.client_id, made.secret
        form = {"grant_type": "client_credentials", "scope": scope}
        login = {"client_id": made.client_id, "client_secret": made.secret}
        self.token = Browser().post("/identity/o/api/token", form | login).json()["access_token"]
        self.browser = Browser(HTTP_AUTHORIZATION=f"Bearer {self.token}")

    def get(self, address, **headers):
        return self.browser.get(f"/api/v1/{address}", **headers)

    def post(self, address, body: Any = None, content_type="application/json"):
        text = body if isinstance(body, str | bytes) else json.dumps(body or {})
        return self.browser.post(f"/api/v1/{address}", text, content_type)


@pytest.fixture(autouse=True)
def morning(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)


@pytest.fixture
def summer():
    return cast.program()


@pytest.fixture
def leap(summer):
    return Caller("summer-peak")


def wanted(**fields):
    plan = {
        "program": "summer-peak",
        "name": "Hot afternoon",
        "starts_at": "2026-07-14T15:00:00-05:00",
        "ends_at": "2026-07-14T17:00:00-05:00",
        "response": "offset",
        "offset_f": 3,
    }
    return {name: value for name, value in (plan | fields).items() if value is not ...}


def test_programs(leap):
    cast.program("Winter Peak")
    items = leap.get("programs/").json()["items"]
    assert [one["slug"] for one in items] == ["summer-peak"]
    one = leap.get("programs/summer-peak/").json()
    assert one == items[0]
    assert (one["time_zone"], one["hours_from"], one["hours_to"], one["max_offset_f"]) == (
        "America/Chicago",
        "13:00",
        "21:00",
        4.0,
    )


def test_systems_and_enrollments(leap, summer):
    cast.enrolled(summer, "2319W004821")
    cast.enrolled(summer, "2319W004822", is_online=False, read_at=cast.MORNING + timedelta(hours=1))
    cast.enrolled(summer, "2319W004823")
    gone = Enrollment.objects.filter(system__serial="2319W004823")
    gone.update(state="WITHDRAWN", changed_at=cast.MORNING + timedelta(hours=2))
    cast.enrolled(cast.program("Winter Peak"), "9999W000001")

    first, second = leap.get("systems/").json()["items"]
    assert first == {
        "serial": "2319W004821",
        "program": "summer-peak",
        "enrollment": "ACTIVE",
        "brand": "Carrier",
        "model": "SYSTXCCITC01-B",
        "outdoor_type": "",
        "capacity_kbtu": None,
        "unit": "F",
        "is_online": True,
        "dr_enabled": True,
        "obstacle": None,
        "read_at": "2026-07-14T14:00:00Z",
        "updated_at": "2026-07-14T14:00:00Z",
    }
    assert second["obstacle"] == {"code": "OFFLINE", "detail": "Wall control is offline"}
    assert second["updated_at"] == "2026-07-14T15:00:00Z"
    for since in ("2026-07-14T14:30:00Z", "2026-07-14T09:30:00-05:00"):
        items = leap.get(f"systems/?updated_since={since}").json()["items"]
        assert [one["serial"] for one in items] == ["2319W004822"]

    items = leap.get("enrollments/?program=summer-peak").json()["items"]
    assert [(one["system"], one["state"]) for one in items] == [
        ("2319W004821", "ACTIVE"),
        ("2319W004822", "ACTIVE"),
        ("2319W004823", "WITHDRAWN"),
    ]
    assert leap.get("enrollments/?state=WITHDRAWN").json()["items"] == [
        {
            "system": "2319W004823",
            "program": "summer-peak",
            "state": "WITHDRAWN",
            "enrolled_at": "2026-07-14T14:00:00Z",
            "changed_at": "2026-07-14T16:00:00Z",
        }
    ]


def test_create_freezes_the_rows(leap, summer):
    cast.neighborhood(summer, 3)
    Enrollment.objects.filter(system__serial="2402W000002").update(state="PAUSED")
    answer = leap.post("events/", wanted(note="Thank you", control_percent=0))
    assert answer.status_code == 201
    event = Event.objects.get()
    assert answer["Location"] == f"http://testserver/api/v1/events/{event.wire_id}"
    assert answer.json() == {
        "id": event.wire_id,
        "program": "summer-peak",
        "name": "Hot afternoon",
        "state": "SCHEDULED",
        "is_yours": True,
        "starts_at": "2026-07-14T20:00:00Z",
        "ends_at": "2026-07-14T22:00:00Z",
        "response": "offset",
        "offset_f": 3.0,
        "cool_f": None,
        "heat_f": None,
        "randomize_start_s": 0,
        "note": "Thank you",
        "postal_codes": [],
        "control_percent": 0,
        "created_at": "2026-07-14T14:00:00Z",
        "send_at": "2026-07-14T19:00:00Z",
        "scheduled_at": "2026-07-14T14:00:00Z",
        "cancelled_at": None,
        "completed_at": None,
        "sent_back_reason": "",
    }
    rows = Dispatch.objects.order_by("system__serial").values_list("delivery", "reason")
    assert list(rows) == [("PLANNED", ""), ("PLANNED", ""), ("SKIPPED", "PAUSED")]
    assert event.created_by == f"client:{leap.client_id}"
    acts = ActivityEntry.objects.filter(subject=f"event:{event.pk}").order_by("id")
    assert [(act.verb, act.actor) for act in acts] == [
        ("draft", f"client:{leap.client_id}"),
        ("schedule", f"client:{leap.client_id}"),
    ]
    # Reading gives the same answer, with or without the last slash.
    assert leap.get(f"events/{event.wire_id}/").json() == answer.json()
    assert leap.get(f"events/{event.wire_id}").json() == answer.json()
    assert leap.get("events/?state=SCHEDULED&program=summer-peak").json() == {
        "items": [answer.json()],
        "next": None,
    }
    assert leap.get("events/?state=CANCELLED").json() == {"items": [], "next": None}


def test_where_a_second_person_is_asked_the_event_waits(leap, summer):
    summer.needs_approval = True
    summer.save()
    cast.enrolled(summer)
    answer = leap.post("events", wanted())
    assert (answer.status_code, answer.json()["state"]) == (201, "SUBMITTED")
    assert Dispatch.objects.count() == 0


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
    for answer in (empty, twice):
        assert answer.status_code == 422
        assert answer.json() == {
            "type": "/problems/empty-target",
            "title": "Nobody would get this event",
            "status": 422,
            "detail": "Nobody would get this event: no enrolled system is free and within its "
            "limits. See below who is left out and why.",
        }
    assert [event.name for event in Event.objects.all()] == ["Hot afternoon"]
    assert Dispatch.objects.count() == 1


def test_cancel(leap, summer):
    cast.neighborhood(summer, 2)
    event_id = leap.post("events/", wanted()).json()["id"]
    Dispatch.objects.filter(system__serial="2400W000000").update(delivery=Delivery.ACCEPTED)
    answer = leap.post(f"events/{event_id}/cancel/")
    assert answer.status_code == 200
    assert answer.json()["spared"] == 1
    assert answer.json()["event"]["state"] == "CANCELLED"
    assert answer.json()["event"]["cancelled_at"] == "2026-07-14T14:00:00Z"
    again = leap.post(f"events/{event_id}/cancel/")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/wrong-state")
    assert again.json()["detail"] == "This event is cancelled already."
    items = leap.get(f"events/{event_id}/deliveries/").json()["items"]
    assert [(one["delivery"], one["reason"]) for one in items] == [
        ("ACCEPTED", None),
        ("CANCELLED", {"code": "EVENT_CANCELLED", "detail": "The event was cancelled"}),
    ]


def test_cancel_takes_no_fields_and_needs_no_body(leap, summer):
    cast.enrolled(summer)
    event_id = leap.post("events/", wanted()).json()["id"]
    answer = leap.post(f"events/{event_id}/cancel/", {"why": "rain"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "why")
    assert leap.browser.post(f"/api/v1/events/{event_id}/cancel/").status_code == 415
    bare = leap.browser.generic("POST", f"/api/v1/events/{event_id}/cancel/")
    assert bare.status_code == 200


def test_somebody_elses_event_is_seen_but_not_cancelled(leap, summer):
    cast.enrolled(summer)
    event = cast.scheduled(summer)
    seen = leap.get(f"events/{event.wire_id}/").json()
    assert (seen["state"], seen["is_yours"]) == ("SCHEDULED", False)
    answer = leap.post(f"events/{event.wire_id}/cancel/")
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/not-yours")
    event.refresh_from_db()
    assert event.state == EventState.SCHEDULED


def test_deliveries_and_results_agree(leap, summer):
    cast.neighborhood(summer, 6)
    Enrollment.objects.filter(system__serial="2405W000005").update(state="PAUSED")
    event_id = leap.post("events/", wanted()).json()["id"]
    rows = {row.system.serial[:4]: row for row in Dispatch.objects.select_related("system")}

    def became(number, **fields):
        Dispatch.objects.filter(pk=rows[number].pk).update(**fields)

    moment = cast.MORNING + timedelta(hours=5)
    sent: dict[str, Any] = {"sent_at": moment, "accepted_at": moment, "http_status": 200}
    became("2400", delivery="CONFIRMED", participation="ACTIVE", confirmed_at=moment, **sent)
    became("2401", delivery="ACCEPTED", participation="OPTED_OUT_DURING", **sent)
    became("2402", delivery="FORBIDDEN", http_status=403, trouble="Carrier answered 403")
    opt_out(dispatch_id=rows["2403"].pk, via=OptOutVia.HOME_PAGE, actor=SHELL, now=cast.MORNING)
    listed = leap.get(f"events/{event_id}/deliveries/").json()["items"]
    results = leap.get(f"events/{event_id}/results/").json()

    assert listed[0] == {
        "system": "2400W000000",
        "delivery": "CONFIRMED",
        "participation": "ACTIVE",
        "reason": None,
        "http_status": 200,
        "sent_at": "2026-07-14T19:00:00Z",
        "accepted_at": "2026-07-14T19:00:00Z",
        "confirmed_at": "2026-07-14T19:00:00Z",
        "opted_out_at": None,
        "read_at": None,
    }
    assert listed[3]["reason"] == {
        "code": "OPTED_OUT",
        "detail": "The homeowner opted out of this event",
    }
    assert listed[3]["opted_out_at"] == "2026-07-14T14:00:00Z"
    assert listed[5]["reason"] == {"code": "PAUSED", "detail": "Enrolment is paused"}
    assert results == {
        "event": event_id,
        "state": "SCHEDULED",
        "targeted": 5,
        "open": 1,
        "accepted": 2,
        "confirmed": 1,
        "unsure": 0,
        "failed": 1,
        "participating": 1,
        "opted_out": 2,
        "said_no_late": 0,
        "delivery": {"CONFIRMED": 1, "ACCEPTED": 1, "FORBIDDEN": 1, "SKIPPED": 1, "PLANNED": 1},
        "participation": {
            "ACTIVE": 1,
            "OPTED_OUT_DURING": 1,
            "OPTED_OUT_BEFORE": 1,
            "UNKNOWN": 2,
        },
        "left_out": [{"code": "PAUSED", "detail": "Enrolment is paused", "systems": 1}],
        "first_sent_at": "2026-07-14T19:00:00Z",
        "last_accepted_at": "2026-07-14T19:00:00Z",
    }
    targeted = [one for one in listed if not one["reason"] or one["reason"]["code"] != "PAUSED"]
    for column in ("delivery", "participation"):
        counted = {state: 0 for state in results[column]}
        for one in targeted:
            counted[one[column]] += 1
        assert counted == results[column]
    assert len(targeted) == results["targeted"]


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
    planner = Caller("summer-peak", scope="offpeak.events", name="Planner")
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
        ("PATCH", "events/op-1/", "GET, HEAD, OPTIONS"),
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
        ("null", "application/json", 400, "invalid-request"),
        ('{"name": "\\ud800"}', "application/json", 400, "invalid-request"),
        ('{"offset_f": 1e999}', "application/json", 400, "invalid-request"),
        ('{"a": "' + "x" * 65_536 + '"}', "application/json", 413, "too-large"),
        ("name=x", "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
        ("<event/>", "application/xml", 415, "unsupported-media-type"),
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


@pytest.mark.parametrize("name", ["systems", "enrollments", "deliveries", "events"])
def test_pages_are_complete_and_repeat_nothing(leap, summer, name):
    homes = cast.neighborhood(summer, 7)
    address, key = f"{name}/", {"systems": "serial", "events": "id"}.get(name, "system")
    wanted_keys = sorted(home.serial for home in homes)
    if name == "deliveries":
        address = f"events/{leap.post('events/', wanted()).json()['id']}/deliveries/"
    if name == "events":
        for number in range(7):  # four of them start at the same moment
            Event.objects.create(
                program=summer,
                name=f"Event {number}",
                state=EventState.CANCELLED,
                starts_at=cast.MORNING + timedelta(days=max(number - 3, 0)),
                ends_at=cast.MORNING + timedelta(days=9),
                created_by="user:1",
                created_at=cast.MORNING,
            )
        wanted_keys = [one.wire_id for one in Event.objects.order_by("-starts_at", "wire_id")]
    seen, sizes = [], []
    onward = f"http://testserver/api/v1/{address}?limit=3"
    other = Caller("summer-peak", name="Other")
    while onward:
        answer = leap.browser.get(onward).json()
        seen += [one[key] for one in answer["items"]]
        sizes.append(len(answer["items"]))
        onward = answer["next"]
        if onward:  # a cursor is good for its own partner at its own address only
            assert other.browser.get(onward).status_code == 400
            moved = onward.replace(address, "events/" if name != "events" else "systems/")
            assert leap.browser.get(moved).status_code == 400
    assert seen == wanted_keys
    assert sizes == [3, 3, 1]


def test_nothing_personal_and_no_secret_leaves(leap, summer):
    cast.neighborhood(summer, 2)
    System.objects.update(name="Hanna's bedroom", indoor_f=71.5)
    event_id = leap.post("events/", wanted()).json()["id"]
    row = Dispatch.objects.first()
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
    grant = row.system.grant
    for secret in (
        "home.example",
        "Hanna",
        "Springfield",
        "62701",
        "71.5",
        "access-token",
        "secret trouble",
        grant.carrier_username + '"',
        "user:",
        "client:",
        '"message"',
        '"pk"',
        leap.client_id,
        leap.secret,
        leap.token,
    ):
        assert not [text for text in texts if secret in text], secret
    # Cursors hold nothing but what the page has already shown.
    link = leap.get("systems/?limit=1").json()["next"].split("cursor=")[1].split("%3A")[0]
    opened = json.loads(base64.urlsafe_b64decode(link + "=" * (-len(link) % 4)))
    assert opened == ["2400W000000", "2026-07-14T14:00:00+00:00"]


def test_an_unexpected_failure_tells_nothing(leap, monkeypatch):
    def broken(*args):
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr("enrollments.queries.programs_for", broken)
    leap.browser.raise_request_exception = False
    answer = leap.get("programs/")
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/server-error")
    assert "hunter2" not in answer.content.decode()
