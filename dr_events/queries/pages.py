"""What people see of events: phases, lists, the stop. Frozen dataclasses, nothing written."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet

from base.choices import ColoredChoices
from dr_events.models import Dispatch, Event
from dr_events.queries.names import names
from dr_events.queries.tallies import restored, tallies, tally
from dr_events.queries.tally import Tally
from dr_events.rules.limits import words
from dr_events.states import EventState, Response

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
    """One event as a list, the board and the results show it.

    ``people`` names actors; empty in lists, which show none."""

    event: Event
    tally: Tally
    phase: Phase
    now: datetime
    people: dict[str, str] = field(default_factory=dict)

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
    def is_under_way(self) -> bool:
        return self.phase in (Phase.SENDING, Phase.SENT, Phase.RUNNING)

    @property
    def is_recent(self) -> bool:
        """Under way, and counted a moment ago instead of now (queries.tallies)."""
        return self.tally.counted_at is not None and self.phase != Phase.SCHEDULED

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
        if event.response == Response.PRICE and event.price_cents is not None:
            return f"to know a price of {float(event.price_cents):g} ¢ per kWh"
        return "to use their own settings"

    @property
    def opted_out_before(self) -> int:
        return self.tally.opted_out_before

    @property
    def opted_out_during(self) -> int:
        return self.tally.opted_out_during

    @property
    def unreachable(self) -> int:
        return self.tally.unreachable

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
    counted = _counted([event for event in events if event.send_at], now)
    pages = []
    for event in events:
        rows = counted.get(event.pk) or Tally()
        pages.append(EventPage(event, rows, phase_of(event, rows, now), now))
    return pages


def _counted(planned: Sequence[Event], now: datetime) -> dict[int, Tally]:
    """Figures for a list; some may be a little old (queries.tallies)."""
    live = [(event.pk, event.send_at) for event in planned if event.state == EventState.SCHEDULED]
    return tallies(
        [event.pk for event in planned],
        waiting=[pk for pk, send_at in live if send_at and send_at > now],
        under_way=[pk for pk, send_at in live if send_at and send_at <= now],
    )


def _events() -> Any:
    return Event.objects.select_related("program").defer("message")


def shown(events: QuerySet[Event], *, now: datetime) -> list[EventPage]:
    """Events chosen elsewhere, in their order, each with its figures."""
    return _pages(list(events.select_related("program").defer("message")), now)


def event_alone(event_id: int) -> Event | None:
    """An event with its program, nothing counted."""
    found: Event | None = _events().filter(id=event_id).first()
    return found


def event_page(event_id: int, *, now: datetime, exact: bool = True) -> EventPage | None:
    """Counted now, or as it was kept when the event was closed; not ``exact``: as in a list."""
    event = event_alone(event_id)
    if event is None:
        return None
    rows = Tally()
    if event.send_at:
        rows = tally(event_id) if exact else _counted([event], now).get(event_id, rows)
    people = names({event.created_by, event.approved_by})
    return EventPage(event, rows, phase_of(event, rows, now), now, people)


def events(*, now: datetime, before: int = 0, limit: int = 20) -> tuple[list[EventPage], int]:
    """Events, latest start first, and the id to go on ``before`` (0: this is the last page)."""
    found = _events().order_by("-starts_at", "-id")
    marks = Event.objects.filter(id=before).values_list("starts_at", "id")
    if before and (last := marks.first()):
        found = found.filter(Q(starts_at__lt=last[0]) | Q(starts_at=last[0], id__lt=last[1]))
    rows = list(found[: limit + 1])
    return _pages(rows[:limit], now), rows[limit - 1].pk if len(rows) > limit else 0


def current_events(
    *, now: datetime, undecided: int = 10
) -> tuple[list[EventPage], list[EventPage], EventPage | None]:
    """Every event that is scheduled and not closed, soonest first: nothing that is being sent or
    runs may be missing, so there is no limit; caps keep them to a season's worth. And drafts and
    events that wait for a second person, at most ``undecided``, soonest first: those that wait for
    somebody before drafts, those whose start has passed last. And the event completed last."""
    too_late = ExpressionWrapper(Q(starts_at__lte=now), output_field=BooleanField())
    draft = ExpressionWrapper(Q(state=EventState.DRAFT), output_field=BooleanField())
    open_ones = Event.objects.filter(state__in=[EventState.DRAFT, EventState.SUBMITTED])
    first = open_ones.order_by(too_late, draft, "starts_at", "id").values("id")[:undecided]
    over = Event.objects.filter(state=EventState.COMPLETED).order_by("-ends_at", "-id")
    wanted = Q(state=EventState.SCHEDULED) | Q(id__in=first) | Q(id__in=over.values("id")[:1])
    found = _pages(list(_events().filter(wanted).order_by(too_late, draft, "starts_at", "id")), now)
    scheduled = [page for page in found if page.event.state == EventState.SCHEDULED]
    last = next((page for page in found if page.event.state == EventState.COMPLETED), None)
    undone = (EventState.DRAFT, EventState.SUBMITTED)
    waiting = [page for page in found if page.event.state in undone]
    scheduled.sort(key=lambda page: (page.event.starts_at, page.event.pk))
    return scheduled, waiting, last


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


def dispatch_of(event_id: int, serial: str) -> int | None:
    """The row of the system with this serial in an event that was planned for it."""
    found = Dispatch.objects.filter(event=event_id, system__serial=serial)
    return found.values_list("id", flat=True).first()


_EARLIER = """
SELECT t.counts FROM dr_events_event e JOIN dr_events_tally t ON t.event_id = e.id
WHERE e.program_id = %(program)s AND e.state = 'COMPLETED' AND e.starts_at < %(before)s
  AND t.is_final
ORDER BY e.starts_at DESC LIMIT 10
"""


@dataclass(frozen=True, slots=True)
class Usual:
    """The last completed events of the same program, together."""

    events: int
    opted_out_percent: float
    took_part_percent: float


def usual(event: Event) -> Usual | None:
    """What to hold this event's opt-outs against; None where there is no earlier event."""
    values: dict[str, Any] = {"program": event.program_id, "before": event.starts_at}
    with connection.cursor() as cursor:
        cursor.execute(_EARLIER, values)
        earlier = [restored(counts) for (counts,) in cursor.fetchall()]
    targeted = sum(rows.targeted for rows in earlier)
    if not targeted:
        return None
    return Usual(
        len(earlier),
        100 * sum(rows.opted_out for rows in earlier) / targeted,
        100 * sum(rows.participating for rows in earlier) / targeted,
    )
