"""Made-up homes for a practice client, inside ``world.practice()``."""

import hashlib
from datetime import datetime, time
from decimal import Decimal

from django.db import connection

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
from people.models import User

HOMES = 20
_LOCK = 7_305_841_220_002  # any number nobody else locks


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
