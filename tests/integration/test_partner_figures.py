"""Results by interval and by home, notices sent, limits left."""

from datetime import datetime, timedelta

import pytest

from base import clock
from dr_events.models import Dispatch, Event, Reading
from dr_events.operations import noticing
from enrollments.models import Notice, Program
from tests import cast
from tests.partner_calls import Caller, wanted

pytestmark = pytest.mark.django_db
START = cast.MORNING + timedelta(hours=6)


@pytest.fixture
def summer(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    made = cast.program(max_per_week=2)
    cast.neighborhood(made, 4)
    return made


@pytest.fixture
def leap(summer):
    return Caller("summer-peak")


@pytest.fixture
def event(leap):
    """Three to five; one home says no before, one twenty minutes in, one is never told."""
    answer = leap.post("events/", wanted())
    assert answer.status_code == 201, answer.content
    rows = Dispatch.objects.order_by("system_id")
    rows.update(delivery="CONFIRMED", participation="COMPLETED")
    first, second, third, _ = rows.values_list("id", flat=True)
    Dispatch.objects.filter(id=first).update(
        delivery="SKIPPED", reason="OPTED_OUT", participation="OPTED_OUT_BEFORE",
        opted_out_at=START - timedelta(hours=3), holds_slot=False,
    )  # fmt: skip
    Dispatch.objects.filter(id=second).update(
        participation="OPTED_OUT_DURING", opted_out_at=START + timedelta(minutes=20)
    )
    Dispatch.objects.filter(id=third).update(
        delivery="FAILED", participation="UNKNOWN", holds_slot=False
    )
    Event.objects.update(state="COMPLETED")
    return answer.json()["id"]


def test_by_home(leap, event):
    Event.objects.update(state="SCHEDULED")
    rows = leap.get(f"events/{event}/results/homes/").json()["items"]
    assert [row["took_part_s"] for row in rows] == [None] * 4
    Event.objects.update(state="COMPLETED")
    first = leap.get(f"events/{event}/results/homes/?limit=3").json()
    rest = leap.browser.get(first["next"]).json()
    assert rest["next"] is None
    rows = first["items"] + rest["items"]
    assert [(row["system"], row["asked_s"], row["took_part_s"]) for row in rows] == [
        ("2400W000000", 7200, 0),
        ("2401W000001", 7200, 1200),
        ("2402W000002", 0, 0),
        ("2403W000003", 7200, 7200),
    ]
    assert rows[0]["reason"]["code"] == "OPTED_OUT"
    assert rows[1]["opted_out_at"] == "2026-07-14T20:20:00Z"
    assert set(rows[0]) == {
        "system", "delivery", "participation", "reason", "asked_s", "took_part_s", "opted_out_at",
    }  # fmt: skip


def test_by_interval(leap, event):
    rows = list(Dispatch.objects.order_by("system_id"))
    for minutes, loads in ((-10, (1, 1)), (2, (0.5, 0.25)), (14, (None, 0.5)), (125, (1, 0.5))):
        for row, load in zip(rows[2:], loads, strict=True):
            Reading.objects.create(
                dispatch=row, at=START + timedelta(minutes=minutes), indoor_f=75.0,
                is_online=load is not None, load=load,
            )  # fmt: skip
    found = leap.get(f"events/{event}/results/intervals/")
    assert b"75.0" not in found.content
    shown = found.json()
    assert (shown["event"], shown["state"], shown["sampled"]) == (event, "COMPLETED", 0)
    items = shown["items"]
    assert [one["part"] for one in items] == ["before"] + ["during"] * 8 + ["after"]
    assert items[0] == {
        "starts_at": "2026-07-14T19:45:00Z", "ends_at": "2026-07-14T20:00:00Z", "part": "before",
        "homes": 2, "online": 2, "load": 1.0, "opted_out": 1,
    }  # fmt: skip
    # The mean of three readings: 0.5 and 0.25 at the first look, 0.5 of one home at the second.
    assert (items[1]["homes"], items[1]["online"], items[1]["load"]) == (2, 2, 0.417)
    assert (items[2]["homes"], items[2]["load"], items[2]["opted_out"]) == (0, None, 2)
    assert (items[-1]["load"], items[-1]["opted_out"]) == (0.75, 2)
    ends = [datetime.fromisoformat(one["ends_at"]) for one in items]
    assert ends[:-1] == [datetime.fromisoformat(one["starts_at"]) for one in items[1:]]


def test_an_event_nobody_looked_at_has_its_intervals_and_no_figures(leap, event):
    items = leap.get(f"events/{event}/results/intervals/").json()["items"]
    assert len(items) == 8
    assert {(one["homes"], one["load"]) for one in items} == {(0, None)}


def test_notices_are_counted_and_name_nobody(leap, event):
    Event.objects.update(state="SCHEDULED")
    noticing.write_rounds(now=cast.MORNING)
    Notice.objects.filter(id=Notice.objects.earliest("id").pk).update(
        state="SENT", sent_at=cast.MORNING, sent_to="hanna@home.example"
    )
    found = leap.get(f"events/{event}/notices/")
    assert found.json() == {
        "event": event,
        "items": [
            {"kind": "ANNOUNCED", "state": "SENT", "people": 1},
            {"kind": "ANNOUNCED", "state": "WAITING", "people": 1},
        ],
    }
    assert "@" not in found.content.decode()


def test_limits_left_of_a_program_and_of_each_home(leap, event, summer):
    found = leap.get("programs/summer-peak/limits/?at=2026-07-15T14:00:00Z").json()
    assert (found["program"], found["at"]) == ("summer-peak", "2026-07-15T14:00:00Z")
    assert found["items"] == [
        {"period": "day", "begins_at": "2026-07-15T05:00:00Z", "ends_at": "2026-07-16T05:00:00Z",
         "most": 1, "used": 0, "left": 1},
        {"period": "week", "begins_at": "2026-07-13T05:00:00Z", "ends_at": "2026-07-20T05:00:00Z",
         "most": 2, "used": 1, "left": 1},
        {"period": "season", "begins_at": "2026-06-01T05:00:00Z",
         "ends_at": "2026-10-01T05:00:00Z", "most": 15, "used": 1, "left": 14},
    ]  # fmt: skip
    # The home that said no in time has used nothing; the one that took part has.
    for serial, used in (("2400W000000", 0), ("2403W000003", 1)):
        home = leap.get(f"systems/{serial}/limits/").json()
        assert (home["system"], home["program"]) == (serial, "summer-peak")
        assert [(one["period"], one["used"]) for one in home["items"]] == [
            ("day", used), ("week", used), ("season", used),
        ]  # fmt: skip
    Event.objects.update(state="CANCELLED")
    assert [one["used"] for one in leap.get("programs/summer-peak/limits/").json()["items"]] == [
        0, 0, 0,
    ]  # fmt: skip


def test_what_is_left_is_what_planning_lets_through(leap, event):
    """The preview leaves out exactly the homes whose week is used up."""
    Program.objects.update(max_per_week=1, min_rest_minutes=0)
    later = wanted(starts_at="2026-07-15T15:00:00-05:00", ends_at="2026-07-15T17:00:00-05:00")
    preview = leap.post("events/preview/", later).json()
    full = [
        serial
        for serial in ("2400W000000", "2401W000001", "2402W000002", "2403W000003")
        if leap.get(f"systems/{serial}/limits/?at=2026-07-15T20:00:00Z").json()["items"][1]["left"]
        == 0
    ]
    assert full == ["2401W000001", "2403W000003"]
    assert [(one["code"], one["systems"]) for one in preview["left_out"]] == [("WEEK_CAP", 2)]


@pytest.mark.parametrize(
    "address",
    [
        "events/{event}/results/intervals/", "events/{event}/results/homes/",
        "events/{event}/notices/", "programs/summer-peak/limits/", "systems/2403W000003/limits/",
    ],
)  # fmt: skip
def test_what_was_not_granted_does_not_exist(leap, event, address):
    stranger, nobody = Caller(), leap
    at = address.format(event=event)
    missing = at.replace(event, "op-1").replace("summer-peak", "nowhere").replace("2403W", "0000W")
    no = stranger.get(at)
    assert no.status_code == 404
    assert no.content == nobody.get(missing).content
    wrong = leap.get(f"{at}?verbose=1")
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (400, "unknown")


def test_a_home_that_left_has_no_limits_here(leap, summer):
    summer.enrollments.filter(system__serial="2403W000003").update(state="WITHDRAWN")
    assert leap.get("systems/2403W000003/limits/").status_code == 404
