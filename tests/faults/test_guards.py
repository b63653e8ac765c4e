"""Each guard of delivery is needed: the same scenario, with it and without it.

What breaks is read from the pretend cloud's ledger, where a second POST of an event adds a second
one. The scenarios are aimed: somebody acts at one exact point, nothing is left to luck.
"""

from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pycurl
import pytest
from django.test import override_settings
from django.utils import timezone

from carrier import curl_lane
from dr_events import dispatch, operations
from dr_events.dispatch import proof, vendor
from dr_events.models import Dispatch
from dr_events.rules import outcomes
from dr_events.states import Delivery
from tests.faults.crash_guards import rewritten
from tests.faults.crash_mortals import Mortals, until
from tests.faults.crash_stage import Guard, Stage, play
from tests.faults.crash_town import (
    SEND_AT,
    Case,
    Town,
    _children,
    _town,
    heal,
    mortals,
    no_waiting,
    sweep,
    town,
)

__all__ = ["_children", "_town", "mortals", "town"]  # fixtures
POSTS = "POST utility_events"


# --- a sender and another worker ---------------------------------------------------------------
def dies_before_it_saves(stage: Stage) -> list[int]:
    """A sender inside somebody's longer transaction dies with the answer in its hands."""
    case = stage.town.case()
    fate = stage.mortals.run(
        "send in one transaction", case.serials, at="answered POST home 1 #1", act="kill",
        off=stage.off, event_id=case.event.pk,
    )  # fmt: skip
    if not stage.off:
        assert "must be committed" in fate.error
        assert stage.town.posts()[case.serials[0]] == 0
    heal()
    return stage.town.live(case)


def leased(case: Case) -> bool:
    rows = Dispatch.objects.filter(event=case.event, delivery=Delivery.SENDING)
    return rows.filter(lease_until__gt=timezone.now()).exists()


def overtake(case: Case) -> None:
    """The lease is over; another worker does all it may do."""
    until(lambda: not leased(case))
    for _ in range(4):
        no_waiting()
        sweep()


def frozen_before_the_first_byte(stage: Stage) -> list[int]:
    """A sender is frozen, past its lease, where no last look can help any more."""
    case = stage.town.case()
    name = stage.mortals.start(
        "send", case.serials, at="looked POST home 1 #1", act="stop", off=stage.off,
        settings={"LEASE_S": 1.0}, event_id=case.event.pk,
    )  # fmt: skip
    assert stage.mortals.stopped(name).stopped
    overtake(case)
    stage.mortals.resume(name)
    stage.mortals.ended(name)
    heal()
    return stage.town.live(case)


def held_up_past_its_lease(stage: Stage) -> list[int]:
    """As behind a transaction pooler: the session lives, its lock does not. The request waits for
    its turn longer than the lease."""
    case = stage.town.case()
    point = "last look POST home 1 #1"
    name = stage.mortals.start(
        "send", case.serials, at=point, act="hold", off=["session lock", "old answer", *stage.off],
        settings={"LEASE_S": 1.0}, event_id=case.event.pk,
    )  # fmt: skip
    stage.mortals.at(name, point)
    overtake(case)
    assert stage.town.live(case) == [1], "another worker has sent it"
    stage.mortals.let_go(name)
    stage.mortals.ended(name)
    heal()
    return stage.town.live(case)


def saved_by_one_who_lost_it(stage: Stage) -> list[int]:
    """A sender that gave its row back saves so while the next one's request is under way."""
    case = stage.town.case()
    first = operations.claim(
        event_id=case.event.pk, after=0, limit=1, lease=timedelta(0),
        token_margin=timedelta(0), last_send=case.event.ends_at, now=SEND_AT,
    )  # fmt: skip
    operations.release(first.number)  # its session is gone
    for _ in range(3):
        no_waiting()
        dispatch.look_at_unsure(case.event.pk)
    assert case.deliveries() == [Delivery.PLANNED]
    point = "bytes out POST home 1 #1"
    name = stage.mortals.start("send", case.serials, at=point, act="hold", event_id=case.event.pk)
    stage.mortals.at(name, point)
    with stage.here():
        late = operations.Outcome(
            Delivery.PLANNED, outcomes.REFUSED, None, "the claim grew old", 0.0, 0, False
        )
        told = {late: [(first.rows[0].id, 0.0)]}
        operations.save_outcomes(number=first.number, outcomes=told)
    until(lambda: stage.town.live(case) == [1])
    sweep()
    stage.mortals.let_go(name)
    stage.mortals.ended(name)
    heal()
    return stage.town.live(case)


