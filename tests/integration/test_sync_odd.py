"""A home that Carrier describes oddly is read all the same, as far as it can be."""

from dataclasses import replace
from typing import Any

import pytest

from carrier.client import CarrierClient
from enrollments import queries, sync
from enrollments.models import Location, System
from enrollments.states import Ineligible
from tests.integration.conftest import Vendor
from tests.integration.test_sync import (
    HOUR,
    NOW,
    big_home,
    connected,
    due_now,
    fault,
    heal,
    saved,
)

__all__ = ["big_home"]  # fixture

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("operation", ["GET profile", "GET config"])
@pytest.mark.parametrize("status", [403, 404])
def test_a_wall_control_that_is_closed_to_us_keeps_no_other_out(
    vendor: Vendor, big_home: dict[str, Any], operation: str, status: int
) -> None:
    closed = big_home["systems"][1]["serial"]
    fault(vendor, "error_before", operation, status=status, match={"serial": closed})
    grant = connected(vendor, big_home)
    assert sync.read_home(grant.pk, now=NOW) is True
    found = {system.serial: queries.obstacle(system) for system in System.objects.all()}
    assert found.pop(closed) == Ineligible.NOT_READ
    assert set(found.values()) == {None}
    heal(vendor)
    due_now(grant)
    assert sync.read_home(grant.pk, now=NOW) is True
    before = System.objects.filter(serial=closed).values().get()
    assert before["has_outdoor_unit"] is True
    fault(vendor, "error_before", operation, status=status, match={"serial": closed})
    due_now(grant)
    assert sync.read_home(grant.pk, now=NOW + HOUR) is True
    assert System.objects.filter(serial=closed).values().get() == before, "as it was"


def test_names_as_long_as_somebody_liked_are_cut_and_the_home_is_read(
    vendor: Vendor, big_home: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    really = CarrierClient.locations

    def long_names(client: CarrierClient, username: str) -> tuple[Any, ...]:
        places = really(client, username)
        return tuple(
            replace(
                place,
                name="\0Haus " + "ü" * 300,
                systems=tuple(replace(link, name="Flur" * 50) for link in place.systems),
            )
            for place in places
        )

    monkeypatch.setattr(CarrierClient, "locations", long_names)
    assert sync.read_home(connected(vendor, big_home).pk, now=NOW) is True
    assert Location.objects.get().name == "Haus " + "ü" * 115
    assert set(System.objects.values_list("name", flat=True)) == {"Flur" * 30}


def test_an_answer_that_cannot_be_kept_is_trouble_that_is_told(
    vendor: Vendor, big_home: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = connected(vendor, big_home)
    monkeypatch.setattr(sync, "indoor_f", lambda status: 1e9)
    assert sync.read_home(grant.pk, now=NOW) is False
    grant.refresh_from_db()
    assert (saved(), grant.sync_failures, grant.synced_at) == ((0, 0), 1, None)
    assert grant.sync_trouble == "Carrier's answer about your home could not be kept"
