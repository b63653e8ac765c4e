"""Groups: who belongs, when, and why."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models.expressions import RawSQL

from enrollments.models import RULE_FIELDS, Enrollment, Group, Membership, Program
from enrollments.states import LIVE_ENROLLMENTS

# The systems of ``groups`` (ids) on ``day``: by rule, and by hand.
BY_RULE = """
    SELECT s.id AS system_id FROM enrollments_group g
    JOIN enrollments_enrollment e ON e.program_id = g.program_id
        AND e.state IN ('ACTIVE', 'PAUSED')
    JOIN enrollments_system s ON s.id = e.system_id
    JOIN enrollments_location l ON l.id = s.location_id
    WHERE g.id = ANY (%(groups)s::bigint[])
      AND cardinality(g.postal_codes || g.outdoor_types || g.feeders || g.substations) > 0
      AND (cardinality(g.postal_codes) = 0 OR l.postal = ANY (g.postal_codes))
      AND (cardinality(g.outdoor_types) = 0 OR s.outdoor_type = ANY (g.outdoor_types))
      AND (cardinality(g.feeders || g.substations) = 0 OR EXISTS (
          SELECT 1 FROM enrollments_application a
          JOIN enrollments_customer c ON c.id = a.customer_id
          WHERE a.user_id = e.user_id AND a.program_id = e.program_id AND a.state = 'ACTIVE'
            AND (cardinality(g.feeders) = 0 OR c.feeder = ANY (g.feeders))
            AND (cardinality(g.substations) = 0 OR c.substation = ANY (g.substations))))
"""
BY_HAND = """
    SELECT m.system_id FROM enrollments_membership m
    JOIN enrollments_group g ON g.id = m.group_id
    JOIN enrollments_enrollment e ON e.system_id = m.system_id AND e.program_id = g.program_id
        AND e.state IN ('ACTIVE', 'PAUSED')
    WHERE m.group_id = ANY (%(groups)s::bigint[])
      AND m.since <= %(day)s AND (m.until IS NULL OR m.until >= %(day)s)
"""
MEMBERS = f"{BY_RULE} UNION {BY_HAND}"
# The same with each group's name; a system in two of them is there twice.
MEMBERS_OF = MEMBERS.replace(" AS system_id FROM", " AS system_id, g.name FROM").replace(
    "SELECT m.system_id FROM", "SELECT m.system_id, g.name FROM"
)


_RULE_NAMES = dict(
    zip(RULE_FIELDS, ("postal code", "feeder", "substation", "outdoor unit"), strict=True)
)


def member_ids(group_id: int, day: date) -> RawSQL:
    """The systems of a group on a day, for ``id__in``."""
    sql = MEMBERS.replace("%(groups)s", "%s").replace("%(day)s", "%s")
    return RawSQL(sql, ([group_id], [group_id], day, day))  # noqa: S611 - constants and parameters


@dataclass(frozen=True, slots=True)
class GroupPage:
    """One group with how many systems belong to it on a day, by rule and by hand."""

    group: Group
    by_rule: int
    by_hand: int
    members: int
    hand: tuple[Membership, ...]
    further: int

    @property
    def rule(self) -> str:
        """The rule as a sentence, empty without one."""
        found = {name: getattr(self.group, field) for field, name in _RULE_NAMES.items()}
        parts = [f"{name} {' or '.join(values)}" for name, values in found.items() if values]
        return ", and ".join(parts)


def today_in(program: Program, now: datetime) -> date:
    return now.astimezone(ZoneInfo(program.time_zone)).date()


def offered(program: Program) -> list[Group]:
    """What an event of this program can be for, by name."""
    return list(Group.objects.filter(program=program, retired_at=None).order_by("name"))


def every() -> list[Group]:
    """All groups that are offered, of every program."""
    live = Group.objects.filter(retired_at=None).select_related("program")
    return list(live.order_by("program__name", "name"))


def named(group_id: int) -> Group | None:
    found: Group | None = Group.objects.select_related("program").filter(id=group_id).first()
    return found


def pages(program: Program, *, now: datetime) -> list[GroupPage]:
    """All groups that are offered, each with its size today."""
    found = offered(program)
    sizes = _sizes([group.pk for group in found], today_in(program, now))
    return [GroupPage(group, *sizes[group.pk], (), 0) for group in found]


# Each member with its group: what MEMBERS counts, group by group.
_RULE_OF = BY_RULE.replace(" AS system_id FROM", " AS system_id, g.id AS group_id FROM")
_HAND_OF = BY_HAND.replace("SELECT m.system_id FROM", "SELECT m.system_id, g.id AS group_id FROM")
_SIZES = f"""
WITH by_rule AS ({_RULE_OF}), by_hand AS ({_HAND_OF}), members AS (
    SELECT * FROM by_rule UNION SELECT * FROM by_hand
)
SELECT g.id, coalesce(r.homes, 0), coalesce(h.homes, 0), coalesce(m.homes, 0)
FROM unnest(%(groups)s::bigint[]) AS g(id)
LEFT JOIN (SELECT group_id, count(*) AS homes FROM by_rule GROUP BY 1) r ON r.group_id = g.id
LEFT JOIN (SELECT group_id, count(*) AS homes FROM by_hand GROUP BY 1) h ON h.group_id = g.id
LEFT JOIN (SELECT group_id, count(*) AS homes FROM members GROUP BY 1) m ON m.group_id = g.id
"""  # noqa: S608 - constants; every value is a parameter


def _sizes(group_ids: Sequence[int], day: date) -> dict[int, tuple[int, int, int]]:
    """Systems by rule, by hand and altogether, by group."""
    with connection.cursor() as cursor:
        cursor.execute(_SIZES, {"groups": list(group_ids), "day": day})
        return {group_id: (rule, hand, both) for group_id, rule, hand, both in cursor.fetchall()}


def page(group: Group, *, now: datetime, after: int = 0, limit: int = 50) -> GroupPage:
    """A group today; members by hand by system id, ``limit`` above ``after``. ``further``: the id
    to go on after, 0 on the last page."""
    sizes = _sizes([group.pk], today_in(group.program, now))
    mine = Membership.objects.filter(group=group, system_id__gt=after)
    rows = list(mine.select_related("system").order_by("system_id")[: limit + 1])
    further = rows[limit - 1].system_id if len(rows) > limit else 0
    return GroupPage(group, *sizes[group.pk], tuple(rows[:limit]), further)


def outdoor_types(program: Program) -> list[str]:
    """Kinds of outdoor unit the program's homes have."""
    found = Enrollment.objects.filter(program=program, state__in=LIVE_ENROLLMENTS)
    kinds = found.exclude(system__outdoor_type="").values_list("system__outdoor_type", flat=True)
    return sorted(kinds.distinct())


def names(ids: list[int]) -> list[str]:
    """What these groups are called, by name, retired ones too."""
    return sorted(names_by_id(ids).values())


def names_by_id(ids: Iterable[int]) -> dict[int, str]:
    """The same for the groups of many events at once."""
    wanted = set(ids)
    if not wanted:
        return {}
    return dict(Group.objects.filter(id__in=wanted).values_list("id", "name"))
