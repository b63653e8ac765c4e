"""Who would get an event, and who is left out for which reason: one statement for the preview and
for the plan. What was shown is what is frozen, while nothing changes in between. But a
share of the homes, and then the control group, are drawn by the event's own id: before the event is
saved, only their rough sizes are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from dr_events.models import Event
from dr_events.queries.members import members
from dr_events.queries.pausing import rests
from dr_events.queries.replaced import FOLLOWED
from dr_events.rules.limits import season
from dr_events.states import Reason
from enrollments.models import Group, Program


def _lot(salt: str) -> str:
    """A number from 0 to 99 for this home and this event: the same however often it is drawn, and
    with another salt another lot."""
    return f"('x' || left(md5(%(wire_id)s || '{salt}' || t.system_id), 7))::bit(28)::int %% 100"


_AWAY = rests("tstzrange(%(starts_at)s, %(ends_at)s)")


# One row per enrolled system of the program: its reason to be left out, '' when it is in.
# Windows of other events count while they hold the home's time (holds_slot); ``others`` are those
# that can matter, and those of a wall control that was replaced count for the one in its place.
# Permissions are wide rows: only the few that do not hold are looked up.
def _candidates(of_targets: str = "", of_history: str = "", of_followed: str = "") -> str:
    return f"""
WITH RECURSIVE {FOLLOWED}, lost AS (
    SELECT s.id AS system_id FROM enrollments_carriergrant g
    JOIN enrollments_system s ON s.grant_id = g.id WHERE g.state <> 'ACTIVE'
), targets AS (
    SELECT n.id AS enrollment_id, n.system_id, {_AWAY} AS rests
    FROM enrollments_enrollment n
    WHERE n.program_id = %(program)s AND n.state IN ('ACTIVE', 'PAUSED')
      AND (cardinality(%(postal)s::text[]) = 0 OR n.system_id IN (
          SELECT s.id FROM enrollments_system s JOIN enrollments_location l ON l.id = s.location_id
          WHERE l.postal = ANY (%(postal)s::text[])))
      AND (%(members)s::bigint[] IS NULL OR n.system_id = ANY (%(members)s::bigint[]))
      {of_targets}
), windows AS (
    SELECT d.system_id, d.window FROM dr_events_dispatch d
    WHERE d.event_id = ANY (%(others)s) AND d.holds_slot {of_history}
    UNION ALL
    -- They are few: each by the index (OFFSET 0), not one more walk over all rows.
    SELECT f.system_id, d.window FROM followed f CROSS JOIN LATERAL (
        SELECT o.window FROM dr_events_dispatch o
        WHERE o.event_id = ANY (%(others)s) AND o.system_id = f.before AND o.holds_slot OFFSET 0
    ) d WHERE true {of_followed}
), history AS (
    SELECT d.system_id,
        count(*) FILTER (WHERE d.window && tstzrange(%(day_from)s, %(day_to)s)) AS in_day,
        count(*) FILTER (WHERE d.window && tstzrange(%(week_from)s, %(week_to)s)) AS in_week,
        count(*) FILTER (WHERE d.window && tstzrange(%(season_from)s, %(season_to)s)) AS in_season,
        bool_or(d.window && tstzrange(%(starts_at)s, %(ends_at)s)) AS overlaps,
        bool_or(d.window && tstzrange(%(rest_from)s, %(rest_to)s)) AS too_close
    FROM windows d GROUP BY d.system_id
), candidates AS (
    SELECT t.enrollment_id, t.system_id,
        CASE
            WHEN l.system_id IS NOT NULL AND NOT %(limits_only)s THEN 'NO_PERMISSION'
            WHEN t.rests AND NOT %(limits_only)s THEN 'PAUSED'
            WHEN h.overlaps THEN 'OVERLAP'
            WHEN h.in_day >= %(max_per_day)s THEN 'DAY_CAP'
            WHEN h.in_week >= %(max_per_week)s THEN 'WEEK_CAP'
            WHEN h.in_season >= %(max_per_season)s THEN 'SEASON_CAP'
            WHEN h.too_close THEN 'REST'
            WHEN %(share_percent)s < 100 AND {_lot(":share:")} >= %(share_percent)s
                THEN 'NOT_IN_SHARE'
            WHEN %(control_percent)s > 0 AND {_lot(":")} < %(control_percent)s
                THEN 'CONTROL_GROUP'
            ELSE ''
        END AS reason
    FROM targets t LEFT JOIN history h USING (system_id) LEFT JOIN lost l USING (system_id)
)
"""  # noqa: S608 - constants; every value is a parameter


CANDIDATES = _candidates()
# The same for the home ``system`` alone.
ONE_HOME = _candidates(
    "AND n.system_id = %(system)s",
    "AND d.system_id = %(system)s",
    "AND f.system_id = %(system)s",
)


@dataclass(frozen=True, slots=True)
class Preview:
    """``targeted`` systems would get the event; ``left_out`` counts the others by reason."""

    targeted: int
    left_out: tuple[tuple[Reason, int], ...]
    offline: int

    @property
    def enrolled(self) -> int:
        return self.targeted + sum(count for _, count in self.left_out)


def parameters(
    event: Event, *, apart: Sequence[int] = (), limits_only: bool = False
) -> dict[str, Any]:
    """Parameters of CANDIDATES. ``apart``: events that take nothing from this one's limits.
    ``limits_only``: a pause or a lost permission is no reason; it may end before the event.

    Days, weeks (Monday to Sunday) and the season are local to the
    program's zone and those the start lies in."""
    program = event.program
    rest = timedelta(minutes=program.min_rest_minutes)
    around = spans(program, event.starts_at)
    around["rest"] = (event.starts_at - rest, event.ends_at + rest)
    caps = {
        "day": program.max_per_day,
        "week": program.max_per_week,
        "season": program.max_per_season,
        "rest": 0,
    }
    return {
        "event": event.pk or 0,
        "others": _others([event.pk or 0, *apart], around, caps),
        "limits_only": limits_only,
        "wire_id": event.wire_id,
        "program": program.pk,
        "postal": list(event.postal_codes),
        "members": _members(event, around["day"][0].date()),
        "starts_at": event.starts_at,
        "ends_at": event.ends_at,
        **{f"{name}_from": begin for name, (begin, _) in around.items()},
        **{f"{name}_to": end for name, (_, end) in around.items()},
        **{f"max_per_{name}": cap for name, cap in caps.items() if name != "rest"},
        "share_percent": event.share_percent,
        "control_percent": event.control_percent,
    }


