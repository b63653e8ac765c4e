"""The first page of the console: what runs, what comes, what needs a person."""

from dataclasses import dataclass
from datetime import datetime

from dr_events.queries import holds, pages, programs, systems
from dr_events.queries.pages import EventPage, Phase
from enrollments.models import Program
from enrollments.queries import EnrollmentCounts, counts

_NOW = (Phase.SENDING, Phase.SENT, Phase.RUNNING, Phase.OVER)


@dataclass(frozen=True, slots=True)
class Today:
    holds: tuple[holds.Hold, ...]
    events: tuple[EventPage, ...]
    homes: EnrollmentCounts
    programs: tuple[Program, ...]
    to_relink: tuple[systems.Trouble, ...]
    offline: tuple[systems.Trouble, ...]

    @property
    def stopped(self) -> bool:
        return any(hold.kind == holds.Held.STOPPED for hold in self.holds)

    @property
    def running(self) -> list[EventPage]:
        return [page for page in self.events if page.phase in _NOW]

    @property
    def next(self) -> list[EventPage]:
        return [page for page in self.events if page.phase == Phase.SCHEDULED]

    @property
    def waiting(self) -> list[EventPage]:
        """Drafts and events that wait for a second person."""
        return [page for page in self.events if page.phase in (Phase.SUBMITTED, Phase.DRAFT)]

    @property
    def zone(self) -> str:
        """Times of day on this page: the zone most of it is about."""
        return self.programs[0].time_zone if self.programs else "UTC"

    @property
    def can_stop(self) -> int:
        """Requests that the emergency stop would hold back now."""
        return sum(page.tally.can_stop for page in self.events)


def today(*, now: datetime, real_now: datetime) -> Today:
    return Today(
        holds=tuple(holds.holds(real_now=real_now)),
        events=tuple(pages.current_events(now=now)),
        homes=counts(),
        programs=tuple(programs.every()),
        to_relink=tuple(systems.to_relink()),
        offline=tuple(systems.offline()),
    )
