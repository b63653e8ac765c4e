"""Who would get an event, and who is left out for which reason: one statement for the preview and
for the plan, so that what an operator was shown is what is frozen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from dr_events.models import Event
from dr_events.rules.limits import season
from dr_events.states import Reason

# One row per enrolled system of the program: its reason to be left out, '' when it is in.
# Windows of other events count while they hold the home's time (holds_slot).
CANDIDATES = """
WITH targets AS (
    SELECT n.id AS enrollment_id, n.system_id, n.state AS enrollment_state, g.state AS grant_state
    FROM enrollments_enrollment n
    JOIN enrollments_system s ON s.id = n.system_id
    JOIN enrollments_location l ON l.id = s.location_id
    JOIN enrollments_carriergrant g ON g.id = s.grant_id
    WHERE n.program_id = %(program)s AND n.state IN ('ACTIVE', 'PAUSED')
      AND (cardinality(%(postal)s::text[]) = 0 OR l.postal = ANY (%(postal)s::text[]))
), history AS (
    SELECT d.system_id,
        count(*) FILTER (WHERE d.window && tstzrange(%(day_from)s, %(day_to)s)) AS in_day,
        count(*) FILTER (WHERE d.window && tstzrange(%(week_from)s, %(week_to)s)) AS in_week,
        count(*) FILTER (WHERE d.window && tstzrange(%(season_from)s, %(season_to)s)) AS in_season,
        bool_or(d.window && tstzrange(%(starts_at)s, %(ends_at)s)) AS overlaps,
        bool_or(d.window && tstzrange(%(rest_from)s, %(rest_to)s)) AS too_close
    FROM dr_events_dispatch d
    JOIN targets USING (system_id)
    WHERE d.holds_slot AND d.event_id <> ALL (%(apart)s)
      AND d.window && tstzrange(least(%(season_from)s, %(rest_from)s, %(week_from)s),
                                greatest(%(season_to)s, %(rest_to)s, %(week_to)s))
    GROUP BY d.system_id
), candidates AS (
    SELECT t.enrollment_id, t.system_id,
        CASE
            WHEN t.grant_state <> 'ACTIVE' THEN 'NO_PERMISSION'
            WHEN t.enrollment_state = 'PAUSED' THEN 'PAUSED'
            WHEN h.overlaps THEN 'OVERLAP'
            WHEN h.in_day >= %(max_per_day)s THEN 'DAY_CAP'
            WHEN h.in_week >= %(max_per_week)s THEN 'WEEK_CAP'
            WHEN h.in_season >= %(max_per_season)s THEN 'SEASON_CAP'
            WHEN h.too_close THEN 'REST'
            WHEN %(control_percent)s > 0 AND
                ('x' || left(md5(%(wire_id)s || ':' || t.system_id), 7))::bit(28)::int %% 100
                    < %(control_percent)s THEN 'CONTROL_GROUP'
            ELSE ''
        END AS reason
    FROM targets t LEFT JOIN history h USING (system_id)
)
"""


@dataclass(frozen=True, slots=True)
class Preview:
    """``targeted`` systems would get the event; ``left_out`` counts the others by reason."""

    targeted: int
    left_out: tuple[tuple[Reason, int], ...]
    offline: int

    @property
    def enrolled(self) -> int:
        return self.targeted + sum(count for _, count in self.left_out)


def parameters(event: Event, *, apart: Sequence[int] = ()) -> dict[str, Any]:
    """Parameters of CANDIDATES. ``apart``: events that take nothing from this one's limits.

    Days, weeks (Monday to Sunday) and the season are local to the
    program's zone and those the start lies in."""
    program = event.program
    zone = ZoneInfo(program.time_zone)
    start = event.starts_at.astimezone(zone)
    day = datetime.combine(start.date(), time(0), zone)
    week = datetime.combine(start.date() - timedelta(days=start.weekday()), time(0), zone)
    season_from, season_to = season(
        program.season_from, program.season_to, at=event.starts_at, zone=zone
    )
    rest = timedelta(minutes=program.min_rest_minutes)
    return {
        "event": event.pk or 0,
        "apart": [event.pk or 0, *apart],
        "wire_id": event.wire_id,
        "program": program.pk,
        "postal": list(event.postal_codes),
        "starts_at": event.starts_at,
        "ends_at": event.ends_at,
        "day_from": day,
        "day_to": datetime.combine(start.date() + timedelta(days=1), time(0), zone),
        "week_from": week,
        "week_to": datetime.combine(week.date() + timedelta(days=7), time(0), zone),
        "season_from": season_from,
        "season_to": season_to,
        "rest_from": event.starts_at - rest,
        "rest_to": event.ends_at + rest,
        "max_per_day": program.max_per_day,
        "max_per_week": program.max_per_week,
        "max_per_season": program.max_per_season,
        "control_percent": event.control_percent,
    }


def preview(event: Event) -> Preview:
    """What scheduling this event would do now. The event need not be saved."""
    statement = (
        CANDIDATES  # noqa: S608 - two constants; every value is a parameter
        + """SELECT c.reason, count(*), count(*) FILTER (WHERE NOT s.is_online)
             FROM candidates c JOIN enrollments_system s ON s.id = c.system_id GROUP BY 1"""
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters(event))
        rows = cursor.fetchall()
    by_reason = {Reason(reason): (count, offline) for reason, count, offline in rows}
    targeted, offline = by_reason.pop(Reason.NONE, (0, 0))
    left_out = sorted((reason, count) for reason, (count, _) in by_reason.items())
    return Preview(targeted, tuple(left_out), offline)
