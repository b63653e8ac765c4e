"""Drafts of events: what is asked of them, written down and changed until they are handed on."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import transaction

from base.refusal import Refused
from dr_events.models import Event
from dr_events.rules import limits as rules
from dr_events.states import EventState, Response
from enrollments.models import Group, Program
from enrollments.queries import current_terms
from people.operations import Actor, for_operators, record


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
    found = list(Group.objects.filter(program=program, id__in=ids).order_by("name")) if ids else []
    if len(found) != len(ids):
        sentence = "One of these groups is not a group of this program."
        return [Refused(sentence, field="groups", code="no-group")]
    retired = [one.name for one in found if one.retired_at]
    if retired:
        sentence = f"No new event can be for a group that is retired: {', '.join(retired)}."
        return [Refused(sentence, field="groups", code="retired-group")]
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


def locked(event_id: int) -> Event:
    return Event.objects.select_for_update(of=("self",)).select_related("program").get(id=event_id)


def move(event: Event, old: EventState, new: EventState, **changes: object) -> None:
    if not Event.objects.pick(id=event.pk).move(old, new, **changes):
        raise wrong_state(event)
    event.state = new


def wrong_state(event: Event) -> Refused:
    label = EventState(event.state).label.lower()
    return Refused(f"This event is {label} already; nothing was changed.", code="wrong-state")
