"""Practice: homes for a client, runs of a scenario, and the hand that plays them.

Everything here happens inside ``world.practice()``. Nothing is sent and nobody is asked: the steps
of a scenario are written straight into the rows, as the senders and the looks would have.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Max

from base import bell
from base.refusal import Refused
from dr_events import dispatch, operations
from dr_events.models import Dispatch, Event, OptOut, Reading
from dr_events.states import OPTED_OUT, SENT, Delivery, EventState, Participation, Reason, Response
from enrollments.models import (
    CarrierGrant,
    Enrollment,
    Group,
    Location,
    PartnerGrant,
    Program,
    System,
    Terms,
)
from enrollments.rules import ASKED_SCOPES
from partners.models import PartnerClient, PracticeRun
from partners.operations.guards import for_a_partner, owns
from partners.rules import scenarios
from partners.rules.scenarios import Act, Step
from partners.states import Scenario
from partners.who import EVENTS
from people.models import User
from people.operations import SYSTEM, Actor

HOMES = 20
MOST_AT_ONCE = 10
LENGTH, LOOKS = timedelta(hours=1), timedelta(minutes=15)
KEEP = timedelta(days=30)
_LOCK = 7_305_841_220_002  # any number nobody else locks


# --- homes ------------------------------------------------------------------------------------
def furnish(client_id: str, *, now: datetime) -> None:
    """A program with homes for this client, unless it has one. Two first requests make one."""
    if PartnerGrant.objects.filter(client_id=client_id).exists():
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    if PartnerGrant.objects.filter(client_id=client_id).exists():
        return
    mark = hashlib.sha256(client_id.encode()).hexdigest()[:8]
    program = _program(mark, now)
    PartnerGrant.objects.create(client_id=client_id, program=program)
    owner = User.objects.create(email=f"{mark}@practice.invalid", password="!")  # noqa: S106
    Group.objects.create(program=program, name="North", postal_codes=["00001"])
    grant = CarrierGrant.objects.create(
        user=owner, carrier_username=mark, scopes=list(ASKED_SCOPES), linked_at=now, synced_at=now
    )
    places = [
        Location.objects.create(grant=grant, carrier_id=postal, city="Practice", postal=postal)
        for postal in ("00001", "00002")
    ]
    systems = [_system(grant, places[n % 2], f"PRACTICE-{mark}-{n:02d}", now) for n in range(HOMES)]
    for system in System.objects.bulk_create(systems):
        Enrollment.objects.create(
            system=system, program=program, user=owner, enrolled_at=now, changed_at=now
        )


def _program(mark: str, now: datetime) -> Program:
    """Open at all hours and generous, so that a first event is not refused for the season."""
    program = Program.objects.create(
        name=f"Practice {mark}",
        slug=f"practice-{mark}",
        summary="Made-up homes. Nothing here reaches Carrier or anybody's home.",
        time_zone="UTC",
        season_from="01-01",
        season_to="12-31",
        hours_from=time(0),
        hours_to=time(0),
        weekdays=list(range(7)),
        max_per_day=100,
        max_per_week=500,
        max_per_season=5000,
        min_rest_minutes=0,
        min_notice_minutes=0,
        is_open=False,
    )
    Terms.objects.create(program=program, version=1, text="For practice only.", published_at=now)
    return program


def _system(grant: CarrierGrant, place: Location, serial: str, now: datetime) -> System:
    return System(
        grant=grant,
        location=place,
        serial=serial,
        name="Practice home",
        brand="Carrier",
        model="SYSTXCCITC01-B",
        outdoor_type="heatpump",
        has_outdoor_unit=True,
        capacity_kbtu=Decimal(36),
        is_online=True,
        dr_enabled=True,
        dr_settings={"offset_f": 4.0, "response": "offset"},
        reported_at=now,
        read_at=now,
    )


# --- runs -------------------------------------------------------------------------------------
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
        homes=len(_targeted(event)),
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
            if _moment(event, step) <= now:
                _do(event, step, real_now=real_now)
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


# --- playing ----------------------------------------------------------------------------------
def _play_run(run: PracticeRun, real_now: datetime) -> None:
    event = Event.objects.select_related("program").get(id=run.event_id)
    if event.state == EventState.SCHEDULED:  # else the partner cancelled it
        for step in scenarios.SCRIPTS[Scenario(run.scenario)]:
            if scenarios.due_at(step, run.began_at, run.lasts_s) <= real_now:
                _do(event, step, real_now=real_now)
        event.refresh_from_db(fields=["state"])
    if event.state != EventState.SCHEDULED:
        # The homes are free for the next run: in the business' time it never was that late.
        Dispatch.objects.filter(event=event).update(holds_slot=False)
        run.over_at = real_now
        run.save(update_fields=["over_at"])


def _moment(event: Event, step: Step) -> datetime:
    send_at = event.send_at or event.starts_at
    return scenarios.moment(
        step.when, send_at=send_at, starts_at=event.starts_at, ends_at=event.ends_at
    )


def _targeted(event: Event) -> list[int]:
    left_out = [Delivery.WITHHELD, Delivery.SKIPPED]
    rows = Dispatch.objects.filter(event=event).exclude(delivery__in=left_out)
    return list(rows.order_by("system_id").values_list("id", flat=True))


def _do(event: Event, step: Step, *, real_now: datetime) -> None:
    at = _moment(event, step)
    if step.act == Act.COMPLETE:
        _look_back(event)
        operations.complete(event_id=event.pk, now=at)
    elif step.act == Act.CANCEL:
        operations.cancel(event_id=event.pk, actor=SYSTEM, now=at)
    else:
        rows = Dispatch.objects.pick(id__in=scenarios.of(_targeted(event), step.share))
        if not step.delivery and step.http_status:
            rows.filter(delivery=Delivery.PLANNED).update(
                http_status=step.http_status, attempts=1, sent_at=real_now
            )
        for old, new in pairwise(step.delivery):
            rows.move(old, new, **_stamps(new, at, real_now))
        if step.participation:
            _take_part(rows, step.participation, at)


def _stamps(state: Delivery, at: datetime, real_now: datetime) -> dict[str, Any]:
    """What the senders and the looks write beside a state."""
    written: dict[Delivery, dict[str, Any]] = {
        Delivery.SENDING: {"sent_at": real_now, "attempts": F("attempts") + 1},
        Delivery.ACCEPTED: {"accepted_at": real_now, "http_status": 200},
        Delivery.CONFIRMED: {"confirmed_at": at, "read_at": at},
        Delivery.EXPIRED: {"reason": Reason.TOO_LATE, "holds_slot": False},
    }
    return written.get(state, {})


def _take_part(rows: Any, what: Participation, at: datetime) -> None:
    came_from: dict[Participation, Sequence[Participation]] = {
        Participation.SCHEDULED: [Participation.UNKNOWN],
        Participation.ACTIVE: [Participation.SCHEDULED],
        Participation.OPTED_OUT_DURING: [Participation.ACTIVE],
    }
    changes: dict[str, Any] = {"participation": what, "read_at": at}
    if what in OPTED_OUT:
        changes["opted_out_at"] = at
    if what == Participation.ACTIVE:
        changes["seen_active_at"] = at
    rows.filter(delivery__in=SENT, participation__in=came_from[what]).update(**changes)


def _look_back(event: Event) -> None:
    """What the homes reported meanwhile: warmer and quieter while they take part."""
    rows = Dispatch.objects.filter(event=event, delivery=Delivery.CONFIRMED).order_by("system_id")
    looks, at = [], event.starts_at
    while at < event.ends_at:
        for row in rows:
            takes_part = row.opted_out_at is None or at < row.opted_out_at
            load = 0.25 if takes_part else 0.75
            looks.append(Reading(dispatch=row, at=at, is_online=True, outdoor_f=95.0, load=load))
        at += LOOKS
    Reading.objects.bulk_create(looks, ignore_conflicts=True)
