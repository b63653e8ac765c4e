"""A program's limits changed after the plan: what is not sent yet obeys the new ones."""

from datetime import datetime

from django.db import connection, transaction

from base.refusal import Refused
from dr_events.models import Event
from dr_events.operations.planning import limits_of, wish_of
from dr_events.queries import candidates
from dr_events.queries.holds import limits_mark
from dr_events.rules import limits as rules
from dr_events.states import EventState, Reason
from enrollments.models import Program
from people.operations import SYSTEM, record

_LEAVE_OUT = """
UPDATE dr_events_dispatch d
SET delivery = 'SKIPPED', reason = c.reason, holds_slot = false
FROM (SELECT system_id, CASE WHEN %(outside)s THEN 'LIMITS' ELSE reason END AS reason
      FROM candidates) c
WHERE d.event_id = %(event)s AND d.delivery = 'PLANNED' AND d.system_id = c.system_id
  AND c.reason = ANY (%(limits)s)
"""
_LIMITS = [
    Reason.LIMITS,
    Reason.DAY_CAP,
    Reason.WEEK_CAP,
    Reason.SEASON_CAP,
    Reason.REST,
    Reason.OVERLAP,
]


def outside_limits(event: Event, now: datetime) -> list[Refused]:
    """Why the program's limits of today would not allow a planned event: hours, season, bounds."""
    found = rules.problems(wish_of(event), limits_of(event.program), now=event.scheduled_at or now)
    return [one for one in found if one.code not in ("past", "notice")]


@transaction.atomic
def recheck_limits(*, event_id: int, now: datetime) -> int:
    """Hold a scheduled event against its program's limits as they are now; homes left out.

    Outside the hours, the season or the comfort bounds, nobody else gets it. Beyond a home's caps
    or rest, that home does not: of two events the one that was scheduled first keeps its place.
    Notice and "starts in the past" are not asked again: they were kept when it was planned.
    """
    event = Event.objects.select_for_update(of=("self",)).select_related("program").get(id=event_id)
    Program.objects.select_for_update(no_key=True).get(id=event.program_id)
    mark = limits_mark(event_id)
    if event.state != EventState.SCHEDULED or event.limits_mark == mark:
        return 0
    problems = outside_limits(event, now)
    later = Event.objects.filter(scheduled_at__gt=event.scheduled_at or now).values_list(
        "id", flat=True
    )
    values = candidates.parameters(event, apart=list(later), limits_only=True)
    values |= {"outside": bool(problems), "limits": [str(reason) for reason in _LIMITS]}
    with connection.cursor() as cursor:
        cursor.execute(candidates.CANDIDATES + _LEAVE_OUT, values)
        left_out = cursor.rowcount
    Event.objects.filter(id=event_id).update(limits_mark=mark)
    record(
        actor=SYSTEM,
        verb="recheck-limits",
        subject=f"event:{event_id}",
        now=now,
        left_out=left_out,
        why=" ".join(str(one) for one in problems) or "caps and rest of each home",
    )
    return left_out
