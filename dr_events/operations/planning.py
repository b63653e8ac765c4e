"""From a draft to a frozen list of homes, and the ways an event ends early."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import IntegrityError, connection, transaction

from base import bell, clock
from base.refusal import Refused
from dr_events.models import Event
from dr_events.queries import candidates
from dr_events.queries.holds import limits_mark
from dr_events.rules import around
from dr_events.rules import limits as rules
from dr_events.states import EventState, Response
from enrollments.models import Group, Program
from enrollments.queries import current_terms
from people.operations import Actor, for_operators, record

# The first look comes after the wave, not in it; business time.
VERIFY_AFTER = timedelta(minutes=2)


class Invalid(Refused):
    """Several things are wrong at once; ``problems`` lists them with their fields."""

    def __init__(self, problems: list[Refused]) -> None:
        super().__init__(" ".join(str(problem) for problem in problems), code="invalid-event")
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Draft:
    """What an operator or a partner fills in. Moments are aware UTC, temperatures °F, the price is
    cents per kWh. ``groups``: ids of enrollments.Group."""

    name: str
    starts_at: datetime
    ends_at: datetime
    response: str = Response.CUSTOMER
    offset_f: Decimal | None = None
    cool_f: Decimal | None = None
    heat_f: Decimal | None = None
    price_cents: Decimal | None = None
    is_test: bool = False
    randomize_start_s: int = 0
    note: str = ""
    postal_codes: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()
    share_percent: int = 100
    control_percent: int = 0


def limits_of(program: Program) -> rules.Limits:
    return rules.Limits(
        zone=ZoneInfo(program.time_zone),
        season_from=program.season_from,
        season_to=program.season_to,
        hours_from=program.hours_from,
        hours_to=program.hours_to,
        weekdays=frozenset(program.weekdays),
        holidays=frozenset(program.holidays),
        max_event=timedelta(minutes=program.max_event_minutes),
        min_useful=timedelta(minutes=program.min_useful_minutes),
        min_notice=timedelta(minutes=program.min_notice_minutes),
        max_offset_f=program.max_offset_f,
        max_cool_f=program.max_cool_f,
        min_heat_f=program.min_heat_f,
    )


def check(program: Program, draft: Draft | Event, *, now: datetime) -> None:
    """Raises Invalid with every reason this event may not be planned."""
    found = [] if current_terms(program) else [_no_terms()]
    found += _group_problems(program, draft)
    found += rules.problems(wish_of(draft), limits_of(program), now=now)
    if found:
        raise Invalid(found)


def _group_problems(program: Program, draft: Draft | Event) -> list[Refused]:
    ids = set(draft.groups)
    if draft.is_test and not ids:
        sentence = "A test is for a group, such as the homes of your own staff."
        return [Refused(sentence, field="groups", code="test-for-all")]
    if ids and Group.objects.filter(program=program, id__in=ids).count() != len(ids):
        sentence = "One of these groups is not a group of this program."
        return [Refused(sentence, field="groups", code="no-group")]
    return []


def wish_of(draft: Draft | Event) -> rules.Wish:
    return rules.Wish(
        draft.starts_at,
        draft.ends_at,
        draft.response,
        draft.offset_f,
        draft.cool_f,
        draft.heat_f,
        draft.price_cents,
        draft.note,
    )


def _no_terms() -> Refused:
    return Refused(
        "This program has no published terms: no home can have agreed to an event.",
        field="program",
        code="no-terms",
    )


@transaction.atomic
def draft(*, program: Program, wish: Draft, actor: Actor, now: datetime) -> Event:
    """Save a draft inside the program's limits. Raises Invalid."""
    for_operators(actor, "plan events")
    check(program, wish, now=now)
    event = Event(program=program, created_by=actor.name, created_at=now, **_values(wish))
    event.save()
    record(actor=actor, verb="draft", subject=f"event:{event.pk}", now=now, name=event.name)
    return event


