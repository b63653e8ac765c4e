"""Taking an event back dies at every point: in the end no home holds it, and all rows say so."""

import time

import pytest
from django.db.models import Q
from pytest_django import Settings

from dr_events import operations
from dr_events.models import Dispatch
from dr_events.states import Delivery, Recall
from tests.faults.crash_mortals import PATIENCE_S, Mortals
from tests.faults.crash_town import (
    SEND_AT,
    Case,
    Town,
    _children,
    _town,
    mortals,
    no_waiting,
    sweep,
    town,
)
from tests.faults.test_crash_points import OLGA, Function, Truths, break_at, points_of

__all__ = ["_children", "_town", "mortals", "town"]  # fixtures


def held_and_called_off(town: Town, cases: list[Case]) -> None:
    """Every home holds the event; then it is cancelled."""
    for case in cases:
        for home, row in enumerate(case.rows):
            town.post(case, home)
            Dispatch.objects.filter(pk=row.pk).update(delivery=Delivery.ACCEPTED, attempts=1)
        operations.cancel(event_id=case.event.pk, actor=OLGA, now=SEND_AT)


def let_go(found: Truths, case: Case) -> str:
    live = [sum(event["live"] for event in found[serial]["events"]) for serial in case.serials]
    recalls = list(Dispatch.objects.filter(event=case.event).values_list("recall", flat=True))
    if (live, recalls) == ([0] * len(live), [Recall.RECALLED] * len(live)):
        return ""
    return f"{live} live, {recalls}"


TAKE_BACK = Function(
    "take_back",
    2,
    held_and_called_off,
    let_go,
    ("bytes out POST home 1", "bytes out POST home 2", "answered POST home 2", "bytes out GET"),
    settings={"CARRIER_CANCEL": "modification"},
)


@pytest.mark.parametrize("act", ["kill", "cut"])
def test_at_every_point(act: str, town: Town, mortals: Mortals, settings: Settings) -> None:
    settings.CARRIER_CANCEL = "modification"
    points = points_of(town, mortals, TAKE_BACK)
    broken, missed = break_at(town, mortals, TAKE_BACK, points, act)
    assert missed == []
    deadline = time.monotonic() + PATIENCE_S
    while Dispatch.objects.filter(Q(recall=Recall.NONE) | Q(recall=Recall.ASKED)).exists():
        assert time.monotonic() < deadline, "some rows never say what became of them"
        Dispatch.objects.update(not_before=None)
        no_waiting()
        sweep()
    print(f"take back, {act}: {len(points)} points, {len(broken)} cases")
    found = town.truths()
    failures = {case.point: what for case in broken if (what := let_go(found, case))}
    assert failures == {}
