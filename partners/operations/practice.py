"""Practice runs: an event of a client's made-up homes, and the scenario that is played to it.

Everything here happens inside ``world.practice()``. Nothing is sent and nobody is asked.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Max

from base import bell
from base.refusal import Refused
from dr_events import dispatch, operations
from dr_events.models import Dispatch, Event, OptOut, Reading
from dr_events.states import EventState, Response
from enrollments.models import Program
from partners.models import PartnerClient, PracticeRun
from partners.operations import playing
from partners.operations.guards import for_a_partner, owns
from partners.rules import scenarios
from partners.states import Scenario
from partners.who import EVENTS
from people.operations import Actor

MOST_AT_ONCE = 10
LENGTH = timedelta(hours=1)
KEEP = timedelta(days=30)


@transaction.atomic
def begin(
    *, client_id: str, scenario: Scenario, lasts_s: int, actor: Actor, now: datetime,
    real_now: datetime,
) -> PracticeRun:  # fmt: skip
    """Plan an event by the very operations of a real one and play the scenario to it.

    With ``lasts_s`` 0 it is over when this returns. Raises Refused: also for whoever is no practice
    client, and when too many are under way.
    """
    for_a_partner(actor, EVENTS, "play practice runs")
    if not PartnerClient.objects.filter(client_id=client_id, is_practice=True).exists():
        raise Refused(
            "Your client works on real homes. Ask the utility for a practice client.",
            code="not-practice",
        )
    if not owns(actor, client_id):
        raise Refused("A client plays its own practice runs only.", code="role")
    # One at a time, or all would take the same free hour and find no home left in it.
    program = Program.objects.select_for_update(of=("self",), no_key=True).get(
        partners__client_id=client_id
    )
    if PracticeRun.objects.filter(client_id=client_id, over_at=None).count() >= MOST_AT_ONCE:
        raise Refused(
            f"{MOST_AT_ONCE} runs are under way; wait until one of them is over.",
            code="wrong-state",
        )
    starts_at = _free_hour(program, now)
    wish = operations.Draft(
        name=f"Practice: {scenario}",
        starts_at=starts_at,
        ends_at=starts_at + LENGTH,
        response=Response.OFFSET,
        offset_f=Decimal(3),
    )
    draft = operations.draft(program=program, wish=wish, actor=actor, now=now)
    event = dispatch.submit(event_id=draft.pk, actor=actor, now=now)
    run = PracticeRun.objects.create(
        client_id=client_id,
        scenario=scenario,
        event_id=event.pk,
        wire_id=event.wire_id,
        began_at=real_now,
        lasts_s=lasts_s,
        homes=len(playing.targeted(event)),
    )
    _play_run(run, real_now)
    bell.ring()
    return run


def _free_hour(program: Program, now: datetime) -> datetime:
    """The first whole minute from which an hour is free in this program, within one day (UTC)."""
    last = Event.objects.filter(program=program, state=EventState.SCHEDULED).aggregate(
        end=Max("ends_at")
    )["end"]
    soon = (now + timedelta(minutes=5)).replace(second=0, microsecond=0)
    start = max(soon, last) if last else soon
    midnight = (start + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return start if start + LENGTH <= midnight else midnight


def play_due(*, now: datetime, real_now: datetime) -> int:
    """Do every step whose time has come; how many events were looked at.

    Events that a practice client planned itself are played as "all accept", by the clock of the
    business. Who is at it already is not disturbed.
    """
    runs = PracticeRun.objects.select_for_update(skip_locked=True).filter(over_at=None)
    found = list(runs.order_by("began_at"))
    for run in found:
        _play_run(run, real_now)
    plain = _plain_due(now).select_for_update(skip_locked=True, of=("self",))
    for event in (planned := list(plain)):
        for step in scenarios.SCRIPTS[Scenario.ALL_ACCEPT]:
            if playing.moment(event, step) <= now:
                playing.do(event, step, real_now=real_now)
    return len(found) + len(planned)


def is_due(*, now: datetime, real_now: datetime) -> bool:
    return (
        PracticeRun.objects.filter(over_at=None).exists()
        or _plain_due(now).exists()
        or PracticeRun.objects.filter(began_at__lt=real_now - KEEP).exists()
    )


def _plain_due(now: datetime) -> Any:
    runs = PracticeRun.objects.values("event_id")
    return Event.objects.filter(state=EventState.SCHEDULED, send_at__lte=now).exclude(id__in=runs)


def forget_old(*, real_now: datetime) -> int:
    """Runs are kept for thirty days, with their events; how many went."""
    old = list(
        PracticeRun.objects.filter(began_at__lt=real_now - KEEP).values_list("event_id", flat=True)
    )
    Reading.objects.filter(dispatch__event_id__in=old).delete()
    OptOut.objects.filter(dispatch__event_id__in=old).delete()
    Dispatch.objects.filter(event_id__in=old).delete()
    Event.objects.filter(id__in=old).delete()
    return PracticeRun.objects.filter(event_id__in=old).delete()[0]


def _play_run(run: PracticeRun, real_now: datetime) -> None:
    event = Event.objects.select_related("program").get(id=run.event_id)
    if event.state == EventState.SCHEDULED:  # else the partner cancelled it
        for step in scenarios.SCRIPTS[Scenario(run.scenario)]:
            if scenarios.due_at(step, run.began_at, run.lasts_s) <= real_now:
                playing.do(event, step, real_now=real_now)
        event.refresh_from_db(fields=["state"])
    if event.state != EventState.SCHEDULED:
        # The homes are free for the next run: in the business' time it never was that late.
        Dispatch.objects.filter(event=event).update(holds_slot=False)
        run.over_at = real_now
        run.save(update_fields=["over_at"])
