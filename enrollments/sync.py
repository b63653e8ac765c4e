"""Window to Carrier's account pages: read a home, completely or not at all."""

import logging
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import DataError

from base import clock
from carrier.client import CarrierClient
from carrier.documents import Config, Location, Profile, Status, SystemLink
from carrier.errors import CarrierError, Gone, NoAccess, Reauthorize
from enrollments import operations, vendor_session
from enrollments.models import CarrierGrant
from enrollments.states import GrantState
from enrollments.tokens import CannotOpen
from enrollments.vendor_session import Refreshed

log = logging.getLogger(__name__)


def read_home(grant_id: int, *, now: datetime) -> bool:
    """Read locations and systems of one grant and save them, if a reading is due and nobody else is
    at it; true when a reading was saved.

    Saves a complete reading or nothing: half a list would look like systems that went away.
    """
    if not operations.claim_sync(grant_id=grant_id, real_now=clock.real_now()):
        return False
    renewed = vendor_session.refresh(grant_id)
    if renewed is Refreshed.BUSY:
        return False  # no failure: it is due again when the claim is over
    if renewed is Refreshed.FAILED:
        grant = CarrierGrant.objects.get(id=grant_id)
        if grant.state == GrantState.ACTIVE:
            operations.sync_failed(
                grant=grant, why="Carrier could not be reached", now=now, real_now=clock.real_now()
            )
        return False
    grant = CarrierGrant.objects.get(id=grant_id)
    try:
        with vendor_session.client(grant) as client:
            locations, systems = _read(client, grant.carrier_username)
    except (Reauthorize, CannotOpen):
        operations.distrust_token(grant_id=grant_id, real_now=clock.real_now())
        return _failed(grant, "Carrier asked us to renew the permission", now)
    except CarrierError as error:
        log.warning("reading grant %s failed: %s", grant_id, type(error).__name__)
        return _failed(grant, "Carrier could not be reached", now)
    try:
        operations.save_home(
            grant=grant, locations=locations, systems=systems, now=now, real_now=clock.real_now()
        )
    except DataError as error:  # a number no home has, say
        log.warning("reading of grant %s cannot be kept: %s", grant_id, type(error).__name__)
        return _failed(grant, "Carrier's answer about your home could not be kept", now)
    return True


def _failed(grant: CarrierGrant, why: str, now: datetime) -> bool:
    """False, for read_home; the page says why."""
    operations.sync_failed(grant=grant, why=why, now=now, real_now=clock.real_now())
    return False


def _read(
    client: CarrierClient, username: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    found = client.locations(username)
    systems = [_system(client, location, link) for location in found for link in location.systems]
    return [_location(location) for location in found], systems


def _location(location: Location) -> dict[str, Any]:
    street = " ".join(part for part in (location.street1, location.street2) if part)
    return {
        "carrier_id": location.id,
        "name": _short(location.name, 120),
        "street": _short(street, 200),
        "city": _short(location.city, 120),
        "state": _short(location.state, 60),
        "postal": _short(location.postal, 20),
    }


def _short(text: str | None, most: int) -> str:
    """As much as there is room for: a name somebody made too long must not keep a home out."""
    return (text or "").replace("\0", "")[:most]


def _system(client: CarrierClient, location: Location, link: SystemLink) -> dict[str, Any]:
    fields = {"serial": link.serial, "location": location.id, "name": _short(link.name, 120)}
    try:
        profile = client.profile(link.serial)
        config = client.config(link.serial)
    except (Gone, NoAccess):
        return fields  # listed, and closed to us: it must not keep the others of the home out
    try:
        status = client.status(link.serial)
    except (Gone, NoAccess):
        status = None  # a wall control that has never reported has no status: offline
    return fields | _from_profile(profile) | _from_config(config) | _from_status(status)


def _from_profile(profile: Profile) -> dict[str, Any]:
    capacity = profile.outdoor_capacity_kbtu
    return {
        "brand": _short(profile.brand, 60),
        "model": _short(profile.model, 60),
        "firmware": _short(profile.firmware, 60),
        "outdoor_type": _short(profile.outdoor_type, 60),
        "has_outdoor_unit": profile.has_outdoor_unit,
        "capacity_kbtu": None if capacity is None else Decimal(str(capacity)),
    }


def _from_config(config: Config) -> dict[str, Any]:
    block = config.utility_event
    if block is None:
        return {"dr_enabled": None, "dr_settings": {}, "unit": config.unit}
    return {
        "unit": config.unit,
        "dr_enabled": bool(block.enabled),
        "dr_settings": {
            "offset_f": block.demand_offset_f,
            "response": block.demand_response,
            "heat_f": block.demand_heat_f,
            "cool_f": block.demand_cool_f,
            "min_limit_f": block.min_limit_f,
            "max_limit_f": block.max_limit_f,
        },
    }


def _from_status(status: Status | None) -> dict[str, Any]:
    if status is None:
        return {"is_online": False}
    indoor = indoor_f(status)
    return {
        "is_online": not status.is_disconnected,
        "indoor_f": None if indoor is None else Decimal(str(round(indoor, 1))),
        "outdoor_f": None if status.outdoor_f is None else Decimal(str(status.outdoor_f)),
        "reported_at": status.timestamp,
    }


def indoor_f(status: Status) -> float | None:
    """Mean temperature of the zones in use, °F; disabled zones carry stale numbers."""
    temperatures = [
        zone.temperature_f
        for zone in status.zones
        if zone.enabled and zone.temperature_f is not None
    ]
    return sum(temperatures) / len(temperatures) if temperatures else None
