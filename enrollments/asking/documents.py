"""What can be asked about one system: every read operation of the contract, with its scope."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from carrier.client import CarrierClient
from enrollments.models import System

Read = Callable[[CarrierClient, System], Any]


@dataclass(frozen=True, slots=True)
class Document:
    """``fresh``: how to have the unit send a new reading, where the contract knows a way."""

    key: str
    title: str
    scope: str
    about: str
    read: Read
    fresh: Read | None = None

    @property
    def can_be_fresh(self) -> bool:
        return self.fresh is not None


_SYSTEM, _EQUIP = "Read-System", "Read-Equip"

DOCUMENTS: tuple[Document, ...] = (
    Document(
        "status", "Status", _SYSTEM, "Temperatures, setpoints and what runs, zone by zone",
        lambda client, one: client.status(one.serial),
    ),
    Document(
        "config", "Settings", _SYSTEM, "Settings of the wall control, demand response among them",
        lambda client, one: client.config(one.serial),
    ),
    Document(
        "events", "Events at Carrier", "Read-UtilityEvents",
        "Events Carrier holds for this system, and the home's answer",
        lambda client, one: client.utility_events(one.serial),
    ),
    Document(
        "profile", "Profile", _SYSTEM, "What is installed: models, capacity, firmware",
        lambda client, one: client.profile(one.serial),
    ),
    Document(
        "energy", "Energy", _SYSTEM, "Energy by day, month and year",
        lambda client, one: client.energy(one.serial),
    ),
    Document(
        "dealer", "Dealer", _SYSTEM, "Who installed it and answers for it",
        lambda client, one: client.dealer(one.serial),
    ),
    Document(
        "odu-config", "Outdoor unit: settings", _EQUIP, "Stages and what the unit may curtail",
        lambda client, one: client.odu_config(one.serial),
    ),
    Document(
        "odu-status", "Outdoor unit: status", _EQUIP,
        "Compressor, line and what it works on; may be a day old",
        lambda client, one: client.odu_status(one.serial),
        lambda client, one: client.refresh_odu_status(one.serial),
    ),
    Document(
        "odu-faults", "Outdoor unit: faults", _EQUIP, "Faults the unit noted",
        lambda client, one: client.odu_faults(one.serial),
    ),
    Document(
        "idu-config", "Indoor unit: settings", _EQUIP, "Type of the unit",
        lambda client, one: client.idu_config(one.serial),
    ),
    Document(
        "idu-status", "Indoor unit: status", _EQUIP, "Blower and air flow; may be a day old",
        lambda client, one: client.idu_status(one.serial),
        lambda client, one: client.refresh_idu_status(one.serial),
    ),
    Document(
        "idu-faults", "Indoor unit: faults", _EQUIP, "Faults the unit noted",
        lambda client, one: client.idu_faults(one.serial),
    ),
    Document(
        "history", "History", _EQUIP, "Cycles and hours since it was installed",
        lambda client, one: client.history(one.serial),
    ),
    Document(
        "equipment-events", "Equipment events", _EQUIP, "The last ten, newest first",
        lambda client, one: client.equipment_events(one.serial),
    ),
    Document(
        "root-cause", "Root cause", _EQUIP, "Carrier's own reading of a fault",
        lambda client, one: client.root_cause(one.serial),
    ),
    Document(
        "system", "Everything at once", _SYSTEM, "Profile, settings and dealer in one document",
        lambda client, one: client.system(one.serial),
    ),
    Document(
        "user", "Homeowner", "Read-User", "Name and address of the Carrier account",
        lambda client, one: client.user(one.grant.carrier_username),
    ),
    Document(
        "location", "Location", "Read-User", "The address this system stands at",
        lambda client, one: client.location(one.location.carrier_id),
    ),
    Document(
        "locations", "All locations", "Read-User", "Every address of this account",
        lambda client, one: client.locations(one.grant.carrier_username),
    ),
)  # fmt: skip
BY_KEY = {document.key: document for document in DOCUMENTS}
