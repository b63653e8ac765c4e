"""What came of an event in each part of the homes: same words, same sums as the whole."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.db import connection

from base.choices import ColoredChoices
from dr_events.models import Event
from dr_events.queries import groups
from dr_events.queries.members import members
from dr_events.queries.tally import Tally, of

# So many parts are shown, the largest first; the others together are one more line.
PARTS = 20
# An event that is closed is counted once; everybody who looks later reads what was found.
KEPT_S = 24 * 3600


class By(ColoredChoices):
    """What the homes are parted by."""

    POSTAL = "postal", "azure", "Postal code"
    EQUIPMENT = "equipment", "azure", "Outdoor unit"
    FIRMWARE = "firmware", "azure", "Software of the wall control"
    GROUP = "group", "azure", "Group"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the homes. ``name`` is empty where Carrier does not say."""

    name: str
    tally: Tally

    @property
    def took_part_percent(self) -> float | None:
        return 100 * self.tally.participating / self.tally.targeted if self.tally.targeted else None


_COLUMN = {By.POSTAL: "l.postal", By.EQUIPMENT: "s.outdoor_type", By.FIRMWARE: "s.firmware"}
_COUNTS = """
SELECT {key}, d.delivery, d.participation, d.reason, '', d.opted_out_at IS NOT NULL, d.recall,
    count(*), NULL, NULL
FROM dr_events_dispatch d
JOIN enrollments_system s ON s.id = d.system_id
JOIN enrollments_location l ON l.id = s.location_id
{joined}
WHERE d.event_id = %(event)s
GROUP BY 1, 2, 3, 4, 6, 7
"""
# A home may be in several groups, and then counts in each.
_IN_GROUPS = """JOIN (SELECT DISTINCT system_id, group_id FROM ({members}) AS every) AS m
    ON m.system_id = d.system_id"""


def breakdown(event: Event, by: By, *, is_final: bool) -> list[Part]:
    """The event's homes, parted. ``is_final``: nothing of it changes any more."""
    key = f"breakdown:{event.pk}:{by}"
    if is_final and (known := cache.get(key)) is not None:
        return list(known)
    found = _parts(event, by)
    if is_final:
        cache.set(key, found, KEPT_S)
    return found


def _parts(event: Event, by: By) -> list[Part]:
    column, joined = _COLUMN.get(by, "m.group_id"), ""
    values: dict[str, Any] = {"event": event.pk}
    names: dict[Any, str] = {}
    if by is By.GROUP:
        apart = groups.told_apart(event.program, event.groups)
        names = {one.pk: f"{one.name}{' (retired)' * bool(one.retired_at)}" for one in apart}
        inside = members(apart, groups.today_in(event.program, event.starts_at))
        joined, values = _IN_GROUPS.format(members=inside.text), values | inside.values
    counted: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS.format(key=column, joined=joined), values)
        for key, *row in cursor.fetchall():
            counted[key].append(tuple(row))
    parts = [Part(names.get(key, key), of(rows)) for key, rows in counted.items()]
    parts = sorted((part for part in parts if part.tally.targeted), key=_largest_first)
    if by is By.GROUP or len(parts) <= PARTS:
        return parts
    rest = [row for part in parts[PARTS:] for row in counted[part.name]]
    return [*parts[:PARTS], Part("all others", of(rest))]


def _largest_first(part: Part) -> tuple[int, str]:
    return -part.tally.targeted, part.name
