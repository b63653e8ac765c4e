"""Programs: what they promise is changed by one person at a time, and every change is recorded."""

import hashlib
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils.text import slugify

from base.refusal import Refused
from dr_events.models import Event
from dr_events.operations.planning import limits_of, wish_of
from dr_events.queries.seasons import credit_of
from dr_events.rules import limits as rules
from dr_events.rules.credit import Credit
from dr_events.rules.credit import mark as credit_mark
from dr_events.states import EventState
from enrollments.models import Program, Terms
from people.operations import Actor, for_people, record

# What a form may change. The address (slug) stays: homes and partners know it.
FIELDS = (
    "name", "summary", "reward", "is_open", "needs_approval", "needs_account", "time_zone",
    "season_from", "season_to", "hours_from", "hours_to", "weekdays", "holidays",
    "max_event_minutes", "min_useful_minutes", "max_per_day", "max_per_week", "max_per_season",
    "min_rest_minutes", "min_notice_minutes", "send_lead_minutes", "max_offset_f", "max_cool_f",
    "min_heat_f",
)  # fmt: skip
# Addresses that the console uses itself.
_TAKEN = frozenset({"new", "preview"})
# Refusals that were about the moment of planning, not about the event.
_ONCE = frozenset({"past", "notice"})
# Changes that are counted home by home when the event is sent.
_EACH_HOME = ("max_per_day", "max_per_week", "max_per_season", "min_rest_minutes")


def mark(program: Program) -> str:
    """Names the program as it is now: a form that was filled in from another one is refused."""
    text = repr([_plain(getattr(program, name)) for name in FIELDS])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _plain(value: Any) -> Any:
    """A value of a field as JSON, the same before and after it was in the database."""
    match value:
        case list() | tuple():
            return [_plain(one) for one in value]
        case Decimal():
            return int(value) if value == int(value) else str(value.normalize())
        case time() | date():
            return value.isoformat()
        case _:
            return value


def _may(actor: Actor) -> None:
    for_people(actor, "change what a program promises", approver=True)


@transaction.atomic
def change_program(
    *, slug: str, seen: str, values: Mapping[str, Any], actor: Actor, now: datetime
) -> list[str]:
    """Change a program; the names of the fields that are different now.

    ``seen`` is ``mark`` of the program as the form showed it; ``values`` are valid values of
    FIELDS. One entry of the activity log names every change, before and after. Raises Refused
    when somebody else was first, or the name is taken.
    """
    _may(actor)
    program = Program.objects.select_for_update().get(slug=slug)
    changes = {
        name: [before, after]
        for name in FIELDS
        if name in values
        and (before := _plain(getattr(program, name))) != (after := _plain(values[name]))
    }
    if not changes:  # also when the button was pressed twice
        return []
    if mark(program) != seen:
        raise Refused(
            "Somebody changed this program while you were typing. Nothing was saved: look at it "
            "as it is now, then repeat your change.",
            code="stale",
        )
    for name in changes:
        setattr(program, name, values[name])
    _save(program)
    record(
        actor=actor, verb="change-program", subject=f"program:{program.pk}", now=now,
        changes=changes,
    )  # fmt: skip
    return list(changes)


@transaction.atomic
def add_program(
    *, values: Mapping[str, Any], actor: Actor, now: datetime, credit: Credit | None = None
) -> Program:
    """A new program with its credit rule, closed for homes until its terms are published. Raises
    Refused."""
    _may(actor)
    slug = slugify(values["name"])[:50].strip("-")
    if not slug or slug in _TAKEN or Program.objects.filter(slug=slug).exists():
        raise Refused("A program with this name or address exists already.", field="name")
    program = Program(slug=slug, **{name: values[name] for name in FIELDS if name in values})
    _save(program)
    record(
        actor=actor, verb="add-program", subject=f"program:{program.pk}", now=now,
        values={name: _plain(getattr(program, name)) for name in FIELDS},
    )  # fmt: skip
    if credit:
        set_credit(slug=slug, credit=credit, actor=actor, now=now)
    return program


def _save(program: Program) -> None:
    try:
        with transaction.atomic():
            program.save()
    except IntegrityError as error:
        if "_name_" not in str(error):
            raise
        raise Refused("A program with this name exists already.", field="name") from error


