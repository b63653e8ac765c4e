"""Drafts of a partner: kept, changed with the version that was read, handed on, cancelled."""

import pytest

from base import clock
from dr_events import operations
from dr_events.models import Dispatch, Event
from dr_events.states import EventState
from enrollments.models import Location
from enrollments.operations import grouping
from people.models import ActivityEntry, User
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.partner_calls import Caller, wanted

pytestmark = pytest.mark.django_db


@pytest.fixture
def summer(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    made = cast.program()
    cast.neighborhood(made, 2)
    return made


@pytest.fixture
def leap(summer):
    return Caller("summer-peak")


@pytest.fixture
def draft(leap):
    answer = leap.post("events/", wanted(draft=True))
    assert answer.status_code == 201, answer.content
    assert answer["ETag"] == leap.get(f"events/{answer.json()['id']}/")["ETag"]
    return f"events/{answer.json()['id']}/", answer["ETag"]


def unmoved():
    event = Event.objects.get()
    assert (event.state, event.name, event.version) == (EventState.DRAFT, "Hot afternoon", 1)
    assert Dispatch.objects.count() == 0


def test_a_draft_is_kept_changed_and_handed_on(leap, draft):
    at, etag = draft
    unmoved()
    assert leap.get(at).json()["state"] == "DRAFT"
    changed = leap.send("PATCH", at, {"name": "Warm", "offset_f": 2}, HTTP_IF_MATCH=etag)
    assert changed.status_code == 200, changed.content
    assert changed["ETag"] not in ("", etag)
    found = changed.json()
    assert (found["name"], found["offset_f"], found["starts_at"]) == (
        "Warm",
        2.0,
        "2026-07-14T20:00:00Z",
    )
    assert leap.get(at).json() == found
    done = leap.post(f"{at}submit/", HTTP_IF_MATCH=changed["ETag"])
    assert (done.status_code, done.json()["state"]) == (200, "SCHEDULED")
    assert done["ETag"] == leap.get(at)["ETag"]
    assert Dispatch.objects.filter(delivery="PLANNED").count() == 2
    verbs = ActivityEntry.objects.filter(actor=f"client:{leap.client_id}").order_by("id")
    assert list(verbs.values_list("verb", flat=True)) == ["draft", "revise", "schedule"]


def test_another_response_takes_unused_temperatures_out(leap, draft):
    at, etag = draft
    found = leap.send("PATCH", at, {"response": "customer"}, HTTP_IF_MATCH=etag)
    assert (found.json()["response"], found.json()["offset_f"]) == ("customer", None)
    no = leap.send("PATCH", at, {"offset_f": 3}, HTTP_IF_MATCH=found["ETag"])
    assert [one["code"] for one in no.json()["errors"]] == ["not-used"]


def test_without_the_version_it_is_428_and_with_an_old_one_412(leap, draft):
    at, etag = draft
    no = leap.send("PATCH", at, {"name": "Warm"})
    assert (no.status_code, no.json()["type"]) == (428, "/problems/match-required")
    unmoved()
    assert leap.send("PATCH", at, {"note": "x"}, HTTP_IF_MATCH=etag).status_code == 200
    for method, where in (("PATCH", at), ("POST", f"{at}submit/"), ("POST", f"{at}cancel/")):
        no = leap.send(method, where, {"name": "Warm"} if method == "PATCH" else None,
                       HTTP_IF_MATCH=etag)  # fmt: skip
        assert (no.status_code, no.json()["type"]) == (412, "/problems/changed")
    event = Event.objects.get()
    assert (event.state, event.name, event.version) == (EventState.DRAFT, "Hot afternoon", 2)


@pytest.mark.parametrize(
    ("changes", "status", "field", "code"),
    [
        ({"colour": "red"}, 400, "colour", "unknown"),
        ({"draft": False}, 400, "draft", "unknown"),
        ({"state": "SCHEDULED"}, 400, "state", "unknown"),
        ({"name": None}, 400, "name", "null"),
        ({"response": "off"}, 400, "response", "invalid-choice"),
        ({"response": ["offset"]}, 400, "response", "invalid-choice"),
        ({"cool_f": 80}, 400, "cool_f", "not-used"),
        ({"program": "winter-peak"}, 400, "program", "not-found"),
        ({"offset_f": 9}, 422, "offset_f", "offset"),
        ({"starts_at": "2026-07-14T12:00:00-05:00"}, 422, "starts_at", "hours"),
        (["name"], 400, "", "invalid"),
    ],
)
def test_a_change_is_as_strict_as_a_new_event(leap, draft, changes, status, field, code):
    cast.program("Winter Peak")
    at, etag = draft
    no = leap.send("PATCH", at, changes, HTTP_IF_MATCH=etag)
    assert no.status_code == status, no.content
    assert (field, code) in [(one["field"], one["code"]) for one in no.json()["errors"]]
    unmoved()


@pytest.mark.parametrize("value", ["true", 1, None])
def test_draft_is_yes_or_no(leap, value):
    no = leap.post("events/", wanted(draft=value))
    assert (no.status_code, no.json()["errors"][0]["field"]) == (400, "draft")
    assert Event.objects.count() == 0


def test_a_draft_nobody_would_get_stays_a_draft_with_its_reasons(leap, summer, draft):
    at, _ = draft
    summer.enrollments.update(state="PAUSED")
    no = leap.post(f"{at}submit/", HTTP_IDEMPOTENCY_KEY="once")
    assert (no.status_code, no.json()["type"]) == (422, "/problems/empty-target")
    assert [(one["code"], one["systems"]) for one in no.json()["left_out"]] == [("PAUSED", 2)]
    unmoved()
    again = leap.post(f"{at}submit/", HTTP_IDEMPOTENCY_KEY="once")
    assert (again.status_code, again["Idempotent-Replayed"]) == (422, "true")


def test_what_is_no_draft_any_more_is_not_changed(leap, draft):
    at, _ = draft
    assert leap.post(f"{at}submit/").status_code == 200
    etag = leap.get(at)["ETag"]
    for no in (
        leap.send("PATCH", at, {"name": "Warm"}, HTTP_IF_MATCH=etag),
        leap.post(f"{at}submit/"),
    ):
        assert (no.status_code, no.json()["type"]) == (409, "/problems/wrong-state")
    assert Event.objects.get().name == "Hot afternoon"
    assert Dispatch.objects.count() == 2


def test_a_draft_is_cancelled(leap, draft):
    at, etag = draft
    done = leap.post(f"{at}cancel/", HTTP_IF_MATCH=etag)
    assert (done.status_code, done.json()["spared"]) == (200, 0)
    assert Event.objects.get().state == EventState.CANCELLED


def test_a_draft_is_its_planners_alone(leap, summer, draft):
    at, etag = draft
    other = Caller("summer-peak")
    assert other.get(at).status_code == 404
    assert other.send("PATCH", at, {"name": "Mine"}, HTTP_IF_MATCH=etag).status_code == 404
    assert other.post(f"{at}submit/").status_code == 404
    unmoved()
    Event.objects.update(created_by="user:1", state=EventState.SUBMITTED)
    etag = leap.get(at)["ETag"]
    for no in (
        leap.send("PATCH", at, {"name": "Mine"}, HTTP_IF_MATCH=etag),
        leap.post(f"{at}submit/"),
    ):
        assert (no.status_code, no.json()["type"]) == (403, "/problems/not-yours")
    reader = Caller("summer-peak", scope="offpeak.read")
    assert reader.send("PATCH", at, {}, HTTP_IF_MATCH=etag).status_code == 403


def test_an_event_sent_back_is_mended_and_handed_on_again(leap, summer):
    summer.needs_approval = True
    summer.save()
    at = f"events/{leap.post('events/', wanted()).json()['id']}/"
    operations.send_back(
        event_id=Event.objects.get().pk,
        seen=2,
        reason="Too warm",
        actor=Actor("user:9", User(role=Role.APPROVER)),
        now=cast.MORNING,
    )
    seen = leap.get(at)
    assert (seen.json()["state"], seen.json()["sent_back_reason"]) == ("DRAFT", "Too warm")
    assert leap.send("PATCH", at, {"offset_f": 2}, HTTP_IF_MATCH=seen["ETag"]).status_code == 200
    assert leap.post(f"{at}submit/").json()["state"] == "SUBMITTED"


def test_an_event_for_a_group_by_name(leap, summer, draft):
    at, etag = draft
    north = grouping.make_group(
        program=summer, name="North", rule={"postal_codes": ["60601"]},
        actor=Actor("user:9", User(role=Role.APPROVER)), now=cast.MORNING,
    )  # fmt: skip
    grouping.make_group(
        program=cast.program("Winter Peak"), name="South", rule={"postal_codes": ["62701"]},
        actor=Actor("user:9", User(role=Role.APPROVER)), now=cast.MORNING,
    )  # fmt: skip
    cast.enrolled(summer, "9900W000001")
    Location.objects.filter(systems__serial="9900W000001").update(postal="60601")
    assert leap.get("programs/summer-peak/groups/").json() == {
        "items": [{"name": "North", "rule": "postal code 60601", "systems": 1}],
        "next": None,
    }
    for names, field in ((["North", "South"], "groups.1"), (["north"], "groups.0")):
        no = leap.send("PATCH", at, {"groups": names}, HTTP_IF_MATCH=etag)
        assert [(one["field"], one["code"]) for one in no.json()["errors"]] == [
            (field, "not-found")
        ]
    unmoved()
    assert leap.post("events/preview/", wanted(groups=["North"])).json()["targeted"] == 1
    assert leap.post("events/preview/", wanted()).json()["targeted"] == 3
    changed = leap.send("PATCH", at, {"groups": ["North", "North"]}, HTTP_IF_MATCH=etag)
    assert (changed.status_code, changed.json()["groups"]) == (200, ["North"])
    assert Event.objects.get().groups == [north.pk]
    assert leap.post(f"{at}submit/").json()["groups"] == ["North"]
    assert list(Dispatch.objects.values_list("system__serial", flat=True)) == ["9900W000001"]
    assert Caller().get("programs/summer-peak/groups/").status_code == 404
