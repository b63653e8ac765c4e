"""What Carrier says about a home is saved: updated, never doubled, never taken from its owner."""

from datetime import timedelta
from typing import Any

import pytest

from enrollments import operations
from enrollments.models import CarrierGrant, Location, Program, System
from enrollments.states import GrantState
from people.models import User
from people.operations import Actor
from tests import cast

pytestmark = pytest.mark.django_db
NOW = cast.MORNING
LATER = NOW + timedelta(days=1)
HANNA = Actor("user:hanna", address="203.0.113.7")


@pytest.fixture
def summer() -> Program:
    return cast.program()


@pytest.fixture
def hanna() -> User:
    return cast.homeowner()


PLACE: dict[str, Any] = {"carrier_id": "40231", "name": "Home", "city": "Springfield"}


def reading(serial: str, **fields: Any) -> dict[str, Any]:
    return {"serial": serial, "location": "40231", "name": "Den", "is_online": True} | fields


def save(grant: CarrierGrant, *systems: dict[str, Any], places: Any = (PLACE,)) -> None:
    operations.save_home(grant=grant, locations=places, systems=systems, now=LATER, real_now=LATER)


def test_a_reading_is_saved_and_the_asking_is_over(hanna: User) -> None:
    grant = cast.grant(
        hanna,
        synced_at=None,
        sync_due_at=NOW,
        reading_asked_at=NOW,
        sync_failures=3,
        sync_trouble="Carrier is down",
    )
    save(grant, reading("2319W000001", dr_enabled=True), reading("2319W000002", is_online=False))
    assert list(
        System.objects.order_by("serial").values_list("serial", "grant", "is_online", "read_at")
    ) == [("2319W000001", grant.pk, True, LATER), ("2319W000002", grant.pk, False, LATER)]
    assert Location.objects.values_list("carrier_id", "city").get() == ("40231", "Springfield")
    grant.refresh_from_db()
    assert (grant.synced_at, grant.reading_asked_at) == (LATER, None)
    day = timedelta(hours=24)
    assert grant.sync_due_at is not None
    assert day * 0.8 <= grant.sync_due_at - LATER <= day * 1.2
    assert (grant.sync_failures, grant.sync_trouble) == (0, "")


def test_reading_again_updates_and_never_doubles_or_removes(hanna: User) -> None:
    grant = cast.grant(hanna)
    save(grant, reading("2319W000001"), reading("2319W000002"))
    save(grant, reading("2319W000001", name="Study"), places=({**PLACE, "city": "Decatur"},))
    found = System.objects.order_by("serial").values_list("serial", "name")
    assert list(found) == [("2319W000001", "Study"), ("2319W000002", "Den")]
    assert Location.objects.values_list("city", flat=True).get() == "Decatur"
    save(grant, places=())
    assert (System.objects.count(), Location.objects.count()) == (2, 1)


@pytest.mark.parametrize("state", [GrantState.ACTIVE, GrantState.NEEDS_RELINK])
def test_a_second_account_never_takes_a_wall_control_from_its_owner(
    summer: Program, hanna: User, state: GrantState
) -> None:
    theirs = cast.enrolled(summer, "2319W000001")
    CarrierGrant.objects.filter(pk=theirs.grant_id).update(state=state)
    mine = cast.grant(hanna)
    save(mine, reading("2319W000001", name="Taken"), reading("2319W000002"))
    before = (theirs.grant_id, theirs.location_id, "Downstairs", theirs.read_at)
    theirs.refresh_from_db()
    assert (theirs.grant_id, theirs.location_id, theirs.name, theirs.read_at) == before
    assert list(System.objects.filter(grant=mine).values_list("serial", flat=True)) == [
        "2319W000002"
    ]


def test_after_the_owner_disconnected_the_next_one_may_have_it(hanna: User) -> None:
    old = cast.grant(cast.homeowner("otto@home.example"))
    system = cast.system(old, "2319W000001")
    operations.forget_tokens(grant_id=old.pk, actor=HANNA, now=NOW)
    mine = cast.grant(hanna)
    save(mine, reading("2319W000001"))
    system.refresh_from_db()
    assert system.grant_id == mine.pk
    assert system.location.grant_id == mine.pk
