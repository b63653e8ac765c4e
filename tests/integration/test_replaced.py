"""A wall control is replaced: asked about, not acted on, followed when people say so."""

from datetime import timedelta
from typing import Any

import pytest

from base.refusal import Refused
from enrollments import operations
from enrollments.models import (
    CarrierGrant,
    Consent,
    Enrollment,
    Notice,
    Program,
    Replacement,
    System,
)
from people.models import ActivityEntry
from people.operations import Actor
from tests import cast
from tests.cast import MORNING

pytestmark = pytest.mark.django_db(transaction=True)
HANNA = Actor("user:hanna", address="203.0.113.7")
LATER = MORNING + timedelta(days=1)
OLD, NEW = "2319W000001", "2319W000002"
PLACE: dict[str, Any] = {"carrier_id": "40231", "name": "Home"}


@pytest.fixture
def summer() -> Program:
    return cast.program()


@pytest.fixture
def system(summer: Program) -> System:
    return cast.enrolled(summer, OLD, "hanna@home.example")


def reading(serial: str, place: str = "40231", **fields: Any) -> dict[str, Any]:
    ready = {"name": "Downstairs", "is_online": True, "has_outdoor_unit": True, "dr_enabled": True}
    return ready | {"serial": serial, "location": place} | fields


def read(
    grant: CarrierGrant, *systems: dict[str, Any], places: Any = (PLACE,), at: Any = LATER
) -> None:
    operations.save_home(grant=grant, locations=places, systems=systems, now=at, real_now=LATER)


def questions() -> list[tuple[str, str, str]]:
    rows = Replacement.objects.order_by("id")
    return list(rows.values_list("enrollment__system__serial", "system__serial", "state"))


def memberships() -> list[tuple[str, str, str]]:
    rows = Enrollment.objects.order_by("id")
    return list(rows.values_list("system__serial", "state", "ended_because"))


def ask(system: System) -> Enrollment:
    read(system.grant, reading(NEW))
    assert questions() == [(OLD, NEW, "OPEN")]
    return Enrollment.objects.get()


# --- seeing it --------------------------------------------------------------------------------
def test_a_new_one_in_place_of_the_old_one_is_asked_about_once(system: System) -> None:
    ask(system)
    read(system.grant, reading(NEW))
    assert questions() == [(OLD, NEW, "OPEN")]
    assert memberships() == [(OLD, "ACTIVE", "")]
    assert ActivityEntry.objects.get().detail == {"old": OLD, "new": NEW}


@pytest.mark.parametrize(
    "systems",
    [
        (),
        (reading(OLD), reading(NEW)),
        (reading(OLD),),
    ],
    ids=["nothing listed", "both listed", "only the old one"],
)
def test_what_is_no_replacement(system: System, systems: tuple[dict[str, Any], ...]) -> None:
    read(system.grant, *systems)
    assert (questions(), memberships()) == ([], [(OLD, "ACTIVE", "")])


def test_a_new_one_elsewhere_is_no_replacement(system: System) -> None:
    read(system.grant, reading(NEW, "40999"), places=(PLACE, {**PLACE, "carrier_id": "40999"}))
    assert questions() == []


def test_one_that_was_there_when_the_home_joined_is_no_replacement(system: System) -> None:
    read(system.grant, reading(OLD), reading(NEW))
    Enrollment.objects.update(enrolled_at=LATER + timedelta(hours=1))
    read(system.grant, reading(NEW))
    assert questions() == []


def test_one_that_was_listed_beside_the_old_one_first_is_asked_about_when_that_one_goes(
    system: System,
) -> None:
    read(system.grant, reading(OLD), reading(NEW))
    assert questions() == []
    read(system.grant, reading(NEW))
    assert questions() == [(OLD, NEW, "OPEN")]
    read(system.grant, reading(OLD), reading(NEW))
    assert questions() == [(OLD, NEW, "MOOT")]
    read(system.grant, reading(NEW), at=LATER + timedelta(days=2))
    assert questions() == [(OLD, NEW, "OPEN")]
    assert Replacement.objects.get().seen_at == LATER + timedelta(days=2)
    assert Notice.objects.filter(kind="REPLACED").count() == 2, "it is another fact"


