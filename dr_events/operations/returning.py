"""A home that said no to an event wants to take part after all."""

from datetime import datetime

from django.db import IntegrityError, connection, transaction

from base import bell
from base.refusal import Refused
from dr_events.models import Dispatch, Event, OptOut
from dr_events.operations.planning import locked
from dr_events.operations.rechecking import outside_limits
from dr_events.queries import candidates
from dr_events.states import Delivery, EventState, Participation, Reason
from enrollments.models import Program
from people.operations import Actor, record

_ITS_REASON = "SELECT enrollment_id, reason FROM candidates"


def opt_back_in(*, dispatch_id: int, actor: Actor, now: datetime) -> None:
    """The home takes part again, as if it were planned now. The no stays on record, with the moment
    it was taken back. Taking it back twice changes nothing.

    Raises Refused, and changes nothing, once sending has begun, when the event was called off, when
    the home did not say no, or is not free and within its limits any more.
    """
    try:
        with transaction.atomic():
            _opt_back_in(dispatch_id, actor, now)
    except IntegrityError:  # an event of another program was given its time this very moment
        raise _not_free(Reason.OVERLAP) from None


def _opt_back_in(dispatch_id: int, actor: Actor, now: datetime) -> None:
    # The event first, like everybody who plans; then turns, like plans: caps are counted over rows
    # another one is writing.
    event = locked(Dispatch.objects.values_list("event_id", flat=True).get(id=dispatch_id))
    if event.state != EventState.SCHEDULED:
        raise Refused("This event was called off.", code="called-off")
    if event.send_at is None or event.send_at <= now:
        raise Refused(
            "It is too late: this event is being sent, and your home is not among those that get "
            "it.",
            code="late",
        )
    Program.objects.select_for_update(no_key=True).get(id=event.program_id)
    row = Dispatch.objects.select_for_update(of=("self",)).get(id=dispatch_id)
    if row.delivery == Delivery.PLANNED and row.opted_out_at is None:
        return
    if row.delivery != Delivery.SKIPPED or row.reason != Reason.OPTED_OUT:
        raise Refused("Your home did not say no to this event.", code="not-out")
    _check_free(row, event, now)
    Dispatch.objects.pick(id=dispatch_id).move(
        Delivery.SKIPPED,
        Delivery.PLANNED,
        reason=Reason.NONE,
        participation=Participation.UNKNOWN,
        opted_out_at=None,
        holds_slot=True,
    )
    OptOut.objects.filter(dispatch_id=dispatch_id, undone_at=None).update(undone_at=now)
    record(actor=actor, verb="opt-back-in", subject=f"dispatch:{dispatch_id}", now=now)
    bell.ring()


def _check_free(row: Dispatch, event: Event, now: datetime) -> None:
    if outside_limits(event, now):
        raise _not_free(Reason.LIMITS)
    values = candidates.parameters(event) | {"system": row.system_id}
    with connection.cursor() as cursor:
        cursor.execute(candidates.ONE_HOME + _ITS_REASON, values)
        found = cursor.fetchone()
    if found is None or found[0] != row.enrollment_id:
        raise Refused("This system is not among the homes of this event any more.", code="left")
    if found[1]:
        raise _not_free(Reason(found[1]))


def _not_free(reason: Reason) -> Refused:
    return Refused(
        f"This system cannot take part any more: {reason.label.lower()}.", code="not-free"
    )
