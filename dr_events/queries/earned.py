"""What a home has earned so far in a season, as its owner and the utility read it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.contrib.postgres.expressions import ArraySubquery

from dr_events import models
from dr_events.queries import seasons
from dr_events.rules.credit import Basis, Credit, Season, in_words
from dr_events.rules.limits import season
from dr_events.states import EventState
from enrollments.models import Program


@dataclass(frozen=True, slots=True)
class Earned:
    """One system against its program's rule, counted over the completed events of this season, from
    ``begins`` until ``ends``."""

    season: Season
    credit: Credit
    cents: int
    begins: datetime
    ends: datetime

    @property
    def last_day(self) -> datetime:
        return self.ends - timedelta(seconds=1)

    @property
    def rule(self) -> str:
        return in_words(self.credit)

    @property
    def done(self) -> str:
        """``3 of 4 events (75 %)``, or hours, as the program counts."""
        share = self.season.share(self.credit.basis)
        if share is None:
            return "not asked yet"
        if self.credit.basis == Basis.HOURS:
            return (
                f"{self.season.took_part_h:.1f} of {self.season.asked_h:.1f} hours ({share:.0f} %)"
            )
        return f"{self.season.took_part} of {self.season.asked} events ({share:.0f} %)"

    @property
    def so_far(self) -> str:
        return seasons.dollars(self.cents)

    @property
    def season_amount(self) -> str:
        """What the season's credit is, empty where there is none."""
        return seasons.dollars(self.credit.season_cents) if self.credit.season_cents else ""

    @property
    def season_rule(self) -> str:
        """What the season's credit takes: a share, or to have been asked at all."""
        share = self.credit.threshold
        return f"with at least {share} %" if share else "once the home was asked to take part"

    @property
    def each(self) -> str:
        """What each event earns, empty where it earns nothing by itself."""
        return seasons.dollars(self.credit.event_cents) if self.credit.event_cents else ""


def earned(program: Program, systems: list[int], *, now: datetime) -> dict[int, Earned]:
    """By system id; empty where the program has no rule."""
    zone = ZoneInfo(program.time_zone)
    begins, ends = season(program.season_from, program.season_to, at=now, zone=zone)
    over = models.Event.objects.filter(
        program=program, state=EventState.COMPLETED, starts_at__gte=begins, starts_at__lt=ends
    )
    row = (
        models.Credit.objects.filter(program=program)
        .annotate(events=ArraySubquery(over.values("id")))
        .first()
    )
    if row is None:
        return {}
    credit = seasons.rule_of(row)
    found = {}
    for system_id in systems:
        homes, _ = seasons.homes(program, credit, row.events, after=system_id - 1, limit=1)
        for home in homes:
            if home.system_id == system_id:
                found[system_id] = Earned(home.season, credit, home.cents or 0, begins, ends)
    return found
