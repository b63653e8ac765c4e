"""Sending again what failed on our side, by a person, once its cause is mended."""

from datetime import datetime
from typing import Any

from django.db import connection, transaction

from base import bell
from base.refusal import Refused
from dr_events.models import Control, KeptTally
from dr_events.operations.planning import limits_of, locked
from dr_events.operations.settling import POISON_AFTER
from dr_events.queries import candidates
from dr_events.rules import limits as rules
from dr_events.states import EventState
from enrollments.models import Program
from people.operations import Actor, for_people, record

# Nothing of these is at Carrier: it took no such request (405, 406), or three senders died before
# one was made. Everything else stays closed: a 400 would only be refused again, a lost answer may
# have arrived. The home must be free and within its limits as if the event were planned now.
_REOPEN = """
UPDATE dr_events_dispatch d
SET delivery = 'PLANNED', holds_slot = true, orphaned = 0, trouble = '', http_status = NULL,
    not_before = NULL
FROM candidates c
WHERE d.event_id = %(event)s AND d.system_id = c.system_id AND c.reason = ''
  AND d.delivery = 'FAILED' AND d.opted_out_at IS NULL AND d.accepted_at IS NULL
  AND (d.http_status IN (405, 406) OR d.orphaned >= %(poison)s)
"""


@transaction.atomic
def reopen_failed(*, event_id: int, actor: Actor, now: datetime) -> int:
    """Plan again what failed on our side in an event that still has time; how many homes.

    Raises Refused when the event is not under way, too little of it is left, sending is held
    back, or nothing can be sent again.
    """
    for_people(actor, "send an event again")
    event = locked(event_id)
    if event.state != EventState.SCHEDULED:
        raise Refused("Only a scheduled event can be sent again.", code="wrong-state")
    if now >= rules.last_send(event.ends_at, limits_of(event.program)):
        raise Refused("Too little of the event is left to send it again.", code="late")
    held = Control.objects.get(id=1)
    if held.stopped or held.broken_at or held.restored_at:
        raise Refused("Sending is held back; mend and release that first.", code="held")
    Program.objects.select_for_update(no_key=True).get(id=event.program_id)
    values: dict[str, Any] = candidates.parameters(event) | {"poison": POISON_AFTER}
    with connection.cursor() as cursor:
        cursor.execute(candidates.CANDIDATES + _REOPEN, values)
        reopened = cursor.rowcount
    if not reopened:
        raise Refused(
            "Nothing can be sent again: what Carrier refused for good stays closed, and so do "
            "homes that are not free any more.",
            code="nothing-to-reopen",
        )
    # What was kept says that nothing waits to be sent, also to whoever thinks of stopping it.
    KeptTally.objects.filter(event_id=event_id).delete()
    record(actor=actor, verb="reopen-failed", subject=f"event:{event_id}", now=now, homes=reopened)
    bell.ring()
    return reopened