@transaction.atomic
def revise(
    *, event_id: int, seen: int, program: Program, wish: Draft, actor: Actor, now: datetime
) -> Event:
    """Change a draft; ``seen`` is the version the form showed. Raises Invalid, and Refused when it
    is no draft any more or somebody else changed it meanwhile.

    Whoever changed it last planned it: they cannot approve it.
    """
    for_operators(actor, "plan events")
    event = locked(event_id)
    if event.state != EventState.DRAFT:
        raise Refused("Only a draft can be changed; nothing was saved.", code="wrong-state")
    values = _values(wish) | {"program_id": program.pk, "created_by": actor.name}
    changes = {
        name: [str(before), str(after)]
        for name, after in values.items()
        if (before := getattr(event, name)) != after
    }
    if not changes:  # the button was pressed twice
        return event
    if event.version != seen:
        raise Refused("Somebody changed this draft meanwhile; nothing was saved.", code="stale")
    check(program, wish, now=now)
    Event.objects.filter(id=event_id).update(version=seen + 1, **values)
    record(actor=actor, verb="revise", subject=f"event:{event_id}", now=now, changes=changes)
    return Event.objects.get(id=event_id)


def _values(wish: Draft) -> dict[str, object]:
    values = {field.name: getattr(wish, field.name) for field in fields(wish)}
    return values | {"postal_codes": list(wish.postal_codes), "groups": list(wish.groups)}


def unsaved(program: Program, wish: Draft) -> Event:
    """The event a draft would become, for a preview."""
    return Event(program=program, wire_id="preview", **_values(wish))


@transaction.atomic
def submit(*, event_id: int, seen: int, actor: Actor, now: datetime) -> Event:
    """Hand the draft on: to a second person where the program asks for one, else schedule it.

    ``seen`` is the version its message was made from. Raises Refused when it is no draft or was
    changed meanwhile, Invalid when its time has become impossible, and Refused when nobody would
    get it.
    """
    for_operators(actor, "plan events")
    event = locked(event_id)
    if event.state == EventState.DRAFT and event.version != seen:
        raise _changed()
    if event.program.needs_approval:
        check(event.program, event, now=now)
        if not candidates.preview(event).targeted:
            raise _empty_target()
        move(event, EventState.DRAFT, EventState.SUBMITTED, version=event.version + 1)
        record(actor=actor, verb="submit", subject=f"event:{event_id}", now=now)
        return event
    return schedule(event, EventState.DRAFT, actor, now)


def locked(event_id: int) -> Event:
    return Event.objects.select_for_update(of=("self",)).select_related("program").get(id=event_id)


def move(event: Event, old: EventState, new: EventState, **changes: object) -> None:
    if not Event.objects.pick(id=event.pk).move(old, new, **changes):
        raise _wrong_state(event)
    event.state = new


def _wrong_state(event: Event) -> Refused:
    label = EventState(event.state).label.lower()
    return Refused(f"This event is {label} already; nothing was changed.", code="wrong-state")


def _changed() -> Refused:
    return Refused(
        "Somebody changed this draft meanwhile; nothing was handed on. Look at it as it is now.",
        code="stale",
    )


def _empty_target() -> Refused:
    return Refused(
        "Nobody would get this event: no enrolled system is free and within its limits. "
        "See below who is left out and why.",
        code="empty-target",
    )


