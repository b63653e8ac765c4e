"""Reading a home from Carrier: completely or not at all.

Real HTTP against the pretend cloud. What Carrier holds comes from the cloud's own admin door, what
was asked of it from its own ledger.
"""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from enrollments import operations, sync, tasks
from enrollments.models import CarrierGrant, Location, System
from enrollments.rules import ASKED_SCOPES
from enrollments.states import GrantState
from people.models import ActivityEntry
from people.operations import Actor
from tests import cast
from tests.integration.conftest import Vendor

pytestmark = pytest.mark.django_db(transaction=True)
NOW = cast.MORNING
HOUR = timedelta(hours=1)


def connected(vendor: Vendor, home: dict[str, Any], **changes: Any) -> CarrierGrant:
    """A homeowner with real tokens whose home was never read."""
    made = vendor.admin("POST", "grants", users=[home["username"]], scopes=list(ASKED_SCOPES))
    (given,) = made["grants"]
    values: dict[str, Any] = {
        "access": given["access_token"],
        "refresh": given["refresh_token"],
        "expires_at": timezone.now() + HOUR,
        "scopes": ASKED_SCOPES,
    }
    return operations.link(
        user=cast.homeowner(f"{home['username']}@home.example"),
        carrier_username=home["username"],
        tokens=operations.Tokens(**values | changes),
        actor=Actor("user:test"),
        now=NOW,
        real_now=timezone.now(),
    )


@pytest.fixture
def big_home(vendor: Vendor) -> dict[str, Any]:
    """A home with two systems or more."""
    return next(home for home in vendor.homes() if len(home["systems"]) > 1)


def fault(vendor: Vendor, kind: str, operation: str, **more: Any) -> None:
    match = {"operation": operation, **more.pop("match", {})}
    vendor.admin("PUT", "faults", rules=[{"kind": kind, "match": match, **more}])


def heal(vendor: Vendor) -> None:
    vendor.admin("PUT", "faults", rules=[])


def asked(vendor: Vendor, path: str) -> int:
    return sum(entry["path"] == path for entry in vendor.entries())


def saved() -> tuple[int, int]:
    return Location.objects.count(), System.objects.count()


def due_now(grant: CarrierGrant) -> None:
    """As if the waiting were over."""
    CarrierGrant.objects.filter(pk=grant.pk).update(
        sync_due_at=timezone.now(), refresh_not_before=None
    )


def test_a_complete_home_is_saved(vendor: Vendor, big_home: dict[str, Any]) -> None:
    grant = connected(vendor, big_home)
    assert tasks.due() == [grant.pk]
    assert sync.read_home(grant.pk, now=NOW) is True
    location = Location.objects.get()
    assert (location.grant_id, location.carrier_id) == (grant.pk, big_home["location_id"])
    assert location.city
    assert location.postal
    found = {system.serial: system for system in System.objects.all()}
    assert set(found) == {system["serial"] for system in big_home["systems"]}
    for told in big_home["systems"]:
        system = found[told["serial"]]
        assert (system.name, system.brand, system.unit) == (
            told["name"],
            told["brand"],
            told["unit"],
        )
        assert system.capacity_kbtu is not None
        assert float(system.capacity_kbtu) == pytest.approx(told["capacity_kbtuh"], abs=0.05)
        assert (system.is_online, system.dr_enabled, system.has_outdoor_unit) == (True, True, True)
        assert system.dr_settings.keys() == {
            "offset_f", "response", "heat_f", "cool_f", "min_limit_f", "max_limit_f",
        }  # fmt: skip
        assert system.indoor_f is not None
        assert 50 < system.indoor_f < 100
        assert (system.read_at, system.location_id) == (NOW, location.pk)
    grant.refresh_from_db()
    assert (grant.synced_at, grant.reading_asked_at, grant.sync_trouble) == (NOW, None, "")
    assert grant.sync_due_at is not None
    assert 19 * HOUR < grant.sync_due_at - timezone.now() < 29 * HOUR, "again in a day"
    assert tasks.due() == []


