"""Practice clients: scenarios end as promised, through the same addresses as real events."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from base import clock
from dr_events.models import Dispatch, Event
from partners.models import Post, PracticeRun
from partners.operations import furnishing, hooks, posts, practice, world
from partners.states import Scenario
from partners.tasks import due, partner_news
from people.operations import Actor
from tests import cast
from tests.partner_calls import Caller, wanted

pytestmark = pytest.mark.django_db
SCENARIOS = [scenario.value for scenario in Scenario]


@pytest.fixture
def leap(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: cast.MORNING)
    return Caller(practice=True)


def begin(leap, scenario, seconds=0):
    answer = leap.post("practice/runs/", {"scenario": scenario, "seconds": seconds})
    assert answer.status_code == 201, answer.content
    return answer.json()


def play(real_now):
    with world.practice():
        return practice.play_due(now=cast.MORNING, real_now=real_now)


def counts(leap, run):
    found = leap.get(f"events/{run['event']}/results/").json()
    return {name: found[name] for name in run["promised"]}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_each_scenario_ends_with_what_it_promised(leap, scenario):
    run = begin(leap, scenario)
    assert run["is_over"] is True
    assert run["promised"]["targeted"] == furnishing.HOMES == 20
    assert counts(leap, run) == run["promised"]
    at = f"events/{run['event']}/"
    event = leap.get(at).json()
    assert (event["state"], event["is_yours"]) == (run["promised"]["state"], True)
    rows = leap.get(f"{at}deliveries/").json()["items"]
    assert len({row["system"] for row in rows}) == 20
    kinds = {
        "all-accept": {("CONFIRMED", "COMPLETED"): 20},
        "30-percent-opt-out": {
            ("CONFIRMED", "OPTED_OUT_DURING"): 6,
            ("CONFIRMED", "COMPLETED"): 14,
        },
        "carrier-slow": {("CONFIRMED", "COMPLETED"): 20},
        "carrier-down": {("EXPIRED", "UNKNOWN"): 20},
        "cancelled-midway": {("CONFIRMED", "SCHEDULED"): 10, ("CANCELLED", "UNKNOWN"): 10},
    }
    seen = [(row["delivery"], row["participation"]) for row in rows]
    assert {kind: seen.count(kind) for kind in seen} == kinds[scenario]
    if scenario == "30-percent-opt-out":
        middle = cast.MORNING + timedelta(minutes=35)
        assert {row["opted_out_at"] for row in rows} == {None, f"{middle:%Y-%m-%dT%H:%M:%SZ}"}
    if scenario == "carrier-down":
        assert {row["http_status"] for row in rows} == {503}
        assert {row["reason"]["code"] for row in rows} == {"TOO_LATE"}


def test_a_run_unfolds_in_its_own_time(leap):
    run = begin(leap, "carrier-slow", 100)
    assert run["is_over"] is False
    with world.practice():
        began = PracticeRun.objects.get().began_at
    seen = []
    for second in (5, 15, 25, 45, 55, 65, 80, 100):
        assert play(began + timedelta(seconds=second)) == 1
        found = leap.get(f"events/{run['event']}/results/").json()
        seen.append((found["delivery"], found["participation"]))
    assert [one[0] for one in seen] == [
        {"PLANNED": 20},
        {"PLANNED": 14, "ACCEPTED": 6},
        {"PLANNED": 10, "ACCEPTED": 6, "UNSURE": 4},
        {"ACCEPTED": 16, "UNSURE": 4},
        {"CONFIRMED": 16, "UNSURE": 4},
        {"CONFIRMED": 20},
        {"CONFIRMED": 20},
        {"CONFIRMED": 20},
    ]
    assert [one[1] for one in seen][-3:] == [{"SCHEDULED": 20}, {"ACTIVE": 20}, {"COMPLETED": 20}]
    assert counts(leap, run) == run["promised"]
    over = leap.get(f"practice/runs/{run['id']}/").json()
    assert over == run | {"is_over": True}
    assert leap.get("practice/runs/").json() == {"items": [over], "next": None}
    assert play(began + timedelta(seconds=200)) == 0


def test_a_step_done_twice_and_a_run_played_late_end_the_same(leap):
    runs = [begin(leap, scenario, 60) for scenario in SCENARIOS]
    later = timezone.now() + timedelta(seconds=100)
    assert play(timezone.now() + timedelta(seconds=20)) == 5
    assert play(timezone.now() + timedelta(seconds=20)) == 5
    assert play(later) == 5
    for run in runs:
        assert counts(leap, run) == run["promised"]


def test_runs_do_not_stand_in_each_others_way(leap):
    """Also not at midnight: the program's day ends there, an event does not cross it."""
    first = [begin(leap, "all-accept", 600) for _ in range(10)]
    again = leap.post("practice/runs/", {"scenario": "all-accept"})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/wrong-state")
    events = leap.get("events/").json()["items"]
    assert len(events) == len(first) == 10
    assert sorted(one["starts_at"] for one in events)[-1] == "2026-07-15T00:00:00Z"
    assert {one["promised"]["targeted"] for one in first} == {20}
    play(timezone.now() + timedelta(seconds=601))
    # When they are over, the first hour is free again.
    run = begin(leap, "all-accept")
    assert leap.get(f"events/{run['event']}/").json()["starts_at"] == "2026-07-14T14:05:00Z"