@transaction.atomic
def publish_terms(*, slug: str, text: str, after: int, actor: Actor, now: datetime) -> Terms:
    """A new version of the text homes agree to; earlier ones stay as they are for whoever agreed.

    ``after`` is the version the person saw as the newest one, 0 for none. Raises Refused.
    """
    _may(actor)
    program = Program.objects.select_for_update().get(slug=slug)
    last = Terms.objects.filter(program=program).order_by("-version").first()
    text = text.replace("\r\n", "\n").strip()
    if last and last.text.strip() == text:  # also when the button was pressed twice
        raise Refused("This is the text that is published already.", field="text", code="same")
    if (last.version if last else 0) != after:
        raise Refused("Somebody published a newer version meanwhile; read it first.", code="stale")
    if not text:
        raise Refused("Write the text homes are to agree to.", field="text", code="empty")
    terms = Terms.objects.create(program=program, version=after + 1, text=text, published_at=now)
    record(
        actor=actor, verb="publish-terms", subject=f"program:{program.pk}", now=now,
        version=terms.version, sha256=hashlib.sha256(text.encode()).hexdigest(),
    )  # fmt: skip
    return terms


@transaction.atomic
def set_credit(
    *, slug: str, credit: Credit, actor: Actor, now: datetime, seen: str | None = None
) -> None:
    """How the program thanks its homes, from now on and for the season that runs.

    ``seen`` is ``rules.credit.mark`` of the rule the form showed; None: whichever there is. Raises
    Refused when it is another one by now.
    """
    _may(actor)
    program = Program.objects.select_for_update().get(slug=slug)
    before = credit_of(program)
    if before == credit:  # the button was pressed twice
        return
    if seen is not None and seen != credit_mark(before):
        raise Refused(
            "Somebody changed this rule while you were typing, and nothing was saved. The rule as "
            "it is now stands above; save again to put yours in its place.",
            code="stale",
        )
    after = asdict(credit) | {"basis": str(credit.basis)}
    with connection.cursor() as cursor:
        cursor.execute(_SET_CREDIT, after | {"program": program.pk})
    record(
        actor=actor, verb="set-credit", subject=f"program:{program.pk}", now=now,
        before=asdict(before) | {"basis": str(before.basis)} if before else None, after=after,
    )  # fmt: skip


_SET_CREDIT = """
INSERT INTO dr_events_credit (program_id, basis, threshold, season_cents, event_cents)
VALUES (%(program)s, %(basis)s, %(threshold)s, %(season_cents)s, %(event_cents)s)
ON CONFLICT (program_id) DO UPDATE SET basis = excluded.basis,
    threshold = excluded.threshold, season_cents = excluded.season_cents,
    event_cents = excluded.event_cents
"""


@dataclass(frozen=True, slots=True)
class Touched:
    """A planned event and what a change would do to it. ``outside``: sentences, why nobody who
    has not got it yet would get it any more; ``counted``: homes are counted anew."""

    event: Event
    outside: tuple[str, ...]
    counted: bool


# Planned events that are looked at for a page.
LOOKED_AT = 50


def touched(
    program: Program, values: Mapping[str, Any], *, now: datetime
) -> tuple[Sequence[Touched], int]:
    """The planned events of a program that these values would touch, soonest first, and how many
    later ones than the first LOOKED_AT were not looked at.

    The same rules are held against each event again before it is sent (rechecking).
    """
    future = copy(program)
    for name in FIELDS:
        setattr(future, name, values.get(name, getattr(program, name)))
    counted = any(getattr(future, name) != getattr(program, name) for name in _EACH_HOME)
    planned = Event.objects.filter(
        program=program,
        state__in=[EventState.SUBMITTED, EventState.SCHEDULED],
        ends_at__gt=now,
    ).defer("message")
    found = []
    for event in planned.order_by("starts_at", "id")[:LOOKED_AT]:
        outside = _outside(event, future, now) if _outside(event, program, now) == () else ()
        if outside or counted:
            found.append(Touched(event, outside, counted))
    return found, max(0, planned.count() - LOOKED_AT)


def _outside(event: Event, program: Program, now: datetime) -> tuple[str, ...]:
    found = rules.problems(wish_of(event), limits_of(program), now=event.scheduled_at or now)
    return tuple(str(one) for one in found if one.code not in _ONCE)
