"""Reads for the partner API: events of granted programs, and what became of each system."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from dr_events.models import Dispatch, Event, OptOut
from dr_events.states import Delivery, EventState, OptOutVia, Participation, Reason
from enrollments.models import System
from people.operations import Actor


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """One system of an event. ``sent_at`` and ``accepted_at`` are real time, the rest business."""

    system_id: int
    serial: str
    delivery: Delivery
    participation: Participation
    reason: Reason
    http_status: int | None
    sent_at: datetime | None
    accepted_at: datetime | None
    confirmed_at: datetime | None
    opted_out_at: datetime | None
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class OptOutLine:
    """One no. ``at`` and ``undone_at`` are business time."""

    id: int
    serial: str
    at: datetime
    via: OptOutVia
    in_time: bool
    undone_at: datetime | None


def _events(client_id: str) -> QuerySet[Event]:
    """Everything planned in the client's programs, but drafts only if they are its own: the
    utility's drafts are nobody's plan yet."""
    mine = Q(created_by=Actor.partner(client_id).name)
    return (
        Event.objects.filter(program__partners__client_id=client_id)
        .filter(mine | ~Q(state=EventState.DRAFT))
        .select_related("program")
        .defer("message")
    )


def event_for(client_id: str, wire_id: str, *, lock: bool = False) -> Event | None:
    """``lock``: nobody changes it until the transaction ends."""
    found = _events(client_id).filter(wire_id=wire_id)
    return (found.select_for_update(of=("self",)) if lock else found).first()


def dispatch_of(event_id: int, serial: str) -> int | None:
    """The row of this system in this event."""
    rows = Dispatch.objects.filter(event_id=event_id, system__serial=serial)
    return rows.values_list("id", flat=True).first()


def events_for(
    client_id: str,
    *,
    program: str | None,
    state: str | None,
    after: Sequence[str] | None,
    limit: int,
) -> list[Event]:
    """Latest start first, keyset-paged: ``after`` is start and public id of the last one shown."""
    found = _events(client_id)
    if program:
        found = found.filter(program__slug=program)
    if state:
        found = found.filter(state=state)
    if after:
        starts_at, wire_id = datetime.fromisoformat(after[0]), after[1]
        # The first condition says nothing new, but an index can begin there.
        found = found.filter(starts_at__lte=starts_at).filter(
            Q(starts_at__lt=starts_at) | Q(starts_at=starts_at, wire_id__gt=wire_id)
        )
    return list(found.order_by("-starts_at", "wire_id")[:limit])


def deliveries(event_id: int, *, after: int, limit: int) -> list[DeliveryLine]:
    """Every system of the event, after the one with the id ``after`` (0: from the first).

    In the order of the event's own index: by serial, a small event would cost a walk over the
    serials of the whole town. And a serial goes when its home is erased; the id stays.
    """
    found = Dispatch.objects.filter(event_id=event_id, system_id__gt=after)
    rows = found.order_by("system_id").values_list(
        "system_id",
        "delivery",
        "participation",
        "reason",
        "http_status",
        "sent_at",
        "accepted_at",
        "confirmed_at",
        "opted_out_at",
        "read_at",
    )[:limit]
    names = serials(row[0] for row in rows)
    return [
        DeliveryLine(
            row[0],
            names[row[0]],
            Delivery(row[1]),
            Participation(row[2]),
            Reason(row[3]),
            *row[4:],
        )
        for row in rows
    ]


def serials(system_ids: Iterable[int]) -> dict[int, str]:
    """By id, for the rows of one page. Joined instead, the planner may merge: it then walks over
    every system of the town that comes before the page, and a later page costs more."""
    return dict(System.objects.filter(id__in=list(system_ids)).values_list("id", "serial"))


def opt_outs(event_id: int, *, after: int, limit: int) -> list[OptOutLine]:
    """Every no to the event, in the order in which they came, after the one with this id."""
    found = OptOut.objects.filter(dispatch__event_id=event_id, id__gt=after).order_by("id")
    rows = found.values_list("via", "id", "dispatch__system__serial", "at", "in_time", "undone_at")[
        :limit
    ]
    return [OptOutLine(*row[1:4], OptOutVia(row[0]), *row[4:]) for row in rows]
