"""The cast: people, homes and programs for tests, by name. Rows only; nothing is sent."""

from datetime import UTC, datetime, time, timedelta
from functools import cache
from typing import Any

from django.contrib.auth.hashers import make_password
from django.utils import timezone

from dr_events import operations
from dr_events.dispatch import submit
from dr_events.models import Event
from enrollments.models import (
    CarrierGrant,
    Consent,
    Customer,
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
from people.operations import Actor
from people.states import Role

# A Tuesday in July, 9 in the morning in Chicago (CDT, UTC-5).
MORNING = datetime(2026, 7, 14, 14, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"


def program(name: str = "Summer Peak", **fields: Any) -> Program:
    """An open program with terms; events from 13:00 to 21:00 in Chicago, June to September."""
    defaults: dict[str, Any] = {
        "slug": name.lower().replace(" ", "-"),
        "time_zone": "America/Chicago",
        "hours_from": time(13),
        "hours_to": time(21),
        "min_notice_minutes": 60,
        "summary": "We ask your home to use a little less on hot afternoons.",
    }
    made = Program.objects.create(name=name, **defaults | fields)
    terms(made)
    return made


def terms(of: Program, version: int = 1) -> Terms:
    return Terms.objects.create(
        program=of, version=version, text="You may leave at any time.", published_at=MORNING
    )


@cache
def hashed() -> str:
    """PASSWORD, hashed once a run: a good hash is slow on purpose."""
    return make_password(PASSWORD)


def operator(email: str = "olga@utility.example", role: Role = Role.OPERATOR) -> User:
    return User.objects.create(email=email, password=hashed(), role=role)


def homeowner(email: str = "hanna@home.example") -> User:
    return User.objects.create(email=email, password=hashed())


def grant(owner: User, **fields: Any) -> CarrierGrant:
    """A connected Carrier account whose token is good for an hour."""
    made = CarrierGrant(
        user=owner,
        carrier_username=fields.pop("carrier_username", owner.email.split("@")[0]),
        scopes=list(ASKED_SCOPES),
        linked_at=MORNING,
        synced_at=MORNING,
        access_expires_at=timezone.now() + timedelta(hours=1),
    )
    made.access_sealed = vault().seal("access-token", bound_to=made.bound_to("access"))
    made.refresh_sealed = vault().seal("refresh-token", bound_to=made.bound_to("refresh"))
    for name, value in fields.items():
        setattr(made, name, value)
    made.save()
    return made


def system(of: CarrierGrant, serial: str = "2319W004821", **fields: Any) -> System:
    """An eligible system: online, outdoor unit, demand response on, offset of 4 °F."""
    location, _ = Location.objects.get_or_create(
        grant=of,
        carrier_id="40231",
        defaults={"name": "Home", "city": "Springfield", "postal": "62701"},
    )
    defaults: dict[str, Any] = {
        "name": "Downstairs",
        "brand": "Carrier",
        "model": "SYSTXCCITC01-B",
        "has_outdoor_unit": True,
        "is_online": True,
        "dr_enabled": True,
        "dr_settings": {"offset_f": 4.0, "response": "offset"},
        "read_at": MORNING,
    }
    return System.objects.create(grant=of, location=location, serial=serial, **defaults | fields)


def customer(account: str = "4100732281", **fields: Any) -> Customer:
    """A line of the utility's own list."""
    defaults: dict[str, Any] = {
        "name": "Hanna Home",
        "street": "1 Elm St",
        "city": "Springfield",
        "postal_code": "62701",
        "feeder": "F12",
        "changed_at": MORNING,
    }
    return Customer.objects.create(account=account, **defaults | fields)


def agreement(owner: User, to: Program) -> Consent:
    return Consent.objects.create(
        user=owner,
        terms=to.terms.latest("version"),
        act=ConsentAct.GIVEN,
        at=MORNING,
        scopes=list(ASKED_SCOPES),
    )


def enrolled(to: Program, serial: str = "2319W004821", email: str = "", **fields: Any) -> System:
    """A homeowner with one system enrolled in the program."""
    owner = homeowner(email or f"{serial.lower()}@home.example")
    agreement(owner, to)
    made = system(grant(owner), serial, **fields)
    enrollment = Enrollment.objects.create(
        system=made, program=to, user=owner, enrolled_at=MORNING, changed_at=MORNING
    )
    Consent.objects.create(
        user=owner,
        terms=to.terms.latest("version"),
        act=ConsentAct.GIVEN,
        at=MORNING,
        system=enrollment.system,
    )
    return made


def neighborhood(to: Program, homes: int) -> list[System]:
    """``homes`` enrolled systems under one owner each, made with few statements."""
    return [enrolled(to, f"24{number:02d}W{number:06d}") for number in range(homes)]


def wish(**fields: Any) -> operations.Draft:
    """3 to 5 in the afternoon of the cast's day."""
    defaults: dict[str, Any] = {
        "name": "Hot afternoon",
        "starts_at": MORNING + timedelta(hours=6),
        "ends_at": MORNING + timedelta(hours=8),
    }
    return operations.Draft(**defaults | fields)


def scheduled(
    of: Program, *, by: User | None = None, now: datetime = MORNING, **fields: Any
) -> Event:
    """An event frozen and ready to be sent an hour before its start."""
    actor = Actor.person(by) if by else Actor("user:test")
    event = operations.draft(program=of, wish=wish(**fields), actor=actor, now=now)
    return submit(event_id=event.pk, actor=actor, now=now)
