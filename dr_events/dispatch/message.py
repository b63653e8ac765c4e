"""From an event to the bytes every targeted system gets."""

from datetime import datetime, timedelta
from decimal import Decimal

from base.refusal import Refused
from carrier import wire
from carrier.demand_event import DemandEvent
from dr_events import operations
from dr_events.models import Event
from dr_events.states import Response
from people.operations import Actor


def take_back_message(event_id: int) -> wire.Message:
    """The cancellation of a frozen event: the same event, one modification on (contract 4.6)."""
    return _message(Event.objects.get(id=event_id), cancelled=True)


def _message(event: Event, *, cancelled: bool = False) -> wire.Message:
    is_price = event.response == Response.PRICE
    return wire.encode(
        DemandEvent(
            event_id=event.wire_id,
            modification=event.modification + cancelled,
            cancelled=cancelled,
            kind="price" if is_price else "demand",
            level=None if is_price else 2,
            price_cents=event.price_cents if is_price else None,
            start=event.starts_at,
            duration=event.ends_at - event.starts_at,
            start_randomization=timedelta(seconds=event.randomize_start_s),
            # A price says nothing of setpoints: the wall control answers prices in its own way.
            response="customer" if is_price else event.response,  # type: ignore[arg-type]
            offset_f=_if(event.response == Response.OFFSET, event.offset_f),
            heat_f=_if(event.response == Response.ABSOLUTE, event.heat_f),
            cool_f=_if(event.response == Response.ABSOLUTE, event.cool_f),
            priority=1,
            test=event.is_test,
            message=event.note,
        )
    )


def _if(used: bool, value: Decimal | None) -> float | None:
    """Only what the chosen response uses is sent: the limits look at nothing else."""
    return float(value) if used and value is not None else None


def submit(*, event_id: int, actor: Actor, now: datetime, seen: int | None = None) -> Event:
    """Freeze the message of a draft and hand it on. Raises Refused; see operations.submit.

    ``seen`` is the version somebody looked at; None: as it is now. Either way the version whose
    message is frozen is the one that is handed on.
    """
    event = Event.objects.get(id=event_id)
    try:
        message = _message(event)
    except ValueError as error:
        raise Refused(f"Carrier's format cannot carry this event: {error}", code="wire") from None
    operations.freeze_message(
        event_id=event_id,
        seen=event.version,
        message=message.body,
        content_type=message.content_type,
        version=message.version,
    )
    seen = event.version if seen is None else seen
    return operations.submit(event_id=event_id, seen=seen, actor=actor, now=now)