def _members(event: Event, day: date) -> list[int] | None:
    """The systems of the event's groups on its day; None: the event is for every home."""
    if not event.groups:
        return None
    rows = members(Group.objects.filter(id__in=event.groups), day)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT system_id FROM ({rows.text}) AS m", rows.values)  # noqa: S608 - constants; every value is a parameter
        return [system_id for (system_id,) in cursor.fetchall()]


def spans(program: Program, at: datetime) -> dict[str, tuple[datetime, datetime]]:
    """The day, the week (from Monday) and the season this moment lies in, local to the program's
    zone: first moment, and first moment after."""
    zone = ZoneInfo(program.time_zone)
    today = at.astimezone(zone).date()
    return {
        "day": _days(today, 1, zone),
        "week": _days(today - timedelta(days=today.weekday()), 7, zone),
        "season": season(program.season_from, program.season_to, at=at, zone=zone),
    }


def _days(first: date, number: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    begin, end = (
        datetime.combine(day, time(0), zone) for day in (first, first + timedelta(days=number))
    )
    return begin, end


def _others(
    apart: Sequence[int], spans: dict[str, tuple[datetime, datetime]], caps: dict[str, int]
) -> list[int]:
    """Events whose rows can leave a home out. Fewer events than a cap allows cannot fill it at any
    home: their rows, a season's worth of them, need not be read."""
    begin, end = min(span[0] for span in spans.values()), max(span[1] for span in spans.values())
    planned = list(
        Event.objects.filter(send_at__isnull=False, starts_at__lt=end, ends_at__gt=begin)
        .exclude(id__in=apart)
        .values_list("id", "starts_at", "ends_at")
    )
    found: set[int] = set()
    for name, (low, high) in spans.items():
        inside = {pk for pk, starts_at, ends_at in planned if starts_at < high and ends_at > low}
        if len(inside) >= caps[name]:
            found |= inside
    return sorted(found)


def preview(event: Event) -> Preview:
    """What scheduling this event would do now. The event need not be saved."""
    statement = (
        CANDIDATES  # noqa: S608 - two constants; every value is a parameter
        + """SELECT c.reason, count(*), count(s.id) FROM candidates c
             LEFT JOIN enrollments_system s
                ON s.id = c.system_id AND NOT s.is_online AND s.read_at IS NOT NULL GROUP BY 1"""
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters(event))
        rows = cursor.fetchall()
    by_reason = {Reason(reason): (count, offline) for reason, count, offline in rows}
    targeted, offline = by_reason.pop(Reason.NONE, (0, 0))
    left_out = sorted((reason, count) for reason, (count, _) in by_reason.items())
    return Preview(targeted, tuple(left_out), offline)
