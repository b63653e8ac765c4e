"""Groups are made, changed, filled by hand and retired."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet

from base.refusal import Refused
from enrollments.models import RULE_FIELDS, Enrollment, Group, Membership, Program
from enrollments.states import LIVE_ENROLLMENTS
from people.operations import Actor, for_operators, record

# What a refusal names, so that it stays a sentence.
NAMED_AT_MOST = 10
MOST_SERIALS = 5000
# Of a longer list the activity log has the first only.
IDS_AT_MOST = 100


def make_group(
    *,
    program: Program,
    name: str,
    rule: Mapping[str, Sequence[str]],
    since: date | None = None,
    until: date | None = None,
    actor: Actor,
    now: datetime,
) -> Group:
    """A new group; ``rule`` has the lists of RULE_FIELDS and holds from ``since`` to ``until``,
    both included and local to the program. Raises Refused when the program has one of that name."""
    for_operators(actor, "change groups")
    _check_days(since, until)
    try:
        with transaction.atomic():
            group: Group = Group.objects.create(
                program=program, name=name, since=since, until=until, **_lists(rule)
            )
            record(
                actor=actor,
                verb="make-group",
                subject=f"group:{group.pk}",
                now=now,
                name=name,
                rule=_lists(rule),
                since=str(since or ""),
                until=str(until or ""),
            )
    except IntegrityError:
        raise _name_taken() from None
    return group


def change_group(
    *,
    group_id: int,
    seen: int,
    name: str,
    rule: Mapping[str, Sequence[str]],
    since: date | None = None,
    until: date | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Change its name and rule; ``seen`` is the version the form showed. Events that are planned
    keep the homes they were planned with. Raises Refused, also when the group is retired: what it
    was stays as it was, for the results of its events."""
    for_operators(actor, "change groups")
    _check_days(since, until)
    values: dict[str, Any] = {"name": name, "since": since, "until": until} | _lists(rule)
    try:
        with transaction.atomic():
            before = Group.objects.select_for_update().get(id=group_id)
            if before.retired_at is not None:
                sentence = f"{before.name} is retired; its name and rule stay. Nothing was saved."
                raise Refused(sentence, code="retired")
            changes = {
                key: [_plain(getattr(before, key)), _plain(value)]
                for key, value in values.items()
                if getattr(before, key) != value
            }
            if not changes:  # the button was pressed twice
                return
            if before.version != seen:
                raise Refused(
                    "Somebody changed this group meanwhile; nothing was saved.", code="stale"
                )
            Group.objects.filter(id=group_id).update(version=seen + 1, **values)
            record(
                actor=actor,
                verb="change-group",
                subject=f"group:{group_id}",
                now=now,
                changes=changes,
            )
    except IntegrityError:
        raise _name_taken() from None


def _lists(rule: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    return {field: list(rule.get(field, ())) for field in RULE_FIELDS}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, date) else value


def _check_days(since: date | None, until: date | None) -> None:
    if since and until and until < since:
        raise Refused("The last day is before the first one.", field="rule_until")


def _name_taken() -> Refused:
    return Refused("This program has a group of that name.", field="name", code="name-taken")


@transaction.atomic
def retire_group(*, group_id: int, actor: Actor, now: datetime) -> int:
    """Offer it for no new event; zero when that was done before."""
    for_operators(actor, "change groups")
    retired = Group.objects.filter(id=group_id, retired_at=None).update(retired_at=now)
    if retired:
        record(actor=actor, verb="retire-group", subject=f"group:{group_id}", now=now)
    return int(retired)


@transaction.atomic
def add_members(
    *,
    group: Group,
    serials: Sequence[str],
    since: date,
    until: date | None,
    actor: Actor,
    now: datetime,
) -> int:
    """Put enrolled systems into the group by hand, from ``since`` to ``until`` (both included,
    local to the program); how many. Systems that are in it already get these days.

    Raises Refused, and adds nobody, when a serial is not enrolled in the program, or when the group
    was retired meanwhile.
    """
    for_operators(actor, "change groups")
    wanted = list(dict.fromkeys(serials))
    if not wanted:
        raise Refused("Name at least one system by its serial.", field="serials")
    if len(wanted) > MOST_SERIALS:
        raise Refused(f"At most {MOST_SERIALS:,} systems at once.", field="serials")
    if until is not None and until < since:
        raise Refused("The last day is before the first one.", field="until")
    found = dict(
        Enrollment.objects.filter(
            program=group.program_id, state__in=LIVE_ENROLLMENTS, system__serial__in=wanted
        ).values_list("system__serial", "system_id")
    )
    missing = [serial for serial in wanted if serial not in found]
    if missing:
        more = f" and {len(missing) - NAMED_AT_MOST} more" if len(missing) > NAMED_AT_MOST else ""
        raise Refused(
            f"Not enrolled in {group.program.name}: {', '.join(missing[:NAMED_AT_MOST])}{more}. "
            "Nobody was added.",
            field="serials",
        )
    Membership.objects.bulk_create(
        [
            Membership(group=group, system_id=system, since=since, until=until)
            for system in found.values()
        ],
        update_conflicts=True,
        unique_fields=["group", "system"],
        update_fields=["since", "until"],
    )
    if not _next_version(Group.objects.filter(id=group.pk, retired_at=None)):
        raise Refused(f"{group.name} is retired. Nobody was added.", code="retired")
    record(
        actor=actor,
        verb="add-to-group",
        subject=f"group:{group.pk}",
        now=now,
        systems=len(found),
        ids=sorted(found.values())[:IDS_AT_MOST],
        since=str(since),
        until=str(until or ""),
    )
    return len(found)


@transaction.atomic
def end_membership(*, group: Group, system_id: int, actor: Actor, now: datetime) -> int:
    """The system is out of the group from today on (the program's day); zero when it was not in."""
    for_operators(actor, "change groups")
    today = now.astimezone(ZoneInfo(group.program.time_zone)).date()
    mine = Membership.objects.filter(group=group, system_id=system_id)
    ended = mine.filter(since__gte=today).delete()[0]
    before = mine.filter(since__lt=today).exclude(until__lt=today)
    ended += before.update(until=today - timedelta(days=1))
    if ended:
        _next_version(Group.objects.filter(id=group.pk))
        record(
            actor=actor,
            verb="remove-from-group",
            subject=f"group:{group.pk}",
            now=now,
            system=system_id,
        )
    return ended


def _next_version(of: QuerySet[Group]) -> int:
    """Who is in it changed: what is kept about the group is old from here. How many there are."""
    return of.update(version=F("version") + 1)
