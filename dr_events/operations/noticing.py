"""Who must hear of an event. A round writes all notices of one kind about one event, once.

The sweep finds events without their round (``queries.notices.rounds_due``), so nothing has to be
remembered by whoever schedules, cancels or completes an event.
"""

from datetime import datetime
from typing import Any

from django.db import connection, transaction

from dr_events.queries import notices as queries
from dr_events.states import OPEN, SENT
from enrollments.states import URGENT_MAIL, NoticeKind

_ROUND = """
INSERT INTO enrollments_noticeround (kind, subject, at) VALUES (%(kind)s, %(subject)s, %(now)s)
ON CONFLICT DO NOTHING
"""
_TELL = """
INSERT INTO enrollments_notice
    (user_id, kind, subject, state, urgent, made_at, due_at, tries, trouble, sent_to)
SELECT u.id, %(kind)s, %(subject)s, 'WAITING', %(urgent)s, %(now)s, %(now)s, 0, '', ''
FROM ({who}) AS u(id)
WHERE NOT EXISTS (SELECT 1 FROM enrollments_mailstop m WHERE m.user_id = u.id)
ORDER BY u.id
ON CONFLICT DO NOTHING
"""
# Told: the mail server has the announcement. Or may have it: somebody is sending it at this
# moment, or died over it.
_TOLD = """
SELECT a.user_id FROM enrollments_notice a
WHERE a.kind = 'ANNOUNCED' AND a.subject = %(subject)s
  AND (a.state = 'SENT' OR a.state = 'WAITING' AND a.lease_until IS NOT NULL)
"""
_WHO = {
    # Not the control group, and nobody who said no before the mail went out.
    NoticeKind.ANNOUNCED: """
        SELECT DISTINCT n.user_id FROM dr_events_dispatch d
        JOIN enrollments_enrollment n ON n.id = d.enrollment_id
        WHERE d.event_id = %(event)s AND d.delivery = ANY (%(coming)s)""",
    NoticeKind.CANCELLED: _TOLD,
    # Not those for whom nothing happened because they had said no: they know.
    NoticeKind.OVER: f"""
        {_TOLD} AND EXISTS (
            SELECT 1 FROM dr_events_dispatch d
            JOIN enrollments_enrollment n ON n.id = d.enrollment_id
            WHERE d.event_id = %(event)s AND n.user_id = a.user_id
              AND d.delivery NOT IN ('WITHHELD', 'SKIPPED', 'CANCELLED'))""",  # noqa: S608
}
_NEVER_MIND = """
UPDATE enrollments_notice SET state = 'DROPPED', lease_until = NULL, trouble = %(why)s
WHERE kind = 'ANNOUNCED' AND subject = %(subject)s AND state = 'WAITING'
  AND (lease_until IS NULL OR lease_until < clock_timestamp())
"""
CALLED_OFF = "The event was called off before this was sent."


def write_rounds(*, now: datetime) -> int:
    """Write every round that is due; how many notices were added. Any number may do so at once."""
    return sum(
        _write(NoticeKind(kind), event_id, now) for kind, event_id in queries.rounds_due(now=now)
    )


@transaction.atomic
def _write(kind: NoticeKind, event_id: int, now: datetime) -> int:
    values: dict[str, Any] = {
        "kind": kind,
        "event": event_id,
        "subject": queries.subject_of(event_id),
        "urgent": kind in URGENT_MAIL,
        "coming": sorted(OPEN | SENT),
        "now": now,
        "why": CALLED_OFF,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ROUND, values)
        if cursor.rowcount == 0:
            return 0
        cursor.execute(_TELL.format(who=_WHO[kind]), values)
        added = cursor.rowcount
        if kind == NoticeKind.CANCELLED:
            cursor.execute(_NEVER_MIND, values)
    return added