@pytest.mark.django_db(transaction=True)
def test_runs_that_begin_at_once_get_an_hour_each(leap):
    runs = 4
    leap.get("programs/")
    together = Barrier(runs)

    def call(_):
        try:
            together.wait(20)
            answer = leap.post("practice/runs/", {"scenario": "all-accept", "seconds": 60})
            return answer.status_code, answer.json().get("promised", {}).get("targeted")
        finally:
            connections.close_all()

    try:
        with ThreadPoolExecutor(runs) as pool:
            found = list(pool.map(call, range(runs)))
        assert found == [(201, 20)] * runs
        hours = {one["starts_at"] for one in leap.get("events/").json()["items"]}
        assert len(hours) == runs
    finally:
        world.build()  # between tests only the real tables are emptied


def test_an_event_of_ones_own_is_played_by_the_clock(leap, monkeypatch):
    slug = leap.get("programs/").json()["items"][0]["slug"]
    made = leap.post("events/", wanted(program=slug, starts_at="2026-07-14T20:00:00Z",
                                       ends_at="2026-07-14T22:00:00Z"))  # fmt: skip
    assert made.status_code == 201, made.content
    at = f"events/{made.json()['id']}/"
    said = leap.get(f"{at}deliveries/?limit=1").json()["items"][0]["system"]
    assert leap.post(f"{at}opt-outs/", {"system": said}).json()["in_time"] is True
    for hours, state, delivery, part in (
        (4, "SCHEDULED", {"PLANNED": 19, "SKIPPED": 1}, {"UNKNOWN": 19}),
        (5, "SCHEDULED", {"CONFIRMED": 19, "SKIPPED": 1}, {"SCHEDULED": 19}),
        (7, "SCHEDULED", {"CONFIRMED": 19, "SKIPPED": 1}, {"ACTIVE": 19}),
        (8, "COMPLETED", {"CONFIRMED": 19, "SKIPPED": 1}, {"COMPLETED": 19}),
    ):
        with world.practice():
            practice.play_due(now=cast.MORNING + timedelta(hours=hours), real_now=timezone.now())
        found = leap.get(f"{at}results/").json()
        assert (found["state"], found["delivery"]) == (state, delivery)
        assert found["participation"] == part | {"OPTED_OUT_BEFORE": 1}


def test_cancelling_ends_a_run(leap):
    run = begin(leap, "all-accept", 600)
    done = leap.post(f"events/{run['event']}/cancel/")
    assert (done.status_code, done.json()["spared"]) == (200, 20)
    play(timezone.now())
    assert leap.get(f"practice/runs/{run['id']}/").json()["is_over"] is True
    assert leap.get(f"events/{run['event']}/results/").json()["delivery"] == {"CANCELLED": 20}