def test_nothing_but_reading_is_asked_of_carrier(vendor: Vendor, big_home: dict[str, Any]) -> None:
    grant = connected(vendor, big_home)
    sync.read_home(grant.pk, now=NOW)
    entries = [entry for entry in vendor.entries() if entry["path"] != "/_sandbox"]
    assert {entry["method"] for entry in entries} == {"GET"}
    assert {entry["user"] for entry in entries} == {big_home["username"]}
    assert {entry["operation"] for entry in entries} == {
        "GET locations", "GET profile", "GET config", "GET status",
    }  # fmt: skip


def test_while_carrier_is_down_it_is_tried_later_and_later(vendor: Vendor) -> None:
    grant = connected(vendor, vendor.homes()[0])
    vendor.stop()
    waits = []
    for failures in (1, 2, 3):
        due_now(grant)
        before = timezone.now()
        assert sync.read_home(grant.pk, now=NOW) is False
        grant.refresh_from_db()
        assert grant.sync_failures == failures
        assert grant.sync_due_at is not None
        waits.append((grant.sync_due_at - before).total_seconds())
    assert waits == [pytest.approx(wait, abs=3) for wait in (5, 10, 20)]
    assert waits == sorted(waits)
    assert grant.sync_trouble == "Carrier could not be reached"
    assert (grant.state, grant.synced_at, saved()) == (GrantState.ACTIVE, None, (0, 0))
    assert tasks.due() == [], "not before its time"


HALVES: list[tuple[str, str, dict[str, Any]]] = [
    ("error_before", "GET locations", {}),
    ("too_many", "GET locations", {}),
    ("garbage", "GET locations", {}),
    ("web_page", "GET locations", {}),
    ("empty_body", "GET locations", {}),
    ("error_body", "GET locations", {}),
    ("error_before", "GET profile", {"skip": 1}),
    ("garbage", "GET profile", {"skip": 1}),
    ("error_before", "GET config", {"skip": 1}),
    ("reset_before", "GET config", {"skip": 1}),
    ("garbage", "GET status", {"skip": 1}),
    ("error_before", "GET status", {"skip": 1, "status": 503}),
]


def test_half_a_home_is_no_home(vendor: Vendor, big_home: dict[str, Any]) -> None:
    """One answer of many is missing or unreadable: nothing of the others is saved."""
    grant = connected(vendor, big_home)
    for failures, (kind, operation, how) in enumerate(HALVES, start=1):
        case = f"{kind} {operation}"
        fault(vendor, kind, operation, **how)
        due_now(grant)
        assert sync.read_home(grant.pk, now=NOW) is False, case
        grant.refresh_from_db()
        assert saved() == (0, 0), case
        assert (grant.sync_failures, grant.synced_at) == (failures, None), case
        assert grant.sync_due_at is not None, case
        assert grant.sync_due_at > timezone.now(), case
    heal(vendor)
    due_now(grant)
    assert sync.read_home(grant.pk, now=NOW) is True
    assert saved() == (1, len(big_home["systems"]))


def test_a_reading_that_fails_leaves_the_last_one_as_it_was(
    vendor: Vendor, big_home: dict[str, Any]
) -> None:
    grant = connected(vendor, big_home)
    assert sync.read_home(grant.pk, now=NOW)
    before = list(System.objects.order_by("id").values())
    fault(vendor, "error_before", "GET config", skip=1)
    due_now(grant)
    assert sync.read_home(grant.pk, now=NOW + HOUR) is False
    assert list(System.objects.order_by("id").values()) == before
    grant.refresh_from_db()
    assert grant.synced_at == NOW


