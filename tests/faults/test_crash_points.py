"""The process dies at every point of every function that matters, once each.

The points come from running the function (crash_points): a new statement is a new case by itself.
All cases of a function are broken first and healed together; what is asserted comes from the
pretend cloud's own ledger. A second POST of an event adds a second one there.
"""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from carrier_sandbox.faults import KINDS
from dr_events import operations
from dr_events.models import Dispatch, Event, OptOut
from dr_events.states import Delivery, EventState, OptOutVia
from enrollments.models import CarrierGrant, Enrollment
from enrollments.states import EnrollmentState, GrantState
from people.operations import Actor
from tests.faults.crash_mortals import Fate, Mortals
from tests.faults.crash_town import (
    SEND_AT,
    Case,
    Town,
    _children,
    _town,
    heal,
    mortals,
    town,
)

__all__ = ["_children", "_town", "mortals", "town"]  # fixtures
OLGA = Actor("user:olga")
NOW = SEND_AT.isoformat()
POSTS = "POST utility_events"
TRIES = 3
AT_ONCE = 4
COMMITTED = ("after COMMIT #1", "the end #1")
Truths = dict[str, dict[str, Any]]
Judge = Callable[[Truths, Case], str]


@dataclass(frozen=True)
class Function:
    """Something that is run until it dies. ``prepare`` makes the rows it finds, ``judge`` says in
    words what is wrong after healing, ``landmarks`` are points that must be among those found.
    ``since``: the first point that differs from what another function of this table does."""

    job: str
    homes: int
    prepare: Callable[[Town, list[Case]], None]
    judge: Judge
    landmarks: tuple[str, ...]
    since: str = ""
    settings: dict[str, Any] = field(default_factory=dict)  # of the child

    def arguments(self, case: Case) -> dict[str, Any]:
        if self.job == "opt_out":
            return {"dispatch_id": case.rows[0].pk, "now": NOW}
        return {"event_id": case.event.pk} | ({"now": NOW} if self.job == "cancel" else {})


# --- what the functions find -------------------------------------------------------------------
def as_planned(town: Town, cases: list[Case]) -> None:
    """Every row is PLANNED and due."""


def in_trouble(town: Town, cases: list[Case]) -> None:
    """The first home's token is refused once, the second answers 500 after the effect."""
    assert {"unauthorized", "error_after"} <= set(KINDS)
    rules: list[dict[str, Any]] = []
    for case in cases:
        first, second, *_ = case.serials
        for kind, serial in (("unauthorized", first), ("error_after", second)):
            match = {"operation": POSTS, "serial": serial}
            rules.append({"kind": kind, "match": match, "count": 1})
    town.faults(*rules)


def left_behind(town: Town, cases: list[Case]) -> None:
    """What dead senders and lost answers leave: two rows SENDING without a sender, two UNSURE; of
    each pair the first request had arrived. One of the UNSURE ones needs only this one look."""
    for case in cases:
        for home, (state, reads) in enumerate(
            [("SENDING", 0)] * 2 + [("UNSURE", 0), ("UNSURE", 1)]
        ):
            if home % 2 == 0:
                town.post(case, home)
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE dr_events_dispatch SET delivery = %s, attempts = 1,"
                    " claim = nextval('dr_events_claim'), absent_needed = 2, absent_reads = %s,"
                    " lease_until = CASE %s WHEN 'SENDING' THEN clock_timestamp() END"
                    " WHERE id = %s",
                    [state, reads, state, case.rows[home].pk],
                )


def first_one_sent(town: Town, cases: list[Case]) -> None:
    for case in cases:
        town.post(case, 0)
        Dispatch.objects.filter(pk=case.rows[0].pk).update(delivery=Delivery.ACCEPTED, attempts=1)


def nobody_may_get_it(town: Town, cases: list[Case]) -> None:
    """Left the program, said no while its row was being sent, lost the permission."""
    for case in cases:
        left, said_no, lost = case.rows
        Enrollment.objects.filter(pk=left.enrollment_id).update(state=EnrollmentState.WITHDRAWN)
        Dispatch.objects.filter(pk=said_no.pk).update(opted_out_at=SEND_AT)
        OptOut.objects.create(
            dispatch=said_no, at=SEND_AT, via=OptOutVia.HOME_PAGE, actor="user:olga", in_time=False
        )
        grant = CarrierGrant.objects.filter(pk=lost.system.grant_id)
        grant.update(state=GrantState.NEEDS_RELINK)


def called_off(town: Town, cases: list[Case]) -> None:
    """Cancelled; the rows came back unsent after that."""
    for case in cases:
        operations.cancel(event_id=case.event.pk, actor=OLGA, now=SEND_AT)
        Dispatch.objects.filter(event=case.event).update(delivery=Delivery.PLANNED, reason="")


# --- what must be true in the end --------------------------------------------------------------
def wrong(found: Truths, case: Case, expected: list[int]) -> str:
    """Live events, effects ever and overlap of each home against what is expected of it."""
    for serial, wanted in zip(case.serials, expected, strict=True):
        home = found.get(serial, {"events": [], "replaced": [], "peak_overlap": 0})
        live = sum(event["live"] for event in home["events"])
        effects = len(home["events"]) + len(home["replaced"])
        if (live, effects, home["peak_overlap"]) != (wanted,) * 3:
            return f"{serial}: {live} live, {effects} effects, wanted {wanted}: {case.deliveries()}"
    return ""