def test_one_that_joined_by_itself_is_no_replacement(summer: Program, system: System) -> None:
    read(system.grant, reading(OLD), reading(NEW))
    Enrollment.objects.create(
        system=System.objects.get(serial=NEW), program=summer, user=system.grant.user,
        enrolled_at=LATER, changed_at=LATER,
    )  # fmt: skip
    read(system.grant, reading(NEW))
    assert questions() == []


def test_nobody_is_asked_any_more_about_a_home_that_left(system: System) -> None:
    mine = ask(system)
    operations.withdraw(enrollment_id=mine.pk, actor=HANNA, now=LATER)
    assert questions() == [(OLD, NEW, "MOOT")]


def test_of_two_the_one_with_the_same_name_is_meant(summer: Program, system: System) -> None:
    other = cast.system(system.grant, "2319W000009", name="Attic")
    Enrollment.objects.create(
        system=other,
        program=summer,
        user=system.grant.user,
        enrolled_at=MORNING,
        changed_at=MORNING,
    )
    read(system.grant, reading(NEW), reading("2319W000008", name="Attic"))
    assert sorted(questions()) == [(OLD, NEW, "OPEN"), ("2319W000009", "2319W000008", "OPEN")]


def test_the_question_goes_when_the_old_one_is_back(system: System) -> None:
    mine = ask(system)
    read(system.grant, reading(OLD), reading(NEW))
    assert questions() == [(OLD, NEW, "MOOT")]
    assert operations.confirm_replacement(enrollment_id=mine.pk, actor=HANNA, now=LATER) is None
    assert memberships() == [(OLD, "ACTIVE", "")]


# --- saying so --------------------------------------------------------------------------------
def test_yes_moves_the_enrolment_with_its_consent_and_its_pause(system: System) -> None:
    mine = ask(system)
    until = LATER + timedelta(days=9)
    operations.pause(enrollment_id=mine.pk, actor=HANNA, now=LATER, until=until)
    made = operations.confirm_replacement(enrollment_id=mine.pk, actor=HANNA, now=LATER)
    assert made is not None
    assert memberships() == [(OLD, "WITHDRAWN", "REPLACED"), (NEW, "PAUSED", "")]
    assert (made.user, made.program, made.paused_until) == (mine.user, mine.program, until)
    ledger = Consent.objects.filter(system__isnull=False).order_by("id")
    assert list(ledger.values_list("act", "system__serial", "address")) == [
        ("GIVEN", OLD, None),
        ("WITHDRAWN", OLD, "203.0.113.7"),
        ("GIVEN", NEW, "203.0.113.7"),
    ]
    assert not Consent.objects.filter(system=None, act="WITHDRAWN").exists()
    assert CarrierGrant.objects.get().state == "ACTIVE", "the permission goes on"
    told = Notice.objects.exclude(kind="REPLACED")
    assert told.values_list("kind", "subject").get() == ("ENROLLED", f"enrollment:{made.pk}")
    assert operations.confirm_replacement(enrollment_id=mine.pk, actor=HANNA, now=LATER) is None
    assert questions() == [(OLD, NEW, "CONFIRMED")]


def test_no_changes_nothing_and_is_not_asked_again(system: System) -> None:
    mine = ask(system)
    assert operations.deny_replacement(enrollment_id=mine.pk, actor=HANNA, now=LATER) == 1
    assert operations.deny_replacement(enrollment_id=mine.pk, actor=HANNA, now=LATER) == 0
    read(system.grant, reading(NEW))
    assert questions() == [(OLD, NEW, "DENIED")]
    assert memberships() == [(OLD, "ACTIVE", "")]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"dr_enabled": False}, "At the wall control open Menu"),
        ({"is_online": False}, "Carrier cannot reach this wall control."),
    ],
)
def test_one_that_cannot_take_part_is_refused_with_what_to_do(
    system: System, fields: dict[str, Any], sentence: str
) -> None:
    mine = ask(system)
    System.objects.filter(serial=NEW).update(**fields)
    with pytest.raises(Refused, match=sentence):
        operations.confirm_replacement(enrollment_id=mine.pk, actor=HANNA, now=LATER)
    assert memberships() == [(OLD, "ACTIVE", "")]
    assert questions() == [(OLD, NEW, "OPEN")]
    assert Consent.objects.count() == 2
