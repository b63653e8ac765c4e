"""What people see of events: phases, lists, the stop. Frozen dataclasses, nothing written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q

from base.choices import ColoredChoices
from dr_events.models import Dispatch, Event
from dr_events.queries.names import names
from dr_events.queries.tallies import Tally, tallies, tally
from dr_events.rules.limits import words
from dr_events.states import EventState, Participation, Response

__all__ = ["EventPage", "Phase", "Tally", "tallies", "tally"]


class Phase(ColoredChoices):
    """Where an event stands, in words. Follows from its state, its rows and the clock."""

    DRAFT = "DRAFT", "secondary", "Draft"
    SUBMITTED = "SUBMITTED", "yellow", "Waiting for approval"
    SCHEDULED = "SCHEDULED", "azure", "Scheduled"
    SENDING = "SENDING", "blue", "Sending"
    SENT = "SENT", "blue", "Sent, waiting for the start"
    RUNNING = "RUNNING", "blue", "Running"
    OVER = "OVER", "azure", "Over, reading back"
    COMPLETED = "COMPLETED", "green", "Completed"
    CANCELLED = "CANCELLED", "secondary", "Cancelled"


def phase_of(event: Event, rows: Tally, now: datetime) -> Phase:
    if event.state != EventState.SCHEDULED or event.send_at is None:
        return Phase(event.state)
    if now >= event.ends_at:
        return Phase.OVER
    if now >= event.starts_at:
        return Phase.RUNNING
    if now < event.send_at:
        return Phase.SCHEDULED
    return Phase.SENDING if rows.open else Phase.SENT


@dataclass(frozen=True, slots=True)
class EventPage:
    """One event as a list, the board and the results show it. ``people`` names actors."""

    event: Event
    tally: Tally
    phase: Phase
    now: datetime
    people: dict[str, str]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.event.program.time_zone)

    @property
    def author(self) -> str:
        return self.people.get(self.event.created_by, self.event.created_by)

    @property
    def approver(self) -> str:
        return self.people.get(self.event.approved_by, self.event.approved_by)

    @property
    def is_live(self) -> bool:
        """Something may still change without anybody pressing a button."""
        return self.event.state == EventState.SCHEDULED or self.tally.open > 0

    @property
    def may_cancel(self) -> bool:
        if self.event.state == EventState.SCHEDULED:
            return self.now < self.event.ends_at
        return self.event.state in (EventState.DRAFT, EventState.SUBMITTED)

    @property
    def countdown(self) -> str:
        """How far away the next thing is, in words."""
        event, now = self.event, self.now
        match self.phase:
            case Phase.SCHEDULED if event.send_at:
                return f"sends in {ahead(event.send_at - now)}"
            case Phase.SENDING | Phase.SENT:
                return f"starts in {ahead(event.starts_at - now)}"
            case Phase.RUNNING:
                return f"ends in {ahead(event.ends_at - now)}"
            case Phase.OVER:
                return f"ended {ahead(now - event.ends_at)} ago"
            case Phase.DRAFT | Phase.SUBMITTED if event.starts_at <= now:
                return "its start has passed"
            case Phase.DRAFT | Phase.SUBMITTED:
                return f"would start in {ahead(event.starts_at - now)}"
            case _:
                return ""

    @property
    def length(self) -> str:
        return words(self.event.ends_at - self.event.starts_at)

    @property
    def spread(self) -> str:
        return words(timedelta(seconds=self.event.randomize_start_s))

    @property
    def asked(self) -> str:
        """What homes are asked to do, as a phrase."""
        event = self.event
        if event.response == Response.OFFSET and event.offset_f is not None:
            return f"to move the setpoint by {float(event.offset_f):g} °F"
        if event.response == Response.ABSOLUTE and event.cool_f and event.heat_f:
            return f"to cool to {float(event.cool_f):g} °F, heat to {float(event.heat_f):g} °F"
        return "to use their own settings"

    @property
    def opted_out_before(self) -> int:
        return self.tally.participation.get(Participation.OPTED_OUT_BEFORE, 0)

    @property
    def opted_out_during(self) -> int:
        return self.tally.participation.get(Participation.OPTED_OUT_DURING, 0)

    @property
    def unreachable(self) -> int:
        return self.tally.participation.get(Participation.UNREACHABLE, 0)

    @property
    def time_left_s(self) -> float | None:
        """Real seconds until everything unsent is sent, at the speed measured so far."""
        speed = self.tally.systems_per_s
        return self.tally.can_stop / speed if speed and self.phase == Phase.SENDING else None


def ahead(length: timedelta) -> str:
    """A time span as people say it: days when it is long, "a moment" when it is short."""
    if length >= timedelta(days=2):
        return f"{length.days} days"
    return words(length) if length >= timedelta(seconds=90) else "a moment"


def _pages(events: Sequence[Event], now: datetime) -> list[EventPage]:
    counted = tallies([event.pk for event in events if event.send_at])
    people = names({actor for event in events for actor in (event.created_by, event.approved_by)})
    pages = []
    for event in events:
        rows = counted.get(event.pk) or Tally()
        pages.append(EventPage(event, rows, phase_of(event, rows, now), now, people))
    return pages


def _events() -> Any:
    return Event.objects.select_related("program").defer("message")


def event_page(event_id: int, *, now: datetime) -> EventPage | None:
    event = _events().filter(id=event_id).first()
    return _pages([event], now)[0] if event else None


def events(*, now: datetime, before: int = 0, limit: int = 20) -> tuple[list[EventPage], int]:
    """Events, latest start first, and the id to go on ``before`` (0: this is the last page)."""
    found = _events().order_by("-starts_at", "-id")
    last = Event.objects.filter(id=before).values_list("starts_at", "id").first()
    if before and last:
        found = found.filter(Q(starts_at__lt=last[0]) | Q(starts_at=last[0], id__lt=last[1]))
    rows = list(found[: limit + 1])
    return _pages(rows[:limit], now), rows[limit - 1].pk if len(rows) > limit else 0


def current_events(*, now: datetime, limit: int = 20) -> list[EventPage]:
    """What runs, what comes next and what waits for somebody, soonest first."""
    waiting = [EventState.DRAFT, EventState.SUBMITTED, EventState.SCHEDULED]
    return _pages(
        list(_events().filter(state__in=waiting).order_by("starts_at", "id")[:limit]), now
    )


def state_of(event_id: int) -> EventState | None:
    state = Event.objects.filter(id=event_id).values_list("state", flat=True).first()
    return EventState(state) if state else None


@dataclass(frozen=True, slots=True)
class LatestOptOut:
    at: datetime
    system_id: int
    serial: str
    before: bool


def latest_opt_outs(event: Event, limit: int = 8) -> list[LatestOptOut]:
    """Who said no last, here or at the wall control."""
    rows = (
        Dispatch.objects.filter(event=event, opted_out_at__isnull=False)
        .order_by("-opted_out_at")
        .values_list("opted_out_at", "system_id", "system__serial")[:limit]
    )
    return [LatestOptOut(at, pk, serial, at < event.starts_at) for at, pk, serial in rows if at]
