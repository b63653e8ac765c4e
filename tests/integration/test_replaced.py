"""A wall control is replaced: asked about, not acted on, followed when people say so."""

import html
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from base import clock
from base.refusal import Refused
from dr_events import dispatch
from dr_events.models import Dispatch
from enrollments import operations, sync
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
from people.states import Role
from tests import cast
from tests.cast import MORNING
from tests.integration.conftest import Vendor
from tests.integration.sending import SEND_AT, faults, posts

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


def text(response: Any) -> str:
    return " ".join(html.unescape(response.content.decode()).split())


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


# --- pages ------------------------------------------------------------------------------------
@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: LATER)


@pytest.mark.usefixtures("later")
def test_the_homeowner_says_so_on_the_home_page(system: System) -> None:
    mine = ask(system)
    hanna, otto = Client(), Client()
    hanna.force_login(system.grant.user)
    otto.force_login(cast.homeowner("otto@home.example"))
    path = f"/home/systems/{mine.pk}/replaced/"
    page = text(hanna.get("/home/"))
    assert "We see a new wall control at Home." in page
    assert "Is it a replacement?" in page
    assert "Connected but not in a program" not in page, "one question at a time"
    assert otto.post(path, {"answer": "yes"}).status_code == 404
    assert otto.post("/home/systems/999999/replaced/", {"answer": "yes"}).status_code == 404
    assert questions() == [(OLD, NEW, "OPEN")]
    page = text(hanna.post(path, {"answer": "yes"}, follow=True))
    assert "Summer Peak goes on with your new wall control." in page
    assert "Is it a replacement?" not in page
    assert NEW in page
    assert OLD not in page
    assert "Connected but not in a program" not in page


@pytest.mark.usefixtures("later")
def test_the_utility_says_so_for_a_homeowner_who_calls(system: System) -> None:
    mine = ask(system)
    desk = Client()
    desk.force_login(cast.operator("cara@utility.example", Role.CUSTOMER_SERVICE))
    assert "New wall control to confirm" in text(desk.get("/console/systems/"))
    assert OLD in text(desk.get("/console/systems/?state=REPLACED"))
    path = f"/console/systems/{system.pk}/replaced/"
    assert "A new wall control is at Home." in text(desk.get(f"/console/systems/{system.pk}/"))
    assert "Say why" in text(desk.post(path, {"answer": "yes"}, follow=True))
    assert memberships() == [(OLD, "ACTIVE", "")]
    answer = {"answer": "yes", "why": "Called: new thermostat."}
    assert "goes on with the new one" in text(desk.post(path, answer, follow=True))
    assert memberships() == [(OLD, "WITHDRAWN", "REPLACED"), (NEW, "ACTIVE", "")]
    entry = ActivityEntry.objects.get(verb="confirm-replacement")
    assert entry.subject == f"enrollment:{mine.pk}"
    assert entry.detail["why"] == "Called: new thermostat."
    assert OLD not in text(desk.get("/console/systems/?state=REPLACED"))


# --- the whole way ----------------------------------------------------------------------------
def again(grant_id: int) -> bool:
    CarrierGrant.objects.filter(pk=grant_id).update(sync_due_at=timezone.now())
    return sync.read_home(grant_id, now=clock.now())


def test_with_the_pretend_cloud(vendor: Vendor, summer: Program) -> None:
    home = next(home for home in vendor.homes() if len(home["systems"]) == 1)
    (system,) = vendor.enroll(summer, [home])
    event = cast.scheduled(summer)
    new = vendor.admin("POST", "act", system=system.serial, do="replace")["serial"]
    assert new != system.serial

    # A list that could not be read to its end says nothing: not which is missing, nor what is new.
    broken = {"kind": "error_before", "match": {"operation": "GET config"}, "status": 503}
    faults(vendor, broken)
    assert again(system.grant_id) is False
    assert (questions(), System.objects.count()) == ([], 1)
    faults(vendor)
    assert again(system.grant_id) is True
    assert questions() == [(system.serial, new, "OPEN")]

    mine = Enrollment.objects.get()
    made = operations.confirm_replacement(enrollment_id=mine.pk, actor=HANNA, now=MORNING)
    assert made is not None
    vendor.at(SEND_AT)
    dispatch.send_wave(event.pk)
    assert posts(vendor) == {}, "it was planned for the one that is gone"
    row = Dispatch.objects.get()
    assert (row.delivery, row.reason, row.holds_slot) == ("SKIPPED", "REPLACED", False)
    browser = Client()
    browser.force_login(made.user)
    assert "Nothing is sent to this system: the wall control was replaced." in text(
        browser.get("/home/")
    )

    tomorrow = timedelta(days=1)
    later = cast.scheduled(
        summer,
        now=clock.now(),
        starts_at=MORNING + tomorrow + timedelta(hours=6),
        ends_at=MORNING + tomorrow + timedelta(hours=8),
    )
    vendor.at(SEND_AT + tomorrow)
    dispatch.send_wave(later.pk)
    assert posts(vendor) == {new: 1}


def test_what_carrier_has_for_the_old_one_is_told_honestly(system: System, summer: Program) -> None:
    cast.scheduled(summer)
    Dispatch.objects.update(delivery="CONFIRMED")
    mine = ask(system)
    operations.confirm_replacement(enrollment_id=mine.pk, actor=HANNA, now=MORNING)
    browser = Client()
    browser.force_login(mine.user)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: MORNING)
        page = text(browser.get("/home/"))
    assert "Carrier has this event for the wall control that was replaced." in page
    assert "Say no" not in page