# --- an answer that was lost -------------------------------------------------------------------
def answered_500_after_the_effect(stage: Stage) -> list[int]:
    case = lost(stage.town)
    with stage.here():
        heal()
    return stage.town.live(case)


def lost(town: Town, **variants: Any) -> Case:
    """The request has arrived, its answer is lost."""
    case = town.case()
    rule = {"kind": "error_after", "status": 500, "match": {"operation": POSTS}, "count": 1}
    town.faults(rule, **variants)
    dispatch.send_wave(case.event.pk)
    assert case.deliveries() == [Delivery.UNSURE]
    return case


def applied_late(stage: Stage) -> list[int]:
    """Carrier applies the request a second after it has answered 500. Nobody shortens the wait."""
    quiet = override_settings(CARRIER_LATE_EFFECT_S=1.0)  # beside the second of the time-out
    with quiet, patch.object(proof, "AGAIN_S", 0.0), stage.here():
        case = lost(stage.town, effect_delay_s=1.0)
        until(lambda: bool(sweep()) and case.deliveries() != [Delivery.UNSURE])
        if case.deliveries() == [Delivery.PLANNED]:
            sweep()
    until(lambda: stage.town.live(case) != [0])
    until(lambda: stage.town.live(case) == [stage.town.posts()[case.serials[0]]])
    return stage.town.live(case)


def missing_in_the_first_list(stage: Stage) -> list[int]:
    """The list catches up with what was accepted only after the first look."""
    with stage.here():
        case = lost(stage.town)
    stage.town.faults(listing="empty")
    no_waiting()
    dispatch.look_at_unsure(case.event.pk)
    stage.town.faults()
    heal()
    return stage.town.live(case)


def dead_connection(stage: Stage) -> list[int]:
    """The second request goes over a kept connection, which dies before the first byte of the
    answer: libcurl repeats such a request by itself."""
    case = stage.town.case(2)
    match = {"operation": POSTS, "serial": case.serials[1]}
    stage.town.faults({"kind": "reset_after", "match": match, "count": 1})
    with stage.here():
        dispatch.send_wave(case.event.pk)
        vendor.requests().close()
    assert dict(stage.town.posts())[case.serials[0]] == 1
    heal()
    return stage.town.live(case)


# --- the switches that need this process -------------------------------------------------------
def blind_proof() -> AbstractContextManager[Any]:
    """Absent, without having looked."""
    return patch.object(proof, "find", lambda *_: (dispatch.looking.Listing.ABSENT, None))


def no_bound() -> AbstractContextManager[Any]:
    return patch.object(vendor, "quiet_time", lambda: timedelta(0))


def one_look() -> AbstractContextManager[Any]:
    return patch.object(outcomes, "PROOF_AFTER_SILENCE", 1)


def departs_as_often_as_it_likes() -> AbstractContextManager[Any]:
    asked = curl_lane.Lane._depart

    def depart(lane: Any, *given: object) -> int:
        asked(lane, *given)
        return int(pycurl.PREREQFUNC_OK)

    return patch.object(curl_lane.Lane, "_depart", depart)


def no_fence() -> AbstractContextManager[Any]:
    return rewritten("AND d.claim = %(claim)s", "")


GUARDS = {
    "committed intent before the POST": Guard(dies_before_it_saves, [1], [2], "intent"),
    "session lock of the claim": Guard(frozen_before_the_first_byte, [1], [2], "session lock"),
    "lease in the last look": Guard(held_up_past_its_lease, [1], [2], "old claim"),
    "claim number in the save": Guard(saved_by_one_who_lost_it, [1], [2], no_fence),
    "GET before it is sent again": Guard(answered_500_after_the_effect, [1], [2], blind_proof),
    "waiting bound": Guard(applied_late, [1], [2], no_bound),
    "two absent reads": Guard(missing_in_the_first_list, [1], [2], one_look),
    "no repeat by libcurl": Guard(dead_connection, [1, 1], [1, 2], departs_as_often_as_it_likes),
}


@pytest.mark.parametrize("on", [True, False], ids=["on", "off"])
@pytest.mark.parametrize("name", GUARDS)
def test_guard(name: str, on: bool, town: Town, mortals: Mortals) -> None:
    """Live events of each home: one, and without the guard more."""
    play(GUARDS[name], on, town, mortals)
