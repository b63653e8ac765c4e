"""Reads for the partner API: granted programs, and the homes in them as plain rows.

A page has up to five hundred homes and somebody may turn two hundred pages: no row becomes a model.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q

from enrollments import rules
from enrollments.models import Enrollment, Program, System
from enrollments.states import LIVE_ENROLLMENTS, Ineligible


@dataclass(frozen=True, slots=True)
class EnrollmentLine:
    """One enrollment; times are business time. ``program`` is the slug."""

    system_id: int
    serial: str
    program: str
    state: str
    paused_from: datetime | None
    paused_until: datetime | None
    enrolled_at: datetime
    changed_at: datetime

    @classmethod
    def of(cls, row: Enrollment) -> "EnrollmentLine":
        """Needs ``system`` and ``program`` loaded."""
        values = [getattr(row, name) for name in _ENROLLMENT[1:]]
        return cls(row.system_id, row.system.serial, row.program.slug, *values)


@dataclass(frozen=True, slots=True)
class SystemLine:
    """One enrolled system as Carrier last told us. ``obstacle`` keeps it from taking part."""

    joined: EnrollmentLine
    brand: str
    model: str
    outdoor_type: str
    capacity_kbtu: Decimal | None
    unit: str
    is_online: bool
    dr_enabled: bool | None
    read_at: datetime | None
    obstacle: Ineligible | None


_ENROLLMENT = ("system_id", "state", "paused_from", "paused_until", "enrolled_at", "changed_at")


def programs_for(client_id: str) -> list[Program]:
    """The programs a partner's client was granted; nothing outside them is its business."""
    return list(Program.objects.filter(partners__client_id=client_id).order_by("slug"))


def program_for(client_id: str, slug: str) -> Program | None:
    return Program.objects.filter(partners__client_id=client_id, slug=slug).first()


def enrollment_lines(client_id: str, **wish: Any) -> list[EnrollmentLine]:
    """A page of enrollments in a partner's programs; ``wish`` as in ``_page``."""
    rows = _page(client_id, **wish)
    serials = dict(_systems(rows).values_list("id", "serial"))
    return [EnrollmentLine(row[0], serials[row[0]], slug, *row[1:]) for slug, row in rows]


def system_lines(client_id: str, **wish: Any) -> list[SystemLine]:
    """A page of systems, each by its enrollment; ``wish`` as in ``_page``."""
    rows = _page(client_id, **wish)
    homes = {home[0]: home for home in _systems(rows).values_list(*_SYSTEM)}
    return [_system(slug, row, homes[row[0]]) for slug, row in rows]


def system_line(client_id: str, serial: str) -> SystemLine | None:
    """The system with this serial, if it is enrolled in a program of the client's now."""
    live = Enrollment.objects.filter(system__serial=serial, state__in=sorted(LIVE_ENROLLMENTS))
    mine = live.filter(program__partners__client_id=client_id)
    found = mine.values_list("program__slug", *_ENROLLMENT).first()
    if found is None:
        return None
    slug, *row = found
    return _system(slug, row, System.objects.values_list(*_SYSTEM).get(id=row[0]))


def _page(
    client_id: str,
    *,
    program: str | None,
    states: Sequence[str],
    updated_since: datetime | None = None,
    changed_since: datetime | None = None,
    systems: Any = None,
    after: Sequence[str] | None,
    limit: int,
) -> list[tuple[str, Sequence[Any]]]:
    """Slugs and rows (_ENROLLMENT), keyset-paged: ``after`` is program, system's id and time of
    enrollment of the last row shown: all three outlive the home's own name when it is erased.
    Updated means: changed, or its system was read again. ``systems``: only these, ids or a query
    for them.

    Program by program, in the order of the index of (program, system): by serial, a small program
    would cost a walk over the serials of the whole town.
    """
    found: list[tuple[str, Sequence[Any]]] = []
    for one in programs_for(client_id):
        if len(found) >= limit or (program and one.slug != program):
            continue
        if after and one.slug < after[0]:
            continue
        rows = Enrollment.objects.filter(program=one, state__in=states)
        if updated_since:
            rows = rows.filter(
                Q(changed_at__gte=updated_since) | Q(system__read_at__gte=updated_since)
            )
        if changed_since:
            rows = rows.filter(changed_at__gte=changed_since)
        if systems is not None:
            rows = rows.filter(system_id__in=systems)
        if after and one.slug == after[0]:
            last = int(after[1])
            shown = Q(system_id=last, enrolled_at__lte=datetime.fromisoformat(after[2]))
            rows = rows.filter(system_id__gte=last).exclude(shown)
        page = rows.order_by("system_id", "enrolled_at").values_list(*_ENROLLMENT)
        found += [(one.slug, row) for row in page[: limit - len(found)]]
    return found


def _systems(rows: Iterable[tuple[str, Sequence[Any]]]) -> Any:
    """The systems of a page by their ids: joined, all before them would be read again and again."""
    return System.objects.filter(id__in=[row[0] for _, row in rows])


_SYSTEM = (
    "id",
    "serial",
    "brand",
    "model",
    "outdoor_type",
    "capacity_kbtu",
    "unit",
    "is_online",
    "dr_enabled",
    "read_at",
    "has_outdoor_unit",
    "grant__scopes",
)


def _system(slug: str, row: Sequence[Any], home: Sequence[Any]) -> SystemLine:
    is_online, dr_enabled, read_at, has_outdoor_unit, scopes = home[7:]
    facts = rules.SystemFacts(
        was_read=read_at is not None,
        has_outdoor_unit=has_outdoor_unit,
        dr_enabled=dr_enabled,
        is_online=is_online,
        scopes=frozenset(scopes),
    )
    joined = EnrollmentLine(row[0], home[1], slug, *row[1:])
    return SystemLine(*(joined, *home[2:10], rules.why_not(facts)))
