"""What may happen to a request whose answer was lost: each setting against each kind of vendor.

The sandbox plays the vendors. What a setting promises, and the one case in which it cannot keep
it, stand side by side in one table: that table is docs/decisions/0005-unknown-answers.md.
"""

from typing import Any

import pytest
from pytest_django import Settings

from dr_events import dispatch
from dr_events.models import Control, Event
from dr_events.states import Delivery
from enrollments.models import Program, System
from tests import cast
from tests.integration.conftest import Vendor
from tests.integration.sending import POSTS, deliveries, faults, no_waiting, posts, sent

pytestmark = pytest.mark.django_db(transaction=True)

LOST = {"kind": "error_before", "status": 500, "match": POSTS}
TAKEN = {"kind": "error_after", "status": 500, "match": POSTS}
# Applied, but later than any bound we could have waited.
VERY_LATE = {"effect_delay_s": 3600.0}


@pytest.fixture
def summer() -> Program:
    return cast.program()


def held(vendor: Vendor, systems: list[System]) -> list[int]:
    """Events each home holds or will hold, by the sandbox's own account."""
    return [
        sum(not event["removed_by"] for event in vendor.truth(one.serial)["events"])
        for one in systems
    ]


def through(vendor: Vendor, event: Event, systems: int, rule: dict[str, Any], **habit: Any) -> None:
    """One POST whose answer is lost, then as many sweeps as it takes to change nothing more."""
    faults(vendor, rule | {"count": systems}, **habit)
    for _ in range(5):
        dispatch.send_wave(event.pk)
        no_waiting(event)
        dispatch.look_at_unsure(event.pk)
        no_waiting(event)


# setting, what became of the first request, the vendor's habits -> requests a home got, events it
# holds, where its row stands. "adds": a second POST is a second event. "merges": it is the same.
@pytest.mark.parametrize(
    ("resend", "rule", "habit", "posted", "events", "state"),
    [
        # never: at most once, whatever the vendor does. What was lost stays lost.
        ("never", LOST, {"second_post": "adds"}, 1, 0, Delivery.UNSURE),
        ("never", TAKEN, {"second_post": "adds"}, 1, 1, Delivery.CONFIRMED),
        ("never", TAKEN, {"second_post": "adds"} | VERY_LATE, 1, 1, Delivery.UNSURE),
        ("never", TAKEN, {"second_post": "adds", "listing": "empty"}, 1, 1, Delivery.UNSURE),
        # after_proof: exactly once, as long as the vendor applies a request within the bound.
        ("after_proof", LOST, {"second_post": "adds"}, 2, 1, Delivery.ACCEPTED),
        ("after_proof", TAKEN, {"second_post": "adds"}, 1, 1, Delivery.CONFIRMED),
        ("after_proof", TAKEN, {"second_post": "adds", "ids": "ignored"}, 1, 1, Delivery.CONFIRMED),
        ("after_proof", TAKEN, {"second_post": "merges"} | VERY_LATE, 2, 1, Delivery.ACCEPTED),
        # Beyond the bound it doubles where a second POST adds: measure the bound, or say never.
        ("after_proof", TAKEN, {"second_post": "adds"} | VERY_LATE, 2, 2, Delivery.ACCEPTED),
        # free: only for a vendor shown to merge on our id. One look, no proof of its lists.
        ("free", LOST, {"second_post": "merges"}, 2, 1, Delivery.ACCEPTED),
        ("free", TAKEN, {"second_post": "merges"} | VERY_LATE, 2, 1, Delivery.ACCEPTED),
        ("free", TAKEN, {"second_post": "merges", "listing": "empty"}, 2, 1, Delivery.ACCEPTED),
        ("free", TAKEN, {"second_post": "by_modification"} | VERY_LATE, 2, 1, Delivery.ACCEPTED),
        ("free", TAKEN, {"second_post": "adds"} | VERY_LATE, 2, 2, Delivery.ACCEPTED),
    ],
)
def test_each_setting_keeps_its_promise(
    vendor: Vendor, summer: Program, settings: Settings,
    resend: str, rule: dict[str, Any], habit: dict[str, Any],
    posted: int, events: int, state: Delivery,
) -> None:  # fmt: skip
    settings.CARRIER_RESEND_AFTER_UNKNOWN = resend
    systems, event = sent(vendor, summer, 2)
    through(vendor, event, len(systems), rule, **habit)
    assert posts(vendor) == {one.serial: posted for one in systems}
    assert held(vendor, systems) == [events] * len(systems)
    assert deliveries(event) == {state: len(systems)}


@pytest.mark.parametrize("resend", ["never", "after_proof"])
def test_where_no_list_was_ever_proven_nothing_is_sent_twice(
    vendor: Vendor, summer: Program, settings: Settings, resend: str
) -> None:
    Control.objects.update(listed_at=None)
    settings.CARRIER_RESEND_AFTER_UNKNOWN = resend
    systems, event = sent(vendor, summer, 2)
    through(vendor, event, len(systems), TAKEN, second_post="adds", listing="empty")
    assert posts(vendor) == {one.serial: 1 for one in systems}
    assert held(vendor, systems) == [1] * len(systems)
    assert deliveries(event) == {Delivery.UNSURE: len(systems)}
