"""Closing what nobody may send any more, each row with its reason."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from dr_events.queries.pausing import takes_part

# Business time after the end until which unsure rows are still looked up.
GIVE_UP_AFTER = timedelta(hours=1)

POISON_AFTER = 3
_TAKES_PART = takes_part("d.window")

_SETTLE: dict[str, str] = {
    # Consent or permission ended between the plan and now. Nothing was sent; nothing will be.
    "left": f"""
        UPDATE dr_events_dispatch d SET holds_slot = false,
            delivery = CASE WHEN {_TAKES_PART} THEN 'UNAUTHORIZED' ELSE 'SKIPPED' END,
            reason = CASE WHEN {_TAKES_PART} THEN 'NO_PERMISSION'
                WHEN n.state = 'ACTIVE' THEN 'PAUSED'
                WHEN n.ended_because <> '' THEN n.ended_because ELSE n.state END,
            trouble = CASE WHEN {_TAKES_PART} THEN 'Permission at Carrier is lost' ELSE '' END
        FROM enrollments_enrollment n, enrollments_system s, enrollments_carriergrant g
        WHERE d.event_id = %(event)s AND d.delivery = 'PLANNED' AND n.id = d.enrollment_id
          AND s.id = d.system_id AND g.id = s.grant_id
          AND (g.state <> 'ACTIVE' OR NOT {_TAKES_PART})""",  # noqa: S608 - a constant
    "cancelled": """
        UPDATE dr_events_dispatch d SET delivery = 'CANCELLED', reason = 'EVENT_CANCELLED',
            holds_slot = false
        WHERE d.event_id = %(event)s AND d.delivery = 'PLANNED' AND EXISTS
            (SELECT 1 FROM dr_events_event WHERE id = %(event)s AND state = 'CANCELLED')""",
    # Three senders died with this row in their hands and no result: the row may be the reason.
    "poison": """
        UPDATE dr_events_dispatch d SET delivery = 'FAILED', holds_slot = false,
            trouble = 'Set aside: sending it failed three times in a row on our side'
        WHERE d.event_id = %(event)s AND d.delivery = 'PLANNED' AND d.orphaned >= %(poison)s""",
    "late": """
        UPDATE dr_events_dispatch d SET delivery = 'EXPIRED', reason = 'TOO_LATE',
            holds_slot = false, trouble = 'Too little of the event was left'
        WHERE d.event_id = %(event)s AND %(now)s >= %(last_send)s AND d.delivery = 'PLANNED'""",
    # Nobody could find out: it may have run. The home's time stays taken.
    "never_learned": """
        UPDATE dr_events_dispatch d SET delivery = 'EXPIRED', reason = 'TOO_LATE',
            trouble = 'Carrier never told whether it arrived'
        WHERE d.event_id = %(event)s AND %(now)s >= %(give_up)s AND d.delivery = 'UNSURE'""",
    # The homeowner's no reached a row that came back unsent.
    "opted_out": """
        UPDATE dr_events_dispatch d SET delivery = 'SKIPPED', reason = 'OPTED_OUT',
            holds_slot = false, participation = 'OPTED_OUT_BEFORE'
        WHERE d.event_id = %(event)s AND d.delivery = 'PLANNED' AND d.opted_out_at IS NOT NULL""",
}


@transaction.atomic
def settle(
    *, event_id: int, last_send: datetime, ends_at: datetime, now: datetime
) -> dict[str, int]:
    """Close every unsent row that may not be sent any more, each with its reason."""
    values: dict[str, Any] = {
        "event": event_id,
        "last_send": last_send,
        "give_up": ends_at + GIVE_UP_AFTER,
        "now": now,
        "poison": POISON_AFTER,
    }
    counts = {}
    with connection.cursor() as cursor:
        for name, statement in _SETTLE.items():
            cursor.execute(statement, values)
            counts[name] = cursor.rowcount
    return counts
