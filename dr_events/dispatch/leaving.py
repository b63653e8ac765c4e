"""A home leaves while Carrier has an event for it. With its last system the permission ends, and
with that the only way to take the event back: so that is asked first, with the last token.

A home that keeps a permission for its other systems needs nothing here: the sweep takes back what
a system that left still holds (queries.work).
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from carrier import wire
from carrier.client import CarrierClient
from carrier.errors import CarrierError
from dr_events.dispatch.looking import is_live
from dr_events.dispatch.message import take_back_message
from dr_events.models import Event
from dr_events.operations.recalling import TakenBack, save_recalls
from dr_events.queries.leaving import AtCarrier, held_by_carrier
from dr_events.queries.work import can_recall
from dr_events.states import Recall
from enrollments import operations, vendor_session
from enrollments.tokens import CannotOpen, vault
from people.models import User
from people.operations import Actor

log = logging.getLogger(__name__)

# Real seconds for one request: somebody waits for the page.
PATIENCE_S = 4.0
LAST_WORD = "The home left, and Carrier was not seen to take it back"


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to take back with a permission once it has ended here."""

    rows: Sequence[AtCarrier]

    def __call__(self, forgotten: operations.Forgotten) -> None:
        mine = [row for row in self.rows if row.grant_id == forgotten.grant_id]
        save_recalls([_take_back(row, forgotten) for row in mine])


def leave(
    *, enrollment_id: int, actor: Actor, now: datetime, why: str = ""
) -> operations.Left | None:
    """``vendor_session.leave``, and what Carrier has for this system is taken back where it can
    be. Raises Refused."""
    return vendor_session.leave(
        enrollment_id=enrollment_id,
        actor=actor,
        now=now,
        why=why,
        last_words=_plan(now, enrollment_id=enrollment_id),
    )


def erase(*, user: User, actor: Actor, now: datetime) -> None:
    """``vendor_session.erase`` in the same way. Raises Refused."""
    vendor_session.erase(user=user, actor=actor, now=now, last_words=_plan(now, user_id=user.pk))


def _plan(now: datetime, **whose: int) -> Callable[[operations.Forgotten], None] | None:
    """Looked up before the home leaves: a home that is erased loses its serials with that."""
    rows = held_by_carrier(now=now, **whose) if can_recall() else []
    for grant_id in {row.grant_id for row in rows}:
        vendor_session.refresh(grant_id)  # afterwards nobody can renew the token
    return _Plan(rows) if rows else None


def _take_back(row: AtCarrier, forgotten: operations.Forgotten) -> TakenBack:
    """The last word about this row: nobody can ask again."""
    try:
        is_gone = _ask(row, forgotten)
    except (CarrierError, CannotOpen, ValueError) as error:
        log.warning("row %s was not taken back as its home left: %s", row.id, type(error).__name__)
        is_gone = False
    if is_gone:
        return TakenBack(row.id, Recall.RECALLED, 0.0, "")
    return TakenBack(row.id, Recall.CANNOT, 0.0, LAST_WORD)


def _ask(row: AtCarrier, forgotten: operations.Forgotten) -> bool:
    """Send the cancellation and look once. True: the home's list shows the event no longer as one
    that it will feel."""
    if forgotten.access is None:
        return False
    token = vault().open(forgotten.access, bound_to=forgotten.access_bound_to)
    config = vendor_session.config()
    hasty = replace(config, total_timeout_s=min(PATIENCE_S, config.total_timeout_s))
    with CarrierClient(hasty, token) as client:
        client.post_utility_event(row.serial, take_back_message(row.event_id))
        listed = client.utility_events(row.serial)
    event = Event.objects.get(id=row.event_id)
    ours = wire.decode(bytes(event.message or b""), event.content_type)[0].fingerprint
    about = [one for one in listed if one.event_id == event.wire_id or one.fingerprint == ours]
    return not any(is_live(one) for one in about)