def test_a_wall_control_that_never_reported_is_offline_not_an_error(
    vendor: Vendor, big_home: dict[str, Any]
) -> None:
    silent = big_home["systems"][1]["serial"]
    fault(vendor, "error_before", "GET status", status=404, match={"serial": silent})
    grant = connected(vendor, big_home)
    assert sync.read_home(grant.pk, now=NOW) is True
    online = dict(System.objects.values_list("serial", "is_online"))
    assert online.pop(silent) is False
    assert set(online.values()) == {True}


def test_a_refused_token_is_distrusted_then_renewed_and_the_home_is_read(
    vendor: Vendor, big_home: dict[str, Any]
) -> None:
    grant = connected(vendor, big_home)
    fault(vendor, "unauthorized", "GET locations", count=1)
    assert sync.read_home(grant.pk, now=NOW) is False
    grant.refresh_from_db()
    assert grant.access_expires_at is not None
    assert grant.access_expires_at <= timezone.now()
    assert (grant.state, grant.sync_failures, saved()) == (GrantState.ACTIVE, 1, (0, 0))
    assert grant.sync_trouble == "Carrier asked us to renew the permission"
    assert asked(vendor, "/oauth/token") == 0
    old = bytes(grant.access_sealed or b"")
    assert old

    due_now(grant)
    assert sync.read_home(grant.pk, now=NOW) is True
    assert asked(vendor, "/oauth/token") == 1
    grant.refresh_from_db()
    assert bytes(grant.access_sealed or b"") != old
    assert grant.access_expires_at > timezone.now()
    assert saved() == (1, len(big_home["systems"]))


def test_a_permission_taken_back_at_carrier_is_lost_and_not_asked_for_again(
    vendor: Vendor, big_home: dict[str, Any]
) -> None:
    grant = connected(vendor, big_home, expires_at=timezone.now())
    assert vendor.admin("POST", "act", do="revoke", user=big_home["username"])["revoked"] == 1
    assert sync.read_home(grant.pk, now=NOW) is False
    grant.refresh_from_db()
    assert (grant.state, grant.sync_due_at) == (GrantState.NEEDS_RELINK, None)
    assert (saved(), tasks.due()) == ((0, 0), [])
    assert ActivityEntry.objects.filter(verb="permission-lost").count() == 1
    before = len(vendor.entries())
    assert sync.read_home(grant.pk, now=NOW) is False
    assert len(vendor.entries()) == before, "nothing more left the building"


def test_a_renewal_whose_answer_is_an_error_is_no_revocation(
    vendor: Vendor, big_home: dict[str, Any]
) -> None:
    grant = connected(vendor, big_home, expires_at=timezone.now())
    fault(vendor, "error_before", "POST oauth/token")
    assert sync.read_home(grant.pk, now=NOW) is False
    grant.refresh_from_db()
    assert (grant.state, grant.sync_failures, saved()) == (GrantState.ACTIVE, 1, (0, 0))
    assert grant.refresh_not_before is not None
    heal(vendor)
    due_now(grant)
    assert sync.read_home(grant.pk, now=NOW) is True
    grant.refresh_from_db()
    assert grant.refresh_not_before is None


def test_a_token_that_cannot_be_opened_is_never_sent(
    vendor: Vendor, big_home: dict[str, Any]
) -> None:
    """Its bytes belong to another row: no request is made with whatever they are."""
    grant = connected(vendor, big_home)
    other = cast.grant(cast.homeowner("otto@home.example"))
    CarrierGrant.objects.filter(pk=grant.pk).update(
        access_sealed=other.access_sealed, refresh_sealed=other.refresh_sealed
    )
    assert sync.read_home(grant.pk, now=NOW) is False
    assert (vendor.entries(), saved()) == ([], (0, 0))
    due_now(grant)
    assert sync.read_home(grant.pk, now=NOW) is False, "nor does its renewal open"
    grant.refresh_from_db()
    assert (grant.state, vendor.entries()) == (GrantState.NEEDS_RELINK, [])
