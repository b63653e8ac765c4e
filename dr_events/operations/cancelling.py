"""The ways an event ends early."""

from datetime import datetime

from django.db import transaction

from base import bell
from base.refusal import Refused
from dr_events.models import Dispatch, Event
from dr_events.operations.planning import locked, move
from dr_events.states import Delivery, EventState, Reason
from people.operations import Actor, for_operators, record


@transaction.atomic
def cancel(*, event_id: int, actor: Actor, now: datetime, typed: str | None = None) -> int:
    """Stop everything that is not sent yet; how many homes were spared.

    ``typed`` is what a person typed to confirm: the event's name, in small or capital letters; a
    draft is discarded without. None: whoever asks is a program, whose hand does not slip.

    What Carrier has already accepted cannot be recalled by us and is shown so. Raises Refused
    when the event is over or was cancelled before, and when something else was typed.
    """
    for_operators(actor, "cancel events")
    event = locked(event_id)
    if event.state == EventState.SCHEDULED and event.ends_at <= now:
        raise Refused("This event is over; there is nothing left to cancel.", code="over")
    old = EventState(event.state)
    if old in (EventState.CANCELLED, EventState.COMPLETED):
        raise Refused(f"This event is {old.label.lower()} already.", code="wrong-state")
    # Asked of the event as it is now, not as the page showed it: a draft may have been handed on.
    if typed is not None and old != EventState.DRAFT and _plain(typed) != _plain(event.name):
        raise Refused(
            f"Nothing was cancelled: type the name of the event, {event.name}.",
            field="confirm",
            code="not-confirmed",
        )
    move(event, old, EventState.CANCELLED, cancelled_at=now)
    spared = call_off_unsent(event_id=event_id)
    record(actor=actor, verb="cancel", subject=f"event:{event_id}", now=now, spared=spared)
    bell.ring()
    return spared


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def call_off_unsent(*, event_id: int) -> int:
    """Rows of a cancelled event that nobody is sending."""
    return int(
        Dispatch.objects.pick(event_id=event_id).move(
            Delivery.PLANNED,
            Delivery.CANCELLED,
            reason=Reason.EVENT_CANCELLED,
            holds_slot=False,
        )
    )


def cancel_under_way(*, actor: Actor, now: datetime) -> int:
    """Cancel every event whose sending has begun and that is not over; how many.

    Each in a transaction of its own: one that somebody else is changing holds up no other.
    """
    for_operators(actor, "cancel events")
    under_way = Event.objects.filter(
        state=EventState.SCHEDULED, send_at__lte=now, ends_at__gt=now
    ).order_by("starts_at")
    cancelled = 0
    for event_id in under_way.values_list("id", flat=True):
        try:
            cancel(event_id=event_id, actor=actor, now=now)
        except Refused:
            continue  # somebody else was first
        cancelled += 1
    return cancelled
