"""What must not be sent any more: asked in the claim, and again right before the bytes leave.

Each question is needed at both places: somebody acts between the sender's last question and its
claim, or between the claim and the first byte. What is counted are POSTs the pretend cloud received
afterwards: none with the guard, one without it.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection
from django.utils import timezone

from carrier import curl_lane
from dr_events import dispatch, operations, queries
from dr_events.dispatch import watch, wave
from dr_events.models import Control, Dispatch
from dr_events.states import Delivery, OptOutVia
from enrollments import operations as homes
from enrollments.models import Program
from people.operations import Actor
from tests.faults.crash_guards import Switch, rewritten, trusting
from tests.faults.crash_mortals import PATIENCE_S, Mortals
from tests.faults.crash_stage import Guard, Stage, play
from tests.faults.crash_town import SEND_AT, Case, Town, _children, _town, mortals, town

__all__ = ["_children", "_town", "mortals", "town"]  # fixtures
OLGA = Actor("user:olga")
CLAIM = "FOR UPDATE OF d SKIP LOCKED"
Act = Callable[[Town, Case], None]


# --- what somebody does ------------------------------------------------------------------------
def stop(town: Town, case: Case) -> None:
    operations.emergency_stop(why="smoke", actor=OLGA, now=SEND_AT)


def break_circuit(town: Town, case: Case) -> None:
    Control.objects.filter(id=1).update(broken_at=timezone.now(), broken_why="400 everywhere")


def cancel(town: Town, case: Case) -> None:
    operations.cancel(event_id=case.event.pk, actor=OLGA, now=SEND_AT)


def cancel_before_it_came_back(town: Town, case: Case) -> None:
    """The row was with a sender, who then gave it back unsent."""
    cancel(town, case)
    Dispatch.objects.filter(event=case.event).update(delivery=Delivery.PLANNED)


def pause_home(town: Town, case: Case) -> None:
    assert homes.pause(enrollment_id=case.rows[0].enrollment_id, actor=OLGA, now=SEND_AT) == 1


def say_no(town: Town, case: Case) -> None:
    operations.opt_out(
        dispatch_id=case.rows[0].pk, via=OptOutVia.HOME_PAGE, actor=OLGA, now=SEND_AT
    )


def say_no_before_it_came_back(town: Town, case: Case) -> None:
    say_no(town, case)
    Dispatch.objects.filter(event=case.event).update(delivery=Delivery.PLANNED)


def grow_late(town: Town, case: Case) -> None:
    """Of the event less is left than is worth while."""
    town.cloud.move_to((case.event.ends_at - timedelta(minutes=29)).timestamp())


def tighten_limits(town: Town, case: Case) -> None:
    Program.objects.filter(id=case.event.program_id).update(max_event_minutes=60)


# --- when --------------------------------------------------------------------------------------
def before_the_claim(act: Act) -> Callable[[Stage], list[int]]:
    """The sender has just asked, and does not ask again before the bytes leave."""

    def scenario(stage: Stage) -> list[int]:
        case = stage.town.case()
        claim = wave._Wave._claim
        turns = iter([lambda: act(stage.town, case)])

        def acted(self: Any, **more: Any) -> bool:
            next(turns, lambda: None)()
            return claim(self, **more)

        with (
            patch.object(wave._Wave, "_claim", acted),
            patch.multiple(watch, LOOK_EVERY_S=math.inf, TOO_OLD_S=math.inf),
            stage.here(),
        ):
            dispatch.send_wave(case.event.pk)
        assert next(turns, None) is None, "nobody acted"
        return [stage.town.posts()[case.serials[0]]]

    return scenario


def before_the_bytes(act: Act) -> Callable[[Stage], list[int]]:
    """The row is claimed, the connection is up; the sender has asked once more since."""

    def scenario(stage: Stage) -> list[int]:
        asked = [0.0]
        refresh = watch.Watch.refresh

        def noted(self: watch.Watch) -> None:
            refresh(self)
            asked[0] = self._asked

        with patch.object(watch.Watch, "refresh", noted), trusting():
            return _at_the_last_look(stage, act, lambda since: asked[0] > since)

    return scenario


def unheard(act: Act) -> Callable[[Stage], list[int]]:
    """As above, but the thread that asks the database hangs: it has asked only once."""

    def scenario(stage: Stage) -> list[int]:
        refresh = watch.Watch.refresh

        def once(self: watch.Watch) -> None:
            if self._asked == -math.inf:
                refresh(self)

        def old(since: float) -> bool:
            return time.monotonic() > since + 0.8  # the stop promises a second

        with patch.object(watch.Watch, "refresh", once):
            return _at_the_last_look(stage, act, old)

    return scenario


def _at_the_last_look(stage: Stage, act: Act, ripe: Callable[[float], bool]) -> list[int]:
    """``act`` happens on the fan-out's thread, right before its last look."""
    case = stage.town.case()
    depart = curl_lane.Lane._depart
    acted: list[float] = []

    def held(lane: Any, *given: object) -> int:
        if not acted:
            act(stage.town, case)
            connection.close()
            acted.append(time.monotonic())
            deadline = acted[0] + PATIENCE_S
            while not ripe(acted[0]) or time.monotonic() < acted[0] + 2 * curl_lane.LOOK_AGAIN_S:
                assert time.monotonic() < deadline
                time.sleep(0.01)
        return int(depart(lane, *given))

    with patch.object(curl_lane.Lane, "_depart", held), stage.here():
        dispatch.send_wave(case.event.pk)
    assert len(acted) == 1
    return [stage.town.posts()[case.serials[0]]]


