"""The partner API: programs, homes, events, deliveries and results, page by page."""

from datetime import timedelta
from typing import Any

import pytest

from base import clock
from dr_events.models import Dispatch, Event
from dr_events.operations import opt_out
from dr_events.states import Delivery, EventState, OptOutVia
from enrollments.models import Enrollment
from people.models import ActivityEntry
from people.operations import Actor
from tests import cast
from tests.partner_calls import Caller, wanted

pytestmark = pytest.mark.django_db


@pytest.fixture
def summer(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    return cast.program()


@pytest.fixture
def leap(summer):
    return Caller("summer-peak")


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
            "paused_from": None,
            "paused_until": None,
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
    assert answer["Location"] == f"http://testserver/api/v1/events/{event.wire_id}/"
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
        "price_cents": None,
        "is_test": False,
        "randomize_start_s": 0,
        "note": "Thank you",
        "postal_codes": [],
        "groups": [],
        "share_percent": 100,
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
    opt_out(
        dispatch_id=rows["2403"].pk,
        via=OptOutVia.HOME_PAGE,
        actor=Actor("user:test"),
        now=cast.MORNING,
    )
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
    assert listed[5]["reason"] == {"code": "PAUSED", "detail": "Enrollment is paused"}
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
        "left_out": [{"code": "PAUSED", "detail": "Enrollment is paused", "systems": 1}],
        "first_sent_at": "2026-07-14T19:00:00Z",
        "last_accepted_at": "2026-07-14T19:00:00Z",
    }
    targeted = [one for one in listed if not one["reason"] or one["reason"]["code"] != "PAUSED"]
    for column in ("delivery", "participation"):
        counted = dict.fromkeys(results[column], 0)
        for one in targeted:
            counted[one[column]] += 1
        assert counted == results[column]
    assert len(targeted) == results["targeted"]
