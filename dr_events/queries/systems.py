"""The list of systems: a page of it, all of it for a download, what it can be filtered by."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db import connection
from django.db.models import Q

from dr_events.queries.wanted import STATES, UNSEEN_DAYS, Wanted, asked, matching, states_for
from enrollments.models import Enrollment, System
from enrollments.queries import SystemCard, cards
from enrollments.states import LIVE_ENROLLMENTS

__all__ = [
    "STATES",
    "UNSEEN_DAYS",
    "Wanted",
    "all_ids",
    "asked",
    "described",
    "every",
    "find",
    "live_enrollments",
    "live_enrollments_of",
    "named",
    "serials",
    "states_for",
    "still",
]

# Rows read at once while a download is written.
AT_ONCE = 500
HEADER = (
    "serial", "system", "brand_model", "owner", "city", "program", "enrollment", "permission",
    "online", "obstacle", "reported_at_utc", "postal_code", "outdoor_unit", "firmware",
)  # fmt: skip


def find(
    wanted: Wanted, *, now: datetime, after: int = 0, limit: int = 50
) -> tuple[list[SystemCard], int]:
    """A page of systems by name, and the id to go on ``after`` (0: this is the last page).
    ``now``: business time; a group is asked for the utility's day of it."""
    ids = _ids(wanted, now, after, limit + 1)
    shown = ids[:limit]
    return cards(System.objects.filter(id__in=shown)), shown[-1] if len(ids) > limit else 0


def all_ids(wanted: Wanted, *, now: datetime) -> list[int]:
    """Every system that matches, by name."""
    return list(matching(wanted, now).order_by("name", "id").values_list("id", flat=True))


def still(wanted: Wanted, system_ids: Sequence[int], *, now: datetime) -> set[int]:
    """Those of some systems that match now."""
    found = matching(wanted, now).filter(id__in=list(system_ids))
    return set(found.values_list("id", flat=True))


def named(system_ids: Sequence[int]) -> list[SystemCard]:
    return cards(System.objects.filter(id__in=list(system_ids)))


def every(wanted: Wanted, *, now: datetime) -> Iterator[tuple[object, ...]]:
    """All of them for a download, read a few at a time."""
    after = 0
    while ids := _ids(wanted, now, after, AT_ONCE):
        after = ids[-1]
        more = _described(ids)
        for card in cards(System.objects.filter(id__in=ids)):
            yield (
                card.serial,
                card.name,
                card.equipment,
                card.owner,
                card.city,
                card.program_name,
                card.enrollment_state or "",
                card.grant_state,
                "yes" if card.is_online else "no",
                card.obstacle or "",
                card.reported_at.isoformat() if card.reported_at else "",
                *more[card.id],
            )


def _described(ids: Sequence[int]) -> dict[int, tuple[str, str, str]]:
    """Postal code, outdoor unit and firmware by id."""
    rows = System.objects.filter(id__in=ids).values_list(
        "id", "location__postal", "outdoor_type", "firmware"
    )
    return {pk: (postal, outdoor, firmware) for pk, postal, outdoor, firmware in rows}


def _ids(wanted: Wanted, now: datetime, after: int, limit: int) -> list[int]:
    found = matching(wanted, now)
    last = System.objects.filter(id=after).values_list("name", "id").first() if after else None
    if last:
        # The first condition says where the index is entered, the second where the page begins.
        found = found.filter(Q(name__gt=last[0]) | Q(id__gt=last[1]), name__gte=last[0])
    return list(found.order_by("name", "id").values_list("id", flat=True)[:limit])


# One step in the index for each value, not one for each system.
_VALUES = """
WITH RECURSIVE outdoor AS (
    (SELECT outdoor_type AS value FROM enrollments_system ORDER BY outdoor_type LIMIT 1)
    UNION ALL
    SELECT (SELECT outdoor_type FROM enrollments_system WHERE outdoor_type > outdoor.value
            ORDER BY outdoor_type LIMIT 1)
    FROM outdoor WHERE outdoor.value IS NOT NULL
), firmware AS (
    (SELECT firmware AS value FROM enrollments_system ORDER BY firmware LIMIT 1)
    UNION ALL
    SELECT (SELECT s.firmware FROM enrollments_system s WHERE s.firmware > firmware.value
            ORDER BY s.firmware LIMIT 1)
    FROM firmware WHERE firmware.value IS NOT NULL
)
SELECT ARRAY(SELECT value FROM outdoor WHERE value <> '' LIMIT 200),
    ARRAY(SELECT value FROM firmware WHERE value <> '' LIMIT 200)
"""


def described() -> tuple[list[str], list[str]]:
    """Kinds of outdoor unit there are, and versions of the wall controls' software."""
    with connection.cursor() as cursor:
        cursor.execute(_VALUES)
        outdoor_units, firmwares = cursor.fetchone()
    return list(outdoor_units), list(firmwares)


def live_enrollments(system_ids: Sequence[int]) -> list[int]:
    """The enrolments these systems have now, in the order of the systems."""
    live = Enrollment.objects.filter(system_id__in=system_ids, state__in=LIVE_ENROLLMENTS)
    return list(live.order_by("system_id").values_list("id", flat=True))


def live_enrollments_of(system_ids: Sequence[int]) -> dict[int, int]:
    """The enrolment each of these systems has now, by system; those without one are missing."""
    live = Enrollment.objects.filter(system_id__in=system_ids, state__in=LIVE_ENROLLMENTS)
    return dict(live.values_list("system_id", "id"))


def serials(system_ids: Sequence[int], *, program: int = 0) -> list[str]:
    """Of all of them, or of those that are in a program (its id) now."""
    found = System.objects.filter(id__in=system_ids)
    if program:
        live = Enrollment.objects.filter(program=program, state__in=LIVE_ENROLLMENTS)
        found = found.filter(id__in=live.values("system"))
    return list(found.values_list("serial", flat=True))
