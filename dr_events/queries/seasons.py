"""A season of a program: its events side by side, and what each home earned."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from dr_events import models
from dr_events.models import Event
from dr_events.queries import pages
from dr_events.queries.pages import EventPage
from dr_events.queries.replaced import FOLLOWED
from dr_events.rules.credit import Basis, Credit, Season, earned_cents, in_words
from dr_events.rules.limits import season as season_at
from dr_events.rules.limits import season_of_year
from dr_events.states import EventState
from enrollments.models import Program

# More than a season of any public program (126 events in a summer, Texas).
_MOST = 400


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the completed events of a season; each home counts once an event."""

    events: int
    hours: float
    targeted: int
    took_part: int
    opted_out_before: int
    opted_out_during: int
    unreachable: int
    failed: int

    @property
    def opted_out(self) -> int:
        return self.opted_out_before + self.opted_out_during

    def _percent(self, part: int) -> float | None:
        return 100 * part / self.targeted if self.targeted else None

    @property
    def took_part_percent(self) -> float | None:
        return self._percent(self.took_part)

    @property
    def opted_out_percent(self) -> float | None:
        return self._percent(self.opted_out)


def dollars(cents: int) -> str:
    return f"${cents / 100:,.2f}"


@dataclass(frozen=True, slots=True)
class SeasonPage:
    """``begins`` and ``ends`` are moments; ``last_day`` is the last day of the season."""

    program: Program
    begins: datetime
    ends: datetime
    events: tuple[EventPage, ...]
    totals: Totals
    credit: Credit | None

    @property
    def last_day(self) -> datetime:
        return self.ends - timedelta(seconds=1)

    @property
    def left(self) -> int:
        """Events a home that got all of them could still be asked for. One that was called off
        after it had left for some homes counts: it holds their time, and so the cap."""
        taken = sum(
            page.event.state != EventState.CANCELLED or page.tally.accepted + page.tally.open > 0
            for page in self.events
        )
        return max(0, self.program.max_per_season - taken)

    @property
    def credit_words(self) -> str:
        return in_words(self.credit)

    @property
    def ahead(self) -> list[EventPage]:
        """Planned events that are not over yet."""
        return [page for page in self.events if page.event.state == EventState.SCHEDULED]

    @property
    def completed(self) -> list[int]:
        return [page.event.pk for page in self.events if page.event.state == EventState.COMPLETED]


def season(program: Program, *, now: datetime, year: int | None = None) -> SeasonPage:
    """The season that begins in ``year``; without one, the season that runs or comes next. Days are
    the program's own."""
    marks, zone = (program.season_from, program.season_to), ZoneInfo(program.time_zone)
    if year is None:
        begins, ends = season_at(*marks, at=now, zone=zone)
    else:
        begins, ends = season_of_year(*marks, year=year, zone=zone)
    planned = Event.objects.filter(
        program=program, send_at__isnull=False, starts_at__gte=begins, starts_at__lt=ends
    )
    found = pages.shown(planned.order_by("starts_at", "id")[:_MOST], now=now)
    over = [page for page in found if page.event.state == EventState.COMPLETED]
    totals = Totals(
        events=len(over),
        hours=sum((page.event.ends_at - page.event.starts_at).total_seconds() for page in over)
        / 3600,
        targeted=sum(page.tally.targeted for page in over),
        took_part=sum(page.tally.participating for page in over),
        opted_out_before=sum(page.opted_out_before for page in over),
        opted_out_during=sum(page.opted_out_during for page in over),
        unreachable=sum(page.unreachable for page in over),
        failed=sum(page.tally.failed for page in over),
    )
    return SeasonPage(program, begins, ends, tuple(found), totals, credit_of(program))


def credit_of(program: Program) -> Credit | None:
    row = models.Credit.objects.filter(program=program).first()
    return rule_of(row) if row else None


def rule_of(row: models.Credit) -> Credit:
    return Credit(Basis(row.basis), row.threshold, row.season_cents, row.event_cents)


@dataclass(frozen=True, slots=True)
class HomeSeason:
    """What one system was asked for and did, and the money it earned."""

    system_id: int
    serial: str
    name: str
    owner: str
    season: Season
    cents: int | None
    share: float | None

    @property
    def dollars(self) -> str:
        return "–" if self.cents is None else dollars(self.cents)


# A page of homes first, then each home's rows by (event, system): no index of its own is needed.
# What a home did with a wall control that was replaced counts for the one in its place, once.
_HOMES = f"""
WITH RECURSIVE {FOLLOWED}, homes AS MATERIALIZED (
    SELECT DISTINCT system_id FROM enrollments_enrollment
    WHERE program_id = %(program)s AND system_id > %(after)s AND ended_because <> 'REPLACED'
    ORDER BY system_id LIMIT %(limit)s
)
SELECT h.system_id, s.serial, s.name, u.email, r.asked, r.took_part, r.asked_s, r.took_part_s
FROM homes h JOIN enrollments_system s ON s.id = h.system_id
JOIN enrollments_carriergrant g ON g.id = s.grant_id JOIN people_user u ON u.id = g.user_id
CROSS JOIN LATERAL (
    SELECT count(*) AS asked, count(*) FILTER (WHERE d.participation = 'COMPLETED') AS took_part,
        coalesce(sum(extract(epoch FROM upper(d.window) - lower(d.window))), 0) AS asked_s,
        coalesce(sum(extract(epoch FROM CASE d.participation
            WHEN 'COMPLETED' THEN upper(d.window) - lower(d.window)
            WHEN 'OPTED_OUT_DURING' THEN greatest(least(coalesce(d.opted_out_at, lower(d.window)),
                upper(d.window)) - lower(d.window), interval '0') END)), 0) AS took_part_s
    FROM (
        SELECT h.system_id UNION ALL SELECT f.before FROM followed f WHERE f.system_id = h.system_id
    ) one JOIN dr_events_dispatch d USING (system_id)
    WHERE d.event_id = ANY (%(events)s)
      AND (d.delivery IN ('ACCEPTED', 'CONFIRMED') OR d.reason = 'OPTED_OUT')
) r
ORDER BY h.system_id
"""  # noqa: S608 - a constant


def homes(
    program: Program, credit: Credit | None, events: Sequence[int], *, after: int, limit: int = 50
) -> tuple[list[HomeSeason], int]:
    """A page of homes by system id, and the id to go on ``after`` (0: the last page)."""
    values: dict[str, Any] = {
        "program": program.pk,
        "events": list(events),
        "after": after,
        "limit": limit + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(_HOMES, values)
        rows = cursor.fetchall()
    found = []
    for system_id, serial, name, owner, asked, took_part, asked_s, took_part_s in rows[:limit]:
        home = Season(asked, took_part, float(asked_s) / 3600, float(took_part_s) / 3600)
        cents = earned_cents(home, credit) if credit else None
        share = home.share(credit.basis if credit else Basis.EVENTS)
        found.append(HomeSeason(system_id, serial, name or serial, owner, home, cents, share))
    return found, found[-1].system_id if len(rows) > limit else 0


def every_home(
    program: Program, credit: Credit | None, events: Sequence[int]
) -> Iterator[HomeSeason]:
    """All homes of a program, in portions."""
    after = 0
    while True:
        found, after = homes(program, credit, events, after=after, limit=1000)
        yield from found
        if not after:
            return