def schedule(event: Event, old: EventState, actor: Actor, now: datetime) -> Event:
    """One transaction freezes the message and the list of homes; sending begins at ``send_at``."""
    if event.state != old:  # pressed twice: its homes are taken, by itself
        raise _wrong_state(event)
    check(event.program, event, now=now)
    # Two plans of one program take turns: caps are counted over rows the other one is writing.
    Program.objects.select_for_update(no_key=True).get(id=event.program_id)
    event.scheduled_at, event.released_at = now, clock.real_now()
    lead = timedelta(minutes=event.program.send_lead_minutes)
    event.send_at = max(now, event.starts_at - lead)
    event.read_back_due_at = event.send_at + VERIFY_AFTER
    event.around_due_at = around.next_look(
        now=now, starts_at=event.starts_at, ends_at=event.ends_at
    )
    targeted = _freeze_targets(event)
    if not targeted:
        raise _empty_target()
    if event.message is None:
        raise ValueError("the window that schedules an event must freeze its message first")
    move(
        event,
        old,
        EventState.SCHEDULED,
        scheduled_at=event.scheduled_at,
        released_at=event.released_at,
        send_at=event.send_at,
        read_back_due_at=event.read_back_due_at,
        around_due_at=event.around_due_at,
        approved_by=event.approved_by,
        sent_back_reason="",
        limits_mark=limits_mark(event.pk),
    )
    record(actor=actor, verb="schedule", subject=f"event:{event.pk}", now=now, targeted=targeted)
    bell.ring()
    return event


_FREEZE = """
, frozen AS (
    INSERT INTO dr_events_dispatch (event_id, system_id, enrollment_id, "window", holds_slot,
        delivery, participation, reason, claim, attempts, renewals, absent_reads, absent_needed,
        trouble)
    SELECT %(event)s, system_id, enrollment_id, tstzrange(%(starts_at)s, %(ends_at)s),
        reason = '', CASE reason WHEN '' THEN 'PLANNED' WHEN 'CONTROL_GROUP' THEN 'WITHHELD'
        ELSE 'SKIPPED' END, 'UNKNOWN', reason, 0, 0, 0, 0, 0, ''
    FROM candidates ORDER BY system_id
    {conflict}
    RETURNING delivery
) SELECT count(*) FILTER (WHERE delivery = 'PLANNED') FROM frozen
"""
_PLAIN, _YIELDING = _FREEZE.format(conflict=""), _FREEZE.format(conflict="ON CONFLICT DO NOTHING")
# Whoever lost a race for the same time has no row yet: it is left out, with its reason.
_LOSERS = """
INSERT INTO dr_events_dispatch (event_id, system_id, enrollment_id, "window", holds_slot, delivery,
    participation, reason, claim, attempts, renewals, absent_reads, absent_needed, trouble)
SELECT %(event)s, c.system_id, c.enrollment_id, tstzrange(%(starts_at)s, %(ends_at)s), false,
    'SKIPPED', 'UNKNOWN', 'OVERLAP', 0, 0, 0, 0, 0, ''
FROM candidates c
WHERE NOT EXISTS (
    SELECT 1 FROM dr_events_dispatch d
    WHERE d.event_id = %(event)s AND d.system_id = c.system_id)
"""


def _freeze_targets(event: Event) -> int:
    """Write one row per enrolled system; returns how many will get the event.

    Plans of one program take turns, so a lost race for a home's time is rare: the plain insert
    is tried first, because one that yields row by row costs half as much again.
    """
    values = candidates.parameters(event)
    with connection.cursor() as cursor:
        try:
            with transaction.atomic():
                cursor.execute(candidates.CANDIDATES + _PLAIN, values)
                return int(cursor.fetchone()[0])
        except IntegrityError:
            cursor.execute(candidates.CANDIDATES + _YIELDING, values)
            targeted = int(cursor.fetchone()[0])
            cursor.execute(candidates.CANDIDATES + _LOSERS, values)
    return targeted


@transaction.atomic
def freeze_message(
    *, event_id: int, seen: int, message: bytes, content_type: str, version: str
) -> None:
    """Keep the bytes every targeted system will get; ``seen`` is the version of the draft they were
    made from. Raises Refused when it is no draft any more, or another one by now: what somebody
    else hands on meanwhile must go out with its own message."""
    draft = Event.objects.filter(id=event_id, state=EventState.DRAFT)
    kept = draft.filter(version=seen).update(
        message=message, content_type=content_type, wire_version=version
    )
    if not kept:
        event = locked(event_id)
        raise _changed() if event.state == EventState.DRAFT else _wrong_state(event)
