"""A second person decides about an event that was handed on."""

from datetime import datetime

from django.db import transaction

from base.refusal import Refused
from dr_events.models import Event
from dr_events.operations.planning import locked, move
from dr_events.operations.scheduling import schedule
from dr_events.states import EventState
from people.operations import Actor, for_people, record


@transaction.atomic
def approve(*, event_id: int, seen: int, actor: Actor, now: datetime) -> Event:
    """A second person releases the event; ``seen`` is the version they looked at. Raises Refused
    when it is their own, and when it is another one by now."""
    for_people(actor, "approve events", approver=True)
    event = locked(event_id)
    _unchanged(event, seen)
    if event.created_by == actor.name:
        raise Refused("Somebody else must approve an event you planned.", code="own-event")
    event.approved_by = actor.name
    return schedule(event, EventState.SUBMITTED, actor, now)


@transaction.atomic
def send_back(*, event_id: int, seen: int, reason: str, actor: Actor, now: datetime) -> None:
    """The second person says no, with a reason; the draft can be changed and submitted again.
    ``seen`` as for approve."""
    for_people(actor, "send events back", approver=True)
    if not reason.strip():
        raise Refused("Say why, so that it can be mended.", field="reason", code="no-reason")
    event = locked(event_id)
    _unchanged(event, seen)
    move(event, EventState.SUBMITTED, EventState.DRAFT, sent_back_reason=reason.strip()[:200])
    record(actor=actor, verb="send-back", subject=f"event:{event_id}", now=now, reason=reason)


def _unchanged(event: Event, seen: int) -> None:
    """Nobody decides about an event they have not seen: it may be sent back, changed and handed on
    again while a page is open."""
    if event.version != seen:
        raise Refused(
            "This event was changed meanwhile; nothing was decided. Look at it as it is now.",
            code="stale",
        )
