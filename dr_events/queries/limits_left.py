"""What is left of a program's limits: of the day, the week and the season."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Q

from dr_events.models import Dispatch, Event
from dr_events.queries import candidates
from dr_events.queries.replaced import before
from dr_events.states import EventState
from enrollments.models import Program

# Today names a program whose season has at most so many events left.
FEW = 3


@dataclass(frozen=True, slots=True)
class Left:
    """One limit around a moment: ``used`` of ``most`` events between two moments."""

    period: str  # day, week, season
    begins: datetime
    ends: datetime
    most: int
    used: int

    @property
    def left(self) -> int:
        return max(0, self.most - self.used)


def _counting() -> Q:
    """Planned events that use up limits: one that was called off does where it had left before and
    holds a home's time."""
    held = Exists(Dispatch.objects.filter(event=OuterRef("pk"), holds_slot=True))
    called_off = Q(state=EventState.CANCELLED)
    return Q(send_at__isnull=False) & (
        ~called_off | called_off & Q(cancelled_at__gte=F("send_at")) & Q(held)
    )


def left_of_program(program: Program, *, at: datetime) -> list[Left]:
    """For a home that got every event of this program so far."""
    periods = list(_periods(program, at))
    counted = Event.objects.filter(_counting(), program=program).aggregate(
        **{
            period: Count("id", filter=Q(starts_at__lt=ends, ends_at__gt=begins))
            for period, begins, ends, _ in periods
        }
    )
    return [
        Left(period, begins, ends, most, counted[period]) for period, begins, ends, most in periods
    ]


_HELD = """
SELECT count(*) FROM dr_events_dispatch
WHERE system_id = ANY (%s) AND holds_slot AND "window" && tstzrange(%s, %s)
"""


def left_of_system(system_id: int, program: Program, *, at: datetime) -> list[Left]:
    """For this system, counted as planning counts: events of any program that hold its time,
    or that of a wall control whose place it took."""
    found, systems = [], [system_id, *before([system_id])]
    with connection.cursor() as cursor:
        for period, begins, ends, most in _periods(program, at):
            cursor.execute(_HELD, [systems, begins, ends])
            found.append(Left(period, begins, ends, most, cursor.fetchone()[0]))
    return found


def _periods(program: Program, at: datetime) -> Iterator[tuple[str, datetime, datetime, int]]:
    for period, (begins, ends) in candidates.spans(program, at).items():
        yield period, begins, ends, getattr(program, f"max_per_{period}")


@dataclass(frozen=True, slots=True)
class SeasonLeft:
    """The season of a program that runs now; ``has_today``: an event of it is planned today."""

    program: Program
    season: Left
    has_today: bool


def short_seasons(*, now: datetime) -> list[SeasonLeft]:
    """Programs whose season runs and is nearly used up, or that have an event today; by name."""
    mine = Event.objects.filter(
        _counting(), program=OuterRef("pk"), starts_at__gt=now - timedelta(days=366)
    )
    starts = ArraySubquery(mine.order_by().values("starts_at"))
    found = []
    for program in Program.objects.annotate(starts=starts).order_by("name"):
        spans = candidates.spans(program, now)
        begins, ends = spans["season"]
        if not begins <= now < ends:
            continue
        used = sum(begins <= start < ends for start in program.starts)
        season = Left("season", begins, ends, program.max_per_season, used)
        has_today = any(spans["day"][0] <= start < spans["day"][1] for start in program.starts)
        if season.left <= FEW or has_today:
            found.append(SeasonLeft(program, season, has_today))
    return found
