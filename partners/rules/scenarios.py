"""Practice runs: what happens to the homes of an event, step by step, and how it ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TypeVar

from dr_events.states import Delivery, Participation
from partners.states import Scenario

T = TypeVar("T")


class When(Enum):
    """A moment of the event itself: what the step's times say, however fast the run is played."""

    SENDING = auto()
    START = auto()
    MIDDLE = auto()
    END = auto()


class Act(Enum):
    """Steps that are not about single homes."""

    CANCEL = auto()
    COMPLETE = auto()


@dataclass(frozen=True, slots=True)
class Step:
    """At ``part`` (0 to 1) of the run, ``share`` percent of the homes move along ``delivery`` and
    take ``participation``. Doing a step again changes nothing."""

    part: float
    when: When
    share: tuple[int, int] = (0, 100)
    delivery: tuple[Delivery, ...] = ()
    participation: Participation | None = None
    http_status: int | None = None
    act: Act | None = None


_SENT = (Delivery.PLANNED, Delivery.SENDING, Delivery.ACCEPTED)
_LOST = (Delivery.PLANNED, Delivery.SENDING, Delivery.UNSURE)
_LISTED = (Delivery.ACCEPTED, Delivery.CONFIRMED)
_FOUND = (Delivery.UNSURE, Delivery.CONFIRMED)
_LATE = (Delivery.PLANNED, Delivery.EXPIRED)
_OVER = Step(1, When.END, act=Act.COMPLETE)
_HALF = (0, 50)


def _told(part: float, share: tuple[int, int] = (0, 100)) -> Step:
    return Step(part, When.SENDING, share, _SENT, http_status=200)


def _listed(part: float, share: tuple[int, int] = (0, 100), moves: Sequence = _LISTED) -> Step:
    return Step(part, When.SENDING, share, tuple(moves), Participation.SCHEDULED)


_BEGUN = Step(0.75, When.START, participation=Participation.ACTIVE)

SCRIPTS: dict[Scenario, tuple[Step, ...]] = {
    Scenario.ALL_ACCEPT: (_told(0.25), _listed(0.5), _BEGUN, _OVER),
    Scenario.OPT_OUT: (
        _told(0.25),
        _listed(0.5),
        _BEGUN,
        Step(0.9, When.MIDDLE, (0, 30), participation=Participation.OPTED_OUT_DURING),
        _OVER,
    ),
    Scenario.CARRIER_SLOW: (
        _told(0.1, (0, 30)),
        Step(0.2, When.SENDING, (30, 50), _LOST),
        _told(0.4, (50, 100)),
        _listed(0.5),
        _listed(0.6, (30, 50), _FOUND),
        _BEGUN,
        _OVER,
    ),
    Scenario.CARRIER_DOWN: (
        # 503 with nothing taken over: the rows are planned again, until too little time is left.
        Step(0.25, When.SENDING, http_status=503),
        Step(0.75, When.MIDDLE, delivery=_LATE),
        _OVER,
    ),
    Scenario.CANCELLED_MIDWAY: (
        _told(0.25, _HALF),
        _listed(0.4, _HALF),
        Step(1, When.SENDING, act=Act.CANCEL),
    ),
}


def moment(when: When, *, send_at: datetime, starts_at: datetime, ends_at: datetime) -> datetime:
    """The event's own time of a step."""
    return {
        When.SENDING: send_at,
        When.START: starts_at,
        When.MIDDLE: starts_at + (ends_at - starts_at) / 2,
        When.END: ends_at,
    }[when]


def due_at(step: Step, began_at: datetime, lasts_s: int) -> datetime:
    """Real time of a step of a run."""
    return began_at + timedelta(seconds=step.part * lasts_s)


def of(homes: Sequence[T], share: tuple[int, int]) -> list[T]:
    """This share of the homes, in their order."""
    low, high = (len(homes) * percent // 100 for percent in share)
    return list(homes[low:high])


def promised(scenario: Scenario, homes: int) -> dict[str, int | str]:
    """The results a run ends with, by the names of the results' own fields."""
    half, said_no = homes * 50 // 100, homes * 30 // 100
    ends: dict[Scenario, tuple[str, int, int, int]] = {
        # state, accepted, failed, taking part
        Scenario.ALL_ACCEPT: ("COMPLETED", homes, 0, homes),
        Scenario.OPT_OUT: ("COMPLETED", homes, 0, homes - said_no),
        Scenario.CARRIER_SLOW: ("COMPLETED", homes, 0, homes),
        Scenario.CARRIER_DOWN: ("COMPLETED", 0, homes, 0),
        Scenario.CANCELLED_MIDWAY: ("CANCELLED", half, 0, 0),
    }
    state, accepted, failed, participating = ends[scenario]
    return {
        "state": state,
        "targeted": homes,
        "open": 0,
        "accepted": accepted,
        "confirmed": accepted,
        "unsure": 0,
        "failed": failed,
        "participating": participating,
        "opted_out": said_no if scenario == Scenario.OPT_OUT else 0,
    }
