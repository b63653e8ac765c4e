"""Groups: who belongs, when, and why."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from zoneinfo import ZoneInfo

from django.core.cache import cache
from django.db import connection
from django.db.models import Q
from django.db.models.expressions import RawSQL

from dr_events.queries.members import holds, members
from enrollments.models import RULE_FIELDS, Enrollment, Group, Membership, Program
from enrollments.states import LIVE_ENROLLMENTS

# So long the sizes of a program's groups are kept.
KEPT_S = 300

_RULE_NAMES = dict(
    zip(RULE_FIELDS, ("postal code", "feeder", "substation", "outdoor unit"), strict=True)
)


def member_ids(group: Group, day: date) -> RawSQL:
    """The systems of a group on a day, for ``id__in``."""
    return members([group], day).ids()


@dataclass(frozen=True, slots=True)
class GroupPage:
    """One group with how many systems belong to it on a day, by rule and by hand."""

    group: Group
    by_rule: int
    by_hand: int
    members: int
    hand: tuple[Membership, ...]
    further: int
    today: date

    @property
    def rule(self) -> str:
        """The rule as a sentence, empty without one."""
        found = {name: getattr(self.group, field) for field, name in _RULE_NAMES.items()}
        parts = [f"{name} {' or '.join(values)}" for name, values in found.items() if values]
        return ", and ".join(parts)

    @property
    def days(self) -> str:
        """When the rule holds, empty when always: ``from Jun 1, 2026 until Aug 31, 2026``."""
        named = (("from", self.group.since), ("until", self.group.until))
        return " ".join(f"{word} {day:%b %-d, %Y}" for word, day in named if day)

    @property
    def rule_rests(self) -> bool:
        """Has a rule, and today is none of its days?"""
        return bool(self.rule) and not holds(self.group, self.today)


def today_in(program: Program, now: datetime) -> date:
    return now.astimezone(ZoneInfo(program.time_zone)).date()


def offered(program: Program) -> list[Group]:
    """What an event of this program can be for, by name."""
    return list(Group.objects.filter(program=program, retired_at=None).order_by("name"))


def told_apart(program: Program, ids: Sequence[int]) -> list[Group]:
    """What the results of an event for the groups ``ids`` are parted by: these, also when they were
    retired since, and what is offered; by name."""
    live = Q(program=program, retired_at=None)
    return list(Group.objects.filter(live | Q(program=program, id__in=ids)).order_by("name", "id"))


def every() -> list[Group]:
    """All groups that are offered, of every program."""
    live = Group.objects.filter(retired_at=None).select_related("program")
    return list(live.order_by("program__name", "name"))


def named(group_id: int) -> Group | None:
    found: Group | None = Group.objects.select_related("program").filter(id=group_id).first()
    return found


def pages(program: Program, *, now: datetime) -> list[GroupPage]:
    """All groups that are offered, each with its size today, counted at most KEPT_S ago; a change
    of a group is seen at once, a home that joins or leaves later."""
    found, day = offered(program), today_in(program, now)
    versions = "-".join(f"{group.pk}.{group.version}" for group in found)
    key = f"group-sizes:{day}:{sha256(versions.encode()).hexdigest()}"
    sizes: dict[int, tuple[int, int, int]] | None = cache.get(key)
    if sizes is None:
        sizes = _sizes(found, day)
        cache.set(key, sizes, KEPT_S)
    return [GroupPage(group, *sizes.get(group.pk, _NOBODY), (), 0, day) for group in found]


_SIZES = """
SELECT group_id, count(DISTINCT system_id) FILTER (WHERE NOT by_hand),
    count(*) FILTER (WHERE by_hand), count(DISTINCT system_id)
FROM ({members}) AS m GROUP BY 1
"""
_NOBODY = (0, 0, 0)


def _sizes(found: Sequence[Group], day: date) -> dict[int, tuple[int, int, int]]:
    """Systems by rule, by hand and altogether, by group; groups without any are not there."""
    if not found:
        return {}
    rows = members(found, day)
    with connection.cursor() as cursor:
        cursor.execute(_SIZES.format(members=rows.text), rows.values)
        return {group_id: (rule, hand, both) for group_id, rule, hand, both in cursor.fetchall()}


def page(group: Group, *, now: datetime, after: int = 0, limit: int = 50) -> GroupPage:
    """A group today; members by hand by system id, ``limit`` above ``after``. ``further``: the id
    to go on after, 0 on the last page."""
    today = today_in(group.program, now)
    sizes = _sizes([group], today)
    mine = Membership.objects.filter(group=group, system_id__gt=after)
    rows = list(mine.select_related("system").order_by("system_id")[: limit + 1])
    further = rows[limit - 1].system_id if len(rows) > limit else 0
    return GroupPage(group, *sizes.get(group.pk, _NOBODY), tuple(rows[:limit]), further, today)


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
