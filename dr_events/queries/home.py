"""What a homeowner sees: events as their own home meets them, and their systems."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from dr_events.models import Dispatch
from dr_events.queries.earned import Earned, earned
from dr_events.queries.home_event import AT_CARRIER, HomeEvent, event_of, my_event, rows_of
from dr_events.queries.replaced import before
from dr_events.rules.limits import season
from dr_events.states import Delivery
from enrollments import queries as homes
from enrollments.models import Enrollment, Program, Replacement
from enrollments.queries import SystemCard, pause_of
from enrollments.rules import Pause
from enrollments.states import LIVE_ENROLLMENTS, ConsentAct, EnrollmentState, GrantState
from people.models import User

PAST_SHOWN = 20
__all__ = ["home_page", "my_enrollment", "my_event"]


@dataclass(frozen=True, slots=True)
class HomeSystem:
    """One system with its place in a program, if it has one."""

    card: SystemCard
    program: str
    slug: str
    zone: str
    used: int
    cap: int
    earned: Earned | None  # None where the program has no rule
    now: datetime
    replacement: Replacement | None
    asks: bool  # the program asks questions
    is_misfit: bool  # and an answer keeps the home from taking part

    @property
    def left(self) -> int:
        return max(self.cap - self.used, 0)

    @property
    def pause(self) -> Pause | None:
        """The pause it has or will have."""
        pause = self.card.pause
        return None if pause is None or pause.is_over(self.now) else pause

    @property
    def is_paused(self) -> bool:
        return self.pause is not None and self.pause.holds(self.now)

    @property
    def state(self) -> EnrollmentState:
        return EnrollmentState.PAUSED if self.is_paused else EnrollmentState.ACTIVE

    @property
    def needs_relink(self) -> bool:
        return self.card.grant_state == GrantState.NEEDS_RELINK


@dataclass(frozen=True, slots=True)
class EventCard:
    """An event ahead with a line for each system of this home."""

    event: HomeEvent
    lines: tuple[HomeEvent, ...]

    @property
    def may_opt_out(self) -> bool:
        return any(line.may_opt_out for line in self.lines)


@dataclass(frozen=True, slots=True)
class Joining:
    """A program this person is on the way into, and where that stands."""

    program: Program
    stands: str


@dataclass(frozen=True, slots=True)
class HomePage:
    ahead: tuple[EventCard, ...]
    past: tuple[HomeEvent, ...]
    enrolled: tuple[HomeSystem, ...]
    others: tuple[SystemCard, ...]
    joining: tuple[Joining, ...]
    programs: tuple[Program, ...]


@dataclass(frozen=True, slots=True)
class Mine:
    """One enrolment of this home, for the pages that pause it or end it."""

    enrollment_id: int
    state: EnrollmentState
    system: str
    program: str
    slug: str
    zone: str
    pause: Pause | None
    is_last: bool
    at_carrier: bool


def home_page(user: User, *, now: datetime) -> HomePage:
    rows = rows_of(user)
    ahead = rows.filter(event__ends_at__gt=now).exclude(delivery=Delivery.WITHHELD)
    past = rows.filter(event__ends_at__lte=now)
    cards = homes.systems_of(user)
    enrolled = _enrolled(user, cards, now)
    # Whether these take an enrolled one's place is asked beside that one.
    asked = {home.replacement.system_id for home in enrolled if home.replacement}
    joined = {home.program for home in enrolled}
    joining = _joining(user, joined)
    open_now = homes.open_programs()
    return HomePage(
        ahead=_grouped(ahead.order_by("event__starts_at", "event", "system__name"), now),
        past=tuple(
            event_of(row, now)
            for row in past.order_by("-event__starts_at", "system__name")[:PAST_SHOWN]
        ),
        enrolled=enrolled,
        others=tuple(card for card in cards if not card.enrollment_id and card.id not in asked),
        joining=joining,
        programs=tuple(
            program
            for program in open_now
            if program.name not in joined and program not in [one.program for one in joining]
        ),
    )


def _grouped(rows: QuerySet[Dispatch], now: datetime) -> tuple[EventCard, ...]:
    lines = [event_of(row, now) for row in rows]
    groups = [tuple(group) for _, group in groupby(lines, key=lambda line: line.event_id)]
    return tuple(EventCard(group[0], group) for group in groups)


def _enrolled(user: User, cards: Sequence[SystemCard], now: datetime) -> tuple[HomeSystem, ...]:
    live = {
        enrollment.pk: enrollment
        for enrollment in Enrollment.objects.filter(
            user=user, state__in=LIVE_ENROLLMENTS
        ).select_related("program")
    }
    programs = {e.program_id: e.program for e in live.values()}
    used = _used(programs, user, before([e.system_id for e in live.values()]), now)
    asking = {
        key: bool(homes.misfits(user, program))
        for key, program in programs.items()
        if homes.questions_of(program)
    }
    asked = homes.open_replacements(list(live))
    credits = {
        key: earned(program, [e.system_id for e in live.values() if e.program_id == key], now=now)
        for key, program in programs.items()
    }
    found = []
    for card in cards:
        enrollment = live.get(card.enrollment_id or 0)
        if enrollment is None:
            continue
        program = enrollment.program
        found.append(
            HomeSystem(
                card=card,
                program=program.name,
                slug=program.slug,
                zone=program.time_zone,
                used=used[program.pk, card.id],
                cap=program.max_per_season,
                earned=credits[program.pk].get(card.id),
                now=now,
                replacement=asked.get(enrollment.pk),
                asks=program.pk in asking,
                is_misfit=asking.get(program.pk, False),
            )
        )
    return tuple(found)


def _used(
    programs: dict[int, Program], user: User, followed: dict[int, int], now: datetime
) -> Counter[tuple[int, int]]:
    """Events of this season per program and system that count against the promised number.
    ``followed``: wall control that was replaced -> the one that counts on."""
    used: Counter[tuple[int, int]] = Counter()
    for program in programs.values():
        zone = ZoneInfo(program.time_zone)
        begin, end = season(program.season_from, program.season_to, at=now, zone=zone)
        windows = Dispatch.objects.filter(
            enrollment__user=user,
            event__program=program,
            holds_slot=True,
            event__starts_at__gte=begin,
            event__starts_at__lt=end,
        ).values_list("system_id", flat=True)
        used.update((program.pk, followed.get(one, one)) for one in windows)
    return used


def _joining(user: User, joined: set[str]) -> tuple[Joining, ...]:
    """Programs this person agreed to but has no system in yet: the journey can go on."""
    agreed = Program.objects.filter(
        terms__consent__user=user, terms__consent__act=ConsentAct.GIVEN
    ).distinct()
    return tuple(
        Joining(program, homes.stands(user, program))
        for program in agreed.order_by("name")
        if program.name not in joined and homes.agreed(user, program)
    )


def my_enrollment(user: User, enrollment_id: int, *, now: datetime) -> Mine | None:
    """One enrolment of this home; None when there is none or it is somebody else's."""
    found = (
        Enrollment.objects.filter(id=enrollment_id, user=user)
        .select_related("system", "program")
        .first()
    )
    if found is None:
        return None
    out = Dispatch.objects.filter(AT_CARRIER, enrollment=found, event__ends_at__gt=now)
    pause = pause_of(found)
    return Mine(
        enrollment_id=found.pk,
        state=EnrollmentState(found.state),
        system=found.system.name or found.system.serial,
        program=found.program.name,
        slug=found.program.slug,
        zone=found.program.time_zone,
        pause=None if pause is None or pause.is_over(now) else pause,
        is_last=not homes.others_on_grant(found).exists(),
        at_carrier=out.exists(),
    )


def at_carrier(user: User, *, now: datetime) -> bool:
    """Has Carrier an event for this home that is not over?"""
    return rows_of(user).filter(AT_CARRIER, event__ends_at__gt=now).exists()
