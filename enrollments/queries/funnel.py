"""From a program's page to an enrolled home: visits, applications, who must act, who joined."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Count, Q, Sum

from base.drawing import Drawing, drawing
from enrollments.models import Application, Program, Visits
from people.models import ActivityEntry

RECENT = timedelta(days=30)
# Weeks that are shown, the one that runs among them.
WEEKS = 12


@dataclass(slots=True)
class Funnel:
    """Applications, of one program or of all: where they stand now. ``visited``: how often the
    program's page was looked at."""

    program: str
    slug: str = ""
    visited: int = 0
    begun: int = 0
    applied: int = 0
    homeowner: int = 0
    utility: int = 0
    carrier: int = 0
    active: int = 0
    rejected: int = 0
    withdrawn: int = 0

    @property
    def seen(self) -> bool:
        """Did anything happen?"""
        return bool(self.visited or self.begun)

    def add(self, place: str, number: int) -> None:
        self.begun += number
        setattr(self, place, getattr(self, place) + number)


def programs() -> list[Program]:
    return list(Program.objects.order_by("name"))


def funnel(*, since: datetime | None = None) -> list[Funnel]:
    """One line a program, those of all programs together last; ``since`` counts what was begun then
    or later, and the visits from that day on."""
    found, visits = Application.objects.all(), Visits.objects.all()
    if since:
        found, visits = found.filter(applied_at__gte=since), visits.filter(day__gte=since.date())
    groups = found.values("program", "state", "who").annotate(number=Count("id")).order_by()
    lines = {one.pk: Funnel(one.name, one.slug) for one in programs()}
    total = Funnel("All programs")
    for group in groups:
        place = (group["who"] or group["state"]).lower()
        lines[group["program"]].add(place, group["number"])
        total.add(place, group["number"])
    for row in visits.values("program").annotate(seen=Sum("number")).order_by():
        lines[row["program"]].visited = row["seen"]
        total.visited += row["seen"]
    return [*lines.values(), total]


@dataclass(frozen=True, slots=True)
class TurnedBack:
    """People who came back from Carrier without a permission, each time they did. ``denied``: they
    said no there."""

    program: str
    times: int
    denied: int


def turned_back(*, since: datetime | None = None) -> list[TurnedBack]:
    """By program, those where it happened; by the activity log."""
    found = ActivityEntry.objects.filter(verb="not-connected")
    if since:
        found = found.filter(at__gte=since)
    counted = found.values("subject").annotate(
        times=Count("id"), denied=Count("id", filter=Q(detail__why="denied"))
    )
    names = {f"program:{one.pk}": one.name for one in Program.objects.all()} if counted else {}
    lines = [TurnedBack(names[one["subject"]], one["times"], one["denied"]) for one in counted]
    return sorted(lines, key=lambda line: line.program)


# --- week by week -------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Week:
    """Those who began in a week, from Monday to Sunday, and where they stand now."""

    begins_on: date
    line: Funnel

    @property
    def ends_on(self) -> date:
        return self.begins_on + timedelta(days=6)


# Counted from the index of (applied_at, program, state, who) alone. The weeks' first moments are
# handed in: the clock may change between two of them.
_WEEKS = """
SELECT width_bucket(applied_at, %(edges)s::timestamptz[]), coalesce(nullif(who, ''), state),
    count(*)
FROM enrollments_application
WHERE applied_at >= %(first)s AND (%(program)s::bigint IS NULL OR program_id = %(program)s)
GROUP BY 1, 2
"""


def weeks(*, program: Program | None, zone: ZoneInfo, now: datetime) -> list[Week]:
    """The last WEEKS weeks by the days of ``zone``, the earliest first; of a program, or of all."""
    today = now.astimezone(zone).date()
    monday = today - timedelta(days=today.weekday())
    mondays = [monday - timedelta(weeks=back) for back in reversed(range(WEEKS))]
    name, slug = (program.name, program.slug) if program else ("All programs", "")
    found = [Week(day, Funnel(name, slug)) for day in mondays]
    edges = [datetime.combine(day, time(0), zone) for day in mondays]
    values: dict[str, Any] = {
        "edges": edges,
        "first": edges[0],
        "program": program.pk if program else None,
    }
    with connection.cursor() as cursor:
        cursor.execute(_WEEKS, values)
        for bucket, place, number in cursor.fetchall():
            found[bucket - 1].line.add(place.lower(), number)
    visits = Visits.objects.filter(day__gte=mondays[0])
    if program:
        visits = visits.filter(program=program)
    for row in visits.values("day").annotate(seen=Sum("number")).order_by():
        found[bisect_right(mondays, row["day"]) - 1].line.visited += row["seen"]
    return found


def drawings(weeks: list[Week]) -> list[Drawing]:
    """Visits, and what became of those who began."""
    labels = [f"{week.begins_on:%b %-d}" for week in weeks]
    begun = [float(week.line.begun) for week in weeks]
    active = [float(week.line.active) for week in weeks]
    visited = [float(week.line.visited) for week in weeks]
    made = (
        drawing(
            [("Visits", visited)], labels, key="visited", name="Visits to the program's page",
            unit="", over="week", digits=0,
            source="How often the page was looked at, by the program's own days. The same person"
            " may count more than once: nothing about visitors is kept. Machines that say what they"
            " are do not count, nor do people of the utility.",
        ),
        drawing(
            [("Begun", begun), ("Enrolled by now", active)], labels, key="begun",
            name="Applications", unit="", over="week", digits=0,
            source="By the week in which the terms were agreed to. The last week is not over; who"
            " began lately may still join.",
        ),
    )  # fmt: skip
    return [one for one in made if one is not None]
