"""The first page of the console: what runs, what comes, what needs a person."""

from dataclasses import dataclass
from datetime import datetime

import orjson
from django.db import connection

from dr_events.queries import holds, pages, programs
from dr_events.queries.alerts import Alerts, alerts
from dr_events.queries.limits_left import SeasonLeft, short_seasons
from dr_events.queries.pages import EventPage, Phase
from enrollments.models import Program

_NOW = (Phase.SENDING, Phase.SENT, Phase.RUNNING, Phase.OVER)
# Rows of each list; whoever wants more opens the list of events.
_NEXT = 20
_WAITING = 10


@dataclass(frozen=True, slots=True)
class Now:
    """The part of the page that asks for itself: what holds sending back, what does not work, and
    the events. ``scheduled`` holds all there are; ``undecided`` one more than the page shows;
    ``last`` is the event completed last."""

    holds: tuple[holds.Hold, ...]
    alerts: Alerts
    scheduled: tuple[EventPage, ...]
    undecided: tuple[EventPage, ...]
    last: EventPage | None

    @property
    def stopped(self) -> bool:
        return any(hold.kind == holds.Held.STOPPED for hold in self.holds)

    @property
    def events(self) -> tuple[EventPage, ...]:
        return self.scheduled + self.undecided

    @property
    def running(self) -> list[EventPage]:
        return [page for page in self.scheduled if page.phase in _NOW]

    @property
    def _coming(self) -> list[EventPage]:
        return [page for page in self.scheduled if page.phase == Phase.SCHEDULED]

    @property
    def next(self) -> list[EventPage]:
        return self._coming[:_NEXT]

    @property
    def more_next(self) -> int:
        return len(self._coming[_NEXT:])

    @property
    def waiting(self) -> tuple[EventPage, ...]:
        """Drafts and events that wait for a second person."""
        return self.undecided[:_WAITING]

    @property
    def more_waiting(self) -> bool:
        return len(self.undecided) > _WAITING

    @property
    def zone(self) -> str:
        """Times of day on this page: the zone most of it is about."""
        return self.events[0].event.program.time_zone if self.events else "UTC"

    @property
    def under_way(self) -> list[EventPage]:
        """What cancelling everything with the stop would end."""
        return [page for page in self.running if page.phase != Phase.OVER]

    @property
    def stoppable(self) -> list[EventPage]:
        """Events of which something is not sent yet."""
        return [page for page in self.scheduled if page.tally.can_stop]

    @property
    def is_recent(self) -> bool:
        """Are some of these figures those of a moment ago?"""
        return any(page.is_recent for page in self.scheduled)

    @property
    def can_stop(self) -> int:
        """Requests that the emergency stop would hold back now, of every scheduled event."""
        return sum(page.tally.can_stop for page in self.scheduled)


def now_on(*, now: datetime, real_now: datetime) -> Now:
    """``real_now`` is this host's own real time."""
    scheduled, undecided, last = pages.current_events(now=now, undecided=_WAITING + 1)
    return Now(
        tuple(holds.holds(real_now=real_now)),
        alerts(now=now, host_now=real_now),
        tuple(scheduled),
        tuple(undecided),
        last,
    )


@dataclass(frozen=True, slots=True)
class Homes:
    """All programs together. ``connected``: permissions at Carrier that live; ``offline``: so when
    Carrier was last asked; ``unread``: Carrier has told nothing of them yet;
    ``replaced``: wall controls of which nobody has said yet whether a new one took their place."""

    connected: int
    systems: int
    offline: int
    unread: int
    needs_relink: int
    replaced: int
    active: int
    paused: int
    withdrawn: int

    @property
    def online(self) -> int:
        """When Carrier was last asked."""
        return self.systems - self.offline - self.unread