def test_the_same_key_plays_once(leap):
    body = {"scenario": "all-accept", "seconds": 0}
    first = leap.post("practice/runs/", body, HTTP_IDEMPOTENCY_KEY="run-1")
    again = leap.post("practice/runs/", body, HTTP_IDEMPOTENCY_KEY="run-1")
    assert first.json() == again.json()
    assert again["Idempotent-Replayed"] == "true"
    assert len(leap.get("practice/runs/").json()["items"]) == 1


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"scenario": "meteor"}, "scenario", "invalid-choice"),
        ({}, "scenario", "required"),
        ({"scenario": "all-accept", "seconds": 601}, "seconds", "max-value"),
        ({"scenario": "all-accept", "seconds": -1}, "seconds", "min-value"),
        ({"scenario": "all-accept", "homes": 5}, "homes", "unknown"),
    ],
)
def test_what_is_no_run(leap, body, field, code):
    no = leap.post("practice/runs/", body)
    assert no.status_code == 400
    assert [(one["field"], one["code"]) for one in no.json()["errors"]] == [(field, code)]
    assert leap.get("events/").json()["items"] == []


@pytest.mark.parametrize("run_id", ["nowhere", "00000000-0000-4000-8000-000000000000"])
def test_a_run_that_is_none(leap, run_id):
    assert leap.get(f"practice/runs/{run_id}/").status_code == 404


def test_webhooks_are_told_and_only_in_their_own_world(leap):
    summer = cast.program()
    real = Caller("summer-peak")
    who: dict[str, Any] = {
        "actor": Actor("user:test"),
        "now": cast.MORNING,
        "real_now": timezone.now(),
    }
    ours, theirs = (
        hooks.make(client_id=one.client_id, url="https://x.example", kinds=[], **who).webhook_id
        for one in (leap, real)
    )
    run = begin(leap, "cancelled-midway")
    cast.enrolled(summer)
    event = cast.scheduled(summer)
    assert [ring.task.name for ring in due()] == [partner_news.name]
    posts.write_posts(real_now=timezone.now())
    with world.practice():
        posts.write_posts(real_now=timezone.now())

    def told(hook_id):
        bodies = Post.objects.filter(webhook_id=hook_id).order_by("sequence")
        found = [json.loads(post.body) for post in bodies]
        return [(one["type"], one["data"].get("id")) for one in found if "event" in one["type"]]

    assert told(ours) == [("event.scheduled", run["event"]), ("event.cancelled", run["event"])]
    assert told(theirs) == [("event.scheduled", event.wire_id)]


def test_the_sweep_plays_and_says_when_there_is_nothing_to_do(leap):
    assert due() == []
    run = begin(leap, "all-accept", 1)
    assert [ring.task.name for ring in due()] == [partner_news.name]
    with world.practice():
        PracticeRun.objects.update(began_at=timezone.now() - timedelta(seconds=2))
    partner_news.run()
    assert leap.get(f"practice/runs/{run['id']}/").json()["is_over"] is True
    assert due() == []


def test_runs_are_forgotten_after_thirty_days(leap):
    old, new = begin(leap, "30-percent-opt-out"), begin(leap, "all-accept")
    with world.practice():
        PracticeRun.objects.filter(id=old["id"]).update(
            began_at=timezone.now() - practice.KEEP - timedelta(minutes=1)
        )
    assert [ring.task.name for ring in due()] == [partner_news.name]
    partner_news.run()
    assert [one["id"] for one in leap.get("practice/runs/").json()["items"]] == [new["id"]]
    assert leap.get(f"events/{old['event']}/").status_code == 404
    assert due() == []
    with world.practice():
        assert (Event.objects.count(), Dispatch.objects.count()) == (1, 20)
