"""What holds sending back: for the statements that hand rows out, and for people."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Subquery

from base.choices import ColoredChoices
from dr_events.models import Control, Pause
from dr_events.queries.names import names

# Why nothing may be sent to anybody, in words; NULL when it may. Asked in every claim and, four
# times a second, by every sender.
HELD = """(
    SELECT CASE
        WHEN stopped THEN 'everything is stopped'
        WHEN broken_at IS NOT NULL THEN 'the circuit to Carrier is open'
        WHEN restored_at IS NOT NULL THEN 'the database was restored'
        WHEN EXISTS (SELECT 1 FROM dr_events_pause
                     WHERE grant_id = 0 AND until > clock_timestamp()) THEN 'Carrier wants a pause'
    END FROM dr_events_control WHERE id = 1)"""

# The limits of an event's program as they are now, in 32 characters. An event is sent only while
# this is what it was last checked against (Event.limits_mark): a limit that was tightened after
# the plan holds for the next request, whoever changed it and however.
LIMITS_MARK = """(
    SELECT md5(ROW(p.time_zone, p.season_from, p.season_to, p.hours_from, p.hours_to, p.weekdays,
        p.holidays, p.max_event_minutes, p.min_useful_minutes, p.max_per_day, p.max_per_week,
        p.max_per_season, p.min_rest_minutes, p.max_offset_f, p.max_cool_f, p.min_heat_f)::text)
    FROM enrollments_program p JOIN dr_events_event o ON o.program_id = p.id
    WHERE o.id = %(event)s)"""


def limits_mark(event_id: int) -> str:
    """What LIMITS_MARK says now."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {LIMITS_MARK}", {"event": event_id})
        return str(cursor.fetchone()[0])


class Held(ColoredChoices):
    """What can hold sending back, for everybody."""

    STOPPED = "STOPPED", "red", "Everything is stopped"
    BROKEN = "BROKEN", "red", "The circuit to Carrier is open"
    RESTORED = "RESTORED", "red", "The database is an older one"
    PAUSED = "PAUSED", "yellow", "Carrier asked us to wait"


@dataclass(frozen=True, slots=True)
class Hold:
    """One reason why nothing is sent now. ``at`` is business time (of a pause: real time of its
    end); ``by`` is a name to show, ``actor`` who may not release it alone."""

    kind: Held
    at: datetime | None
    why: str
    by: str = ""
    actor: str = ""

    @property
    def mark(self) -> str:
        return hold_mark(self.at)


def hold_mark(since: datetime | None) -> str:
    """Names one hold of its kind: since when it is."""
    return since.isoformat() if since else ""


def holds(*, real_now: datetime) -> list[Hold]:
    """Everything that holds sending back now, worst first."""
    pauses = Pause.objects.filter(grant_id=0, until__gt=real_now).values("until")[:1]
    control = Control.objects.filter(id=1).annotate(pause_until=Subquery(pauses)).first()
    found = []
    if control and control.stopped:
        by = control.stopped_by
        found.append(
            Hold(Held.STOPPED, control.stopped_at, control.why, names([by]).get(by, by), by)
        )
    if control and control.broken_at:
        found.append(Hold(Held.BROKEN, control.broken_at, control.broken_why))
    if control and control.restored_at:
        found.append(Hold(Held.RESTORED, control.restored_at, control.restored_why))
    if control and control.pause_until:
        found.append(
            Hold(Held.PAUSED, control.pause_until, "It answers that it is busy (429 or 503).")
        )
    return found