def everybody_once(found: Truths, case: Case) -> str:
    return wrong(found, case, [1] * len(case.rows))


def nobody(found: Truths, case: Case) -> str:
    return wrong(found, case, [0] * len(case.rows))


def cancelled_or_not(found: Truths, case: Case) -> str:
    """All of the cancel or nothing of it. After its commit nothing is sent."""
    committed = case.point in COMMITTED
    state = Event.objects.values_list("state", flat=True).get(pk=case.event.pk)
    if (state == EventState.CANCELLED) != committed:
        return f"the event is {state}"
    return wrong(found, case, [1, 0, 0] if committed else [1, 1, 1])


def said_no_or_not(found: Truths, case: Case) -> str:
    committed = case.point in COMMITTED
    if OptOut.objects.filter(dispatch=case.rows[0]).exists() != committed:
        return "the no is half written"
    return wrong(found, case, [0 if committed else 1, 1])


SENT_AND_SAVED = (
    "after WITH due AS", "before COMMIT #1", "after COMMIT #1", "taken up POST home 1",
    "last look POST home 1", "looked POST home 2", "bytes out POST home 2",
    "answered POST home 2", "before WITH o AS", "after WITH o AS",
)  # fmt: skip
FUNCTIONS = {
    "send": Function("send", 2, as_planned, everybody_once, SENT_AND_SAVED),
    "send into trouble": Function(
        "send",
        2,
        in_trouble,
        everybody_once,
        (*SENT_AND_SAVED, 'before UPDATE "enrollments_carriergrant"'),
        since="answered POST home 1 #1",
    ),
    "look at unsure": Function(
        "look",
        4,
        left_behind,
        everybody_once,
        (
            "after UPDATE dr_events_dispatch SET delivery = 'UNSURE'",
            "bytes out GET home 4",
            "before WITH o AS",
            "after WITH o AS",
        ),
    ),
    "cancel": Function(
        "cancel",
        3,
        first_one_sent,
        cancelled_or_not,
        ('after UPDATE "dr_events_event"', 'after UPDATE "dr_events_dispatch"', "after COMMIT #1"),
    ),
    "opt out": Function(
        "opt_out",
        2,
        as_planned,
        said_no_or_not,
        (
            'after UPDATE "dr_events_dispatch"',
            'after INSERT INTO "dr_events_optout"',
            "after COMMIT #1",
        ),
    ),
    "settle": Function(
        "settle",
        3,
        nobody_may_get_it,
        nobody,
        ("after UPDATE dr_events_dispatch d SET holds_slot = false", "after COMMIT #1"),
    ),
    "settle what was cancelled": Function(
        "settle",
        2,
        called_off,
        nobody,
        ("after UPDATE dr_events_dispatch d SET delivery = 'CANCELLED'", "after COMMIT #1"),
    ),
}


# --- breaking and healing ----------------------------------------------------------------------
def points_of(town: Town, mortals: Mortals, function: Function) -> list[str]:
    (case,) = town.cases(1, function.homes)
    function.prepare(town, [case])
    fate = mortals.run(
        function.job, case.serials, settings=function.settings, **function.arguments(case)
    )
    assert (fate.ended, fate.error) == (0, ""), fate
    missing = [mark for mark in function.landmarks if not any(mark in p for p in fate.points)]
    assert missing == [], f"the enumeration lost its grip: {fate.points}"
    return fate.points[fate.points.index(function.since) if function.since else 0 :]


def break_at(
    town: Town, mortals: Mortals, function: Function, points: list[str], act: str
) -> tuple[list[Case], list[str]]:
    """One case for each point, broken there; also the points that were never reached."""
    broken: list[Case] = []
    for _ in range(TRIES):  # a machine that stands still for a second changes what a child does
        cases = town.cases(len(points), function.homes)
        for case, point in zip(cases, points, strict=True):
            case.point = point
        function.prepare(town, cases)
        missed: list[str] = []
        for at in range(0, len(cases), AT_ONCE):
            children = {
                mortals.start(
                    function.job, case.serials, at=case.point, act=act,
                    settings=function.settings, **function.arguments(case),
                ): case
                for case in cases[at : at + AT_ONCE]
            }  # fmt: skip
            missed += [
                case.point
                for name, case in children.items()
                if not came_about(mortals.ended(name), case.point, act)
            ]
        broken += [case for case in cases if case.point not in missed]
        points = missed
        if not points:
            break
    return broken, points


def came_about(fate: Fate, point: str, act: str) -> bool:
    if act == "kill":
        return fate.ended == -signal.SIGKILL and point in fate.points
    return fate.ended is not None and fate.ended >= 0 and point in fate.points


@pytest.mark.parametrize("act", ["kill", "cut"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_at_every_point(
    name: str, act: str, town: Town, mortals: Mortals, settings: Settings
) -> None:
    """``kill``: SIGKILL. ``cut``: the database ends the session and the process lives on."""
    settings.STREAMS_PER_EVENT = 1  # nobody else is left to heal
    function = FUNCTIONS[name]
    points = points_of(town, mortals, function)
    broken, missed = break_at(town, mortals, function, points, act)
    assert missed == [], f"these points of {name} were never hit"
    heal()
    print(f"{name}, {act}: {len(points)} points, {len(broken)} cases")
    found = town.truths()
    failures = {case.point: what for case in broken if (what := function.judge(found, case))}
    assert failures == {}
