"""Fresh homes and a fresh program for every schedule, so that none inherits another's luck."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import time as clock_time
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from base import clock
from enrollments.models import (
    CarrierGrant,
    Consent,
    Enrollment,
    Location,
    Program,
    System,
    Terms,
)
from enrollments.rules import ASKED_SCOPES
from enrollments.states import ConsentAct
from enrollments.tokens import vault
from people.models import User
from tests.faults.plan import Plan
from tests.faults.stack import SANDBOX_HOMES, Cloud

HALVES = ("62701", "62702")


@dataclass(frozen=True)
class Home:
    """One enrolled system."""

    serial: str
    user: str
    system: int
    enrollment: int
    grant: int


@dataclass(frozen=True)
class Town:
    program: Program
    homes: list[Home]

    def at(self, share: float) -> Home:
        """The home at a share of the list, 0 to 1."""
        return self.homes[int(share * len(self.homes))]


def build(cloud: Cloud, plan: Plan) -> Town:
    """Homes of the pretend cloud until there are enough systems. Each seed has a street of its
    own, so that a replay meets the same homes."""
    street = max(plan.systems, 150)
    first = plan.seed * street % (SANDBOX_HOMES - street)
    found = cloud.ask("GET", "homes", offset=first, limit=plan.systems)["homes"]
    chosen, systems = [], 0
    for home in found:
        if systems >= plan.systems:
            break
        chosen.append(home)
        systems += len(home["systems"])
    users = [home["username"] for home in chosen]
    given = cloud.ask("POST", "grants", users=users, scopes=list(ASKED_SCOPES))["grants"]
    with transaction.atomic():
        return _rows(plan, chosen, given)


def _rows(plan: Plan, homes: list[dict[str, Any]], given: list[dict[str, Any]]) -> Town:
    now, real_now = clock.now(), timezone.now()
    program = Program.objects.create(
        name=f"Seed {plan.seed} {real_now:%H%M%S%f}",
        slug=f"seed-{plan.seed}-{real_now:%H%M%S%f}",
        season_from="01-01",
        season_to="12-31",
        hours_from=clock_time(13),
        hours_to=clock_time(21),
        max_per_day=plan.per_day,
        max_per_week=2,
        min_rest_minutes=60,
        min_notice_minutes=30,
        send_lead_minutes=300,
        min_useful_minutes=30,
    )
    terms = Terms.objects.create(program=program, version=1, text="Faults.", published_at=now)
    dice = random.Random(plan.seed)
    rows = []
    for home, tokens in zip(homes, given, strict=True):
        owner = User.objects.create(email=f"{home['username']}-{program.pk}@home.example")
        life = tokens["expires_in"]
        if dice.random() < plan.early_expiry:
            life = dice.uniform(30, life)  # renewed before the wave, or in the middle of it
        grant = CarrierGrant(
            user=owner,
            carrier_username=home["username"],
            scopes=list(ASKED_SCOPES),
            linked_at=now,
            synced_at=now,
            access_expires_at=real_now + timedelta(seconds=life),
        )
        access, refresh = tokens["access_token"], tokens["refresh_token"]
        grant.access_sealed = vault().seal(access, bound_to=grant.bound_to("access"))
        grant.refresh_sealed = vault().seal(refresh, bound_to=grant.bound_to("refresh"))
        grant.save()
        place = Location.objects.create(
            grant=grant, carrier_id=home["location_id"], name="Home", postal=dice.choice(HALVES)
        )
        rows += [_enrolled(program, terms, owner, place, one["serial"]) for one in home["systems"]]
    return Town(program, rows)


def _enrolled(program: Program, terms: Terms, owner: User, place: Location, serial: str) -> Home:
    now = clock.now()
    grant = place.grant
    system = System.objects.create(
        grant=grant, location=place, serial=serial, name="Downstairs", has_outdoor_unit=True,
        is_online=True, dr_enabled=True, read_at=now,
    )  # fmt: skip
    enrollment = Enrollment.objects.create(
        system=system, program=program, user=owner, enrolled_at=now, changed_at=now
    )
    for about in (None, system):
        Consent.objects.create(
            user=owner, terms=terms, act=ConsentAct.GIVEN, at=now, system=about,
            scopes=list(ASKED_SCOPES),
        )  # fmt: skip
    return Home(serial, grant.carrier_username, system.pk, enrollment.pk, grant.pk)
