"""The variants a real cloud might have: second POSTs, ids, late effects, lists that lie."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.test_sandbox_faults import POST, home

__all__ = ["home"]  # a fixture


def effects_of(cloud: Any, home: dict[str, Any], *posts: dict[str, Any]) -> list[str]:
    for members in posts:
        cloud.post_event(home["serial"], home["token"], **members)
    found = [e for entry in cloud.entries(POST)[-len(posts) :] for e in entry["effects"]]
    return [effect["effect"].partition(":")[0] for effect in found]


CANCEL = {"modificationNumber": 1, "status": "cancelled"}


@pytest.mark.parametrize(
    ("variants", "second", "effect", "events", "peak"),
    [
        ({}, {}, "merged", 1, 1),
        ({}, {"modificationNumber": 1, "offset": 2}, "replaced", 1, 1),
        ({"second_post": "adds"}, {}, "added", 2, 2),
        ({"second_post": "merges"}, {"offset": 2}, "merged", 1, 1),
        ({"second_post": "replaces"}, {}, "replaced", 1, 1),
        ({"ids": "ignored"}, {}, "created", 2, 2),
        ({}, CANCEL, "cancelled", 1, 1),
        ({}, {"status": "cancelled"}, "ignored", 1, 1),
        ({"cancel": "ignored"}, CANCEL, "ignored", 1, 1),
        ({"cancel": "new_event"}, CANCEL, "added", 2, 2),
    ],
)
def test_what_a_second_post_does(cloud, home, variants, second, effect, events, peak):
    cloud.admin("PUT", "faults", variants=variants)
    assert effects_of(cloud, home, {}, second) == ["created", effect]
    told = cloud.truth(home["serial"])
    assert (told["posts"], len(told["events"]), told["peak_overlap"]) == (2, events, peak)
    cancelled = effect == "cancelled"
    assert told["events"][0]["live"] is not cancelled
    assert told["events"][0]["outcome"] == ("cancelled" if cancelled else "pending")
    assert cloud.admin("GET", "truth", event_id="dr-1")["totals"]["systems"] >= 1


def test_an_older_modification_is_ignored(cloud, home):
    posts = ({"modificationNumber": 3}, {"modificationNumber": 2})
    assert effects_of(cloud, home, *posts) == ["created", "ignored"]
    assert cloud.truth(home["serial"])["events"][0]["modification"] == 3


@pytest.mark.parametrize(
    ("variants", "first", "second"),
    [({"ids": "rejected"}, 400, 400), ({"cancel": "rejected"}, 200, 400)],
)
def test_a_cloud_that_refuses(cloud, home, variants, first, second):
    cloud.admin("PUT", "faults", variants=variants)
    codes = [
        cloud.post_event(home["serial"], home["token"], **members).status_code
        for members in ({}, CANCEL)
    ]
    assert codes == [first, second]


def test_a_late_effect_is_not_there_yet(cloud, home):
    cloud.admin("PUT", "faults", variants={"effect_delay_s": 3600})
    cloud.post_event(home["serial"], home["token"])
    path = f"/systems/{home['serial']}/utility_events"
    assert cloud.call("GET", path, home["token"]).json()["utility_events"]["events"] is None
    (told,) = cloud.truth(home["serial"])["events"]
    assert told["live"] is False
    assert told["effect_real"] - told["received_real"] == pytest.approx(3600)


@pytest.mark.parametrize(
    ("variants", "ids"),
    [
        ({}, ["dr-1", "dr-2"]),
        ({"listing": "reordered"}, ["dr-2", "dr-1"]),
        ({"listing": "empty"}, []),
        ({"listing": "partial"}, ["dr-1", "dr-2"]),
        ({"list_delay_s": 3600}, []),
    ],
)
def test_how_the_list_may_lie(cloud, home, variants, ids):
    effects_of(cloud, home, {}, {"event_id": "dr-2"})
    cloud.admin("PUT", "faults", variants=variants)
    path = f"/systems/{home['serial']}/utility_events"
    events = cloud.call("GET", path, home["token"]).json()["utility_events"]["events"]
    found = events["event"] if events else []
    assert [one["$"]["id"] for one in found] == ids
    assert all(("optType" in one) is (variants.get("listing") != "partial") for one in found)


def test_a_frozen_list_does_not_learn(cloud, home):
    effects_of(cloud, home, {})
    cloud.admin("PUT", "faults", variants={"listing": "frozen"})
    effects_of(cloud, home, {"event_id": "dr-2"}, CANCEL)
    path = f"/systems/{home['serial']}/utility_events"
    (one,) = cloud.call("GET", path, home["token"]).json()["utility_events"]["events"]["event"]
    assert (one["$"]["id"], one["status"]) == ("dr-1", "far")


def test_an_event_of_somebody_else_stands_in_the_list(cloud, home):
    cloud.admin("POST", "act", system=home["serial"], do="foreign_event")
    path = f"/systems/{home['serial']}/utility_events"
    (one,) = cloud.call("GET", path, home["token"]).json()["utility_events"]["events"]["event"]
    assert one["$"]["id"].startswith("foreign-")