# Each figure from an index of its own: permissions and systems are wide rows.
_HOMES = """
SELECT (SELECT count(*) FROM enrollments_carriergrant WHERE state <> 'REVOKED') AS connected,
    (SELECT count(*) FROM enrollments_system) AS systems,
    (SELECT count(*) FROM enrollments_system WHERE NOT is_online AND read_at IS NOT NULL)
        AS offline,
    (SELECT count(*) FROM enrollments_system WHERE read_at IS NULL) AS unread,
    (SELECT count(*) FROM enrollments_carriergrant WHERE state = 'NEEDS_RELINK')
        AS needs_relink,
    (SELECT count(*) FROM enrollments_replacement WHERE state = 'OPEN') AS replaced,
    (SELECT count(*) FROM enrollments_enrollment WHERE state = 'ACTIVE') AS active,
    (SELECT count(*) FROM enrollments_enrollment WHERE state = 'PAUSED') AS paused,
    (SELECT count(*) FROM enrollments_enrollment WHERE state = 'WITHDRAWN') AS withdrawn
"""


# A few homes an operator may have to call: who must connect again, whose system is silent longest,
# whose wall control may have been replaced.
_TROUBLES = """
(SELECT 'relink' AS kind, s.id AS system_id, s.serial, s.name, u.email AS owner,
    g.synced_at AS at
 FROM (SELECT * FROM enrollments_carriergrant WHERE state = 'NEEDS_RELINK'
       ORDER BY id LIMIT %(limit)s) g
 JOIN people_user u ON u.id = g.user_id
 LEFT JOIN LATERAL (SELECT id, serial, name FROM enrollments_system
                    WHERE grant_id = g.id ORDER BY id LIMIT 1) s ON true
 ORDER BY g.id)
UNION ALL
(SELECT 'offline', s.id, s.serial, s.name, u.email, s.reported_at
 FROM enrollments_system s JOIN enrollments_carriergrant g ON g.id = s.grant_id
 JOIN people_user u ON u.id = g.user_id
 WHERE NOT s.is_online AND s.read_at IS NOT NULL
 ORDER BY s.reported_at, s.id LIMIT %(limit)s)
UNION ALL
(SELECT 'replaced', s.id, s.serial, s.name, u.email, r.seen_at
 FROM enrollments_replacement r JOIN enrollments_enrollment n ON n.id = r.enrollment_id
 JOIN enrollments_system s ON s.id = n.system_id JOIN people_user u ON u.id = n.user_id
 WHERE r.state = 'OPEN' ORDER BY r.seen_at, r.id LIMIT %(limit)s)
"""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A home; ``at`` when it was last heard of, or when a new wall control was seen there."""

    system_id: int | None
    serial: str | None
    name: str | None
    owner: str
    at: datetime | None


# One statement for both: the page has many other questions.
_BOTH = f"""
SELECT (SELECT to_jsonb(h) FROM ({_HOMES}) AS h),
    (SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]') FROM ({_TROUBLES}) AS t)
"""  # noqa: S608 - constants; every value is a parameter


def homes_and_troubles(limit: int = 5) -> tuple[Homes, dict[str, tuple[Trouble, ...]]]:
    """All homes counted, and ``limit`` homes in trouble by kind: relink, offline, replaced."""
    with connection.cursor() as cursor:
        cursor.execute(_BOTH, {"limit": limit})
        counted, rows = (orjson.loads(column) for column in cursor.fetchone())
    by_kind: dict[str, list[Trouble]] = {"relink": [], "offline": [], "replaced": []}
    for row in rows:
        at = datetime.fromisoformat(row.pop("at")) if row["at"] else row.pop("at")
        by_kind[row.pop("kind")].append(Trouble(**row, at=at))
    return Homes(**counted), {kind: tuple(found) for kind, found in by_kind.items()}


@dataclass(frozen=True, slots=True)
class Today:
    now: Now
    homes: Homes
    programs: tuple[Program, ...]
    to_relink: tuple[Trouble, ...]
    offline: tuple[Trouble, ...]
    replaced: tuple[Trouble, ...]
    seasons: tuple[SeasonLeft, ...]

    @property
    def zone(self) -> str:
        return self.programs[0].time_zone if self.programs else self.now.zone


def today(*, now: datetime, real_now: datetime) -> Today:
    counted, found = homes_and_troubles()
    live = now_on(now=now, real_now=real_now)
    return Today(
        now=live,
        homes=counted,
        # Only a console without homes or events speaks about programs.
        programs=() if counted.active and live.events else tuple(programs.every()),
        to_relink=found["relink"],
        offline=found["offline"],
        replaced=found["replaced"],
        seasons=tuple(short_seasons(now=now)),
    )
