"""Rows for a town of enrolled systems, and events for it, through the product's own doors."""

from __future__ import annotations

import secrets
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from dr_events import operations
from dr_events.dispatch import submit
from dr_events.models import Dispatch, Event
from dr_events.states import OPEN, SENT, EventState
from enrollments.models import CarrierGrant, Enrollment, Location, Program, System, Terms
from enrollments.rules import ASKED_SCOPES
from enrollments.tokens import vault
from people.models import User
from people.operations import Actor

ROWS = 2000
DESK = Actor("user:benchmark")
# Every event starts on a day of its own, far enough ahead that sending never becomes too late.
LEAD = timedelta(days=400)


def build(systems: int, homes: Path) -> Program:
    """A program and `systems` enrolled systems, one owner, grant and token each.

    Writes a line "serial token" for each to `homes`, for the stub and the bare clients. The
    program's limits are wide open, so that one event follows another without waiting a day.
    """
    now = timezone.now()
    program = Program.objects.create(
        name="Benchmark",
        slug="benchmark",
        time_zone="UTC",
        season_from="01-01",
        season_to="12-31",
        hours_from=time(0),
        hours_to=time(0),
        weekdays=[0, 1, 2, 3, 4, 5, 6],
        max_per_day=1000,
        max_per_week=1000,
        max_per_season=10000,
        min_rest_minutes=0,
        min_notice_minutes=0,
        send_lead_minutes=int(LEAD.total_seconds() / 60),
    )
    Terms.objects.create(program=program, version=1, text="Benchmark.", published_at=now)
    with homes.open("w") as file:
        homes.chmod(0o600)
        for first in range(0, systems, ROWS):
            numbers = range(first, min(first + ROWS, systems))
            file.writelines(_street(program, numbers, now))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return program


def _street(program: Program, numbers: range, now: datetime) -> list[str]:
    """Rows for some of the systems; their lines "serial token"."""
    tokens = [secrets.token_urlsafe(57) for _ in numbers]
    owners = User.objects.bulk_create(User(email=f"h{n}@home.example") for n in numbers)
    grants = [
        CarrierGrant(
            user=owner,
            carrier_username=f"h{owner.pk}",
            scopes=list(ASKED_SCOPES),
            linked_at=now,
            synced_at=now,
            access_expires_at=now + timedelta(days=1),
        )
        for owner in owners
    ]
    for grant, token in zip(grants, tokens, strict=True):
        grant.access_sealed = vault().seal(token, bound_to=grant.bound_to("access"))
        grant.refresh_sealed = vault().seal(token, bound_to=grant.bound_to("refresh"))
    CarrierGrant.objects.bulk_create(grants)
    places = Location.objects.bulk_create(
        Location(grant=grant, carrier_id="1", name="Home", postal="62701") for grant in grants
    )
    systems = System.objects.bulk_create(
        System(
            grant=place.grant,
            location=place,
            serial=f"24{n % 100:02d}W{n:06d}",
            name="Downstairs",
            has_outdoor_unit=True,
            is_online=True,
            dr_enabled=True,
            read_at=now,
        )
        for n, place in zip(numbers, places, strict=True)
    )
    Enrollment.objects.bulk_create(
        Enrollment(
            system=system,
            program=program,
            user=system.grant.user,
            enrolled_at=now,
            changed_at=now,
        )
        for system in systems
    )
    return [f"{system.serial} {token}\n" for system, token in zip(systems, tokens, strict=True)]


def draft(program: Program, number: int) -> Event:
    """A draft for the day `number` days from tomorrow."""
    now = timezone.now()
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0)
    starts_at = noon + timedelta(days=1 + number)
    wish = operations.Draft(
        name=f"Wave {number}", starts_at=starts_at, ends_at=starts_at + timedelta(hours=2)
    )
    return operations.draft(program=program, wish=wish, actor=DESK, now=now)


def release(event: Event) -> Event:
    """Submit a draft: its rows are frozen and the bell rings when this returns.

    The first look at participation is put off: a benchmark of sending measures sending.
    """
    with transaction.atomic():
        submitted = submit(event_id=event.pk, actor=DESK, now=timezone.now())
        Event.objects.filter(id=event.pk).update(read_back_due_at=None)
    return submitted


def left_to_send(event: Event) -> int:
    return Dispatch.objects.filter(event=event, delivery__in=OPEN).count()


def saved(event: Event) -> int:
    return Dispatch.objects.filter(event=event, delivery__in=SENT).count()


def learn_statistics() -> None:
    """What autovacuum does within a minute of a first event. The cold round runs without."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def open_rows(rows: list[int]) -> int:
    return Dispatch.objects.filter(id__in=rows).exclude(delivery__in=SENT).count()


def finish(event: Event) -> None:
    """Out of the sweeps' sight."""
    Event.objects.filter(id=event.pk).update(state=EventState.COMPLETED)


def one_by_one(program: Program, number: int, systems: int) -> list[int]:
    """Dispatch rows of a draft, which no sweep looks at, for the design that has a task for each
    system; their ids. The draft carries a message as a scheduled event would."""
    event = draft(program, number)
    rows: list[Any] = Dispatch.objects.bulk_create(
        Dispatch(
            event=event,
            system_id=enrollment.system_id,
            enrollment=enrollment,
            window=(event.starts_at, event.ends_at),
            holds_slot=False,
        )
        for enrollment in program.enrollments.order_by("system_id")[:systems]
    )
    return [row.pk for row in rows]
