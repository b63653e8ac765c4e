"""A new wall control on the pages of the home and of the utility, and the whole way."""

import html
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from base import clock
from dr_events import dispatch
from dr_events.models import Dispatch
from enrollments import operations, sync
from enrollments.models import CarrierGrant, Enrollment, Program, System
from people.models import ActivityEntry
from people.states import Role
from tests import cast
from tests.cast import MORNING
from tests.integration.conftest import Vendor
from tests.integration.sending import SEND_AT, faults, posts
from tests.integration.test_replaced import (
    HANNA,
    LATER,
    NEW,
    OLD,
    ask,
    memberships,
    questions,
    summer,
    system,
)

__all__ = ["summer", "system"]  # fixtures

pytestmark = pytest.mark.django_db(transaction=True)


def text(response: Any) -> str:
    return " ".join(html.unescape(response.content.decode()).split())


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