# --- switches ----------------------------------------------------------------------------------
def unasked(old: str, new: str = "") -> Switch:
    """The claim does not ask this."""
    return lambda: rewritten(old, new, within=CLAIM)


def deaf_to(signal: int, nothing: Any) -> Switch:
    """The last look never hears this signal."""

    def switch() -> AbstractContextManager[Any]:
        ask = queries.work.stop_signals

        def signals(**more: Any) -> Any:
            found = list(ask(**more))
            found[signal] = nothing
            return tuple(found)

        return patch.object(queries.work, "stop_signals", signals)

    return switch


@contextmanager
def timeless() -> Iterator[None]:
    """The last look never finds it too late."""
    refusal = watch.Watch.refusal

    def ask(self: watch.Watch, row_id: int) -> str | None:
        self.too_late = False
        return refusal(self, row_id)

    with patch.object(watch.Watch, "refusal", ask):
        yield


HALT, SAID_NO = 0, 1
deaf = deaf_to(HALT, None)
deaf_to_homes = deaf_to(SAID_NO, frozenset())


def claim_guard(act: Act, off: Switch) -> Guard:
    return Guard(before_the_claim(act), [0], [1], off)


def look_guard(act: Act, off: Switch) -> Guard:
    return Guard(before_the_bytes(act), [0], [1], off)


GUARDS = {
    "stop in the claim": claim_guard(stop, unasked("WHEN stopped THEN", "WHEN false THEN")),
    "stop in the last look": look_guard(stop, deaf),
    "stop that cannot be read": Guard(unheard(stop), [0], [1], trusting),
    "circuit in the claim": claim_guard(
        break_circuit, unasked("WHEN broken_at IS NOT NULL THEN", "WHEN false THEN")
    ),
    "circuit in the last look": look_guard(break_circuit, deaf),
    "cancel in the claim": claim_guard(
        cancel_before_it_came_back, unasked("e.state = 'SCHEDULED' AND")
    ),
    "cancel in the last look": look_guard(cancel, deaf),
    "consent in the claim": claim_guard(
        pause_home, unasked("AND (n.state IN ('ACTIVE', 'PAUSED') AND NOT", "AND (true OR")
    ),
    "consent in the last look": look_guard(pause_home, deaf_to_homes),
    "opt-out in the claim": claim_guard(
        say_no_before_it_came_back, unasked("AND d.opted_out_at IS NULL")
    ),
    "opt-out in the last look": look_guard(say_no, deaf_to_homes),
    "last_send in the claim": claim_guard(grow_late, unasked("AND %(now)s < %(last_send)s")),
    "last_send in the last look": look_guard(grow_late, timeless),
    "limits in the claim": claim_guard(tighten_limits, unasked("AND e.limits_mark =", "AND '' <>")),
    "limits in the last look": look_guard(tighten_limits, deaf),
}


@pytest.mark.parametrize("on", [True, False], ids=["on", "off"])
@pytest.mark.parametrize("name", GUARDS)
def test_guard(name: str, on: bool, town: Town, mortals: Mortals) -> None:
    play(GUARDS[name], on, town, mortals)
