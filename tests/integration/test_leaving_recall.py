"""A home leaves while its event runs: Carrier is asked to take it back as long as we may ask."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from base import clock
from dr_events import dispatch, mailing, queries
from dr_events.models import Dispatch, Event
from dr_events.states import Recall
from enrollments.models import CarrierGrant, Enrollment, Program, System
from people.operations import Actor
from tests import cast
from tests.integration.conftest import Vendor
from tests.integration.sending import SEND_AT, faults, live, posts

pytestmark = pytest.mark.django_db(transaction=True)
HANNA = Actor("user:hanna")
RUNNING = cast.MORNING + timedelta(hours=6, minutes=30)


@pytest.fixture
def summer(settings: Settings) -> Program:
    settings.CARRIER_CANCEL = "modification"
    return cast.program()


def running(vendor: Vendor, summer: Program, systems: int = 1) -> tuple[list[System], Event]:
    """One home with that many systems, in the middle of an event that Carrier has."""
    home = next(home for home in vendor.homes() if len(home["systems"]) == systems)
    joined = vendor.enroll(summer, [home])
    event = cast.scheduled(summer)
    vendor.at(SEND_AT)
    dispatch.send_wave(event.pk)
    vendor.at(RUNNING)
    assert live(vendor, joined) == [1] * systems
    return joined, event


def leave(system: System) -> Any:
    mine = Enrollment.objects.get(system=system)
    return dispatch.leave(enrollment_id=mine.pk, actor=HANNA, now=RUNNING)


def rows(event: Event) -> list[tuple[str, str]]:
    found = Dispatch.objects.filter(event=event).order_by("system__serial")
    return list(found.values_list("recall", "trouble"))


def test_with_the_last_system_the_event_is_taken_back_before_the_permission_ends(
    vendor: Vendor, summer: Program, mailoutbox: Any
) -> None:
    (system,), event = running(vendor, summer)
    assert leave(system).forgotten is not None
    assert rows(event) == [(Recall.RECALLED, "")]
    assert live(vendor, [system]) == [0]
    assert posts(vendor) == {system.serial: 2}
    grant = CarrierGrant.objects.get()
    assert (grant.state, grant.access_sealed, grant.refresh_sealed) == ("REVOKED", None, None)
    assert vendor.admin("GET", "counts")["consents"]["standing"] == 0
    assert queries.work.events_to_take_back(now=RUNNING) == [], "nothing is left to ask"
    mailing.send_due(for_s=5)
    (receipt,) = [sent for sent in mailoutbox if "You have left" in sent.subject]
    assert "our permission to reach it is destroyed" in receipt.body
    assert "at Carrier" not in receipt.body.split("destroyed.")[1]


def test_a_token_that_is_over_is_renewed_for_that(vendor: Vendor, summer: Program) -> None:
    (system,), event = running(vendor, summer)
    CarrierGrant.objects.update(access_expires_at=timezone.now() - timedelta(seconds=1))
    leave(system)
    assert rows(event) == [(Recall.RECALLED, "")]
    assert live(vendor, [system]) == [0]
    assert vendor.admin("GET", "counts")["consents"]["standing"] == 0


def test_what_carrier_does_not_take_back_is_said(
    vendor: Vendor, summer: Program, mailoutbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (system,), event = running(vendor, summer)
    monkeypatch.setattr(clock, "now", lambda: RUNNING)
    faults(vendor, cancel="ignored")
    leave(system)
    assert rows(event) == [
        (Recall.CANNOT, "The home left, and Carrier was not seen to take it back")
    ]
    mailing.send_due(for_s=5)
    (receipt,) = [sent for sent in mailoutbox if "You have left" in sent.subject]
    assert "we asked Carrier to take it back, but did not see yet that it has" in receipt.body
    browser = Client()
    browser.force_login(system.grant.user)
    page = browser.get("/home/").content.decode()
    assert "You left; Carrier has it" in page
    assert "We asked Carrier to take it back, and did not see that it has." in page
    assert "Say no to this event" not in page


def test_leaving_counts_even_where_carrier_is_down(vendor: Vendor, summer: Program) -> None:
    (system,), event = running(vendor, summer)
    vendor.stop()
    assert leave(system) is not None
    assert CarrierGrant.objects.get().state == "REVOKED"
    assert rows(event)[0][0] == Recall.CANNOT


def test_where_carrier_cannot_cancel_nothing_is_asked(
    vendor: Vendor, summer: Program, settings: Settings
) -> None:
    settings.CARRIER_CANCEL = "none"
    (system,), event = running(vendor, summer)
    leave(system)
    assert rows(event) == [(Recall.NONE, "")]
    assert posts(vendor) == {system.serial: 1}


def test_one_of_two_systems_is_let_go_by_the_sweep(vendor: Vendor, summer: Program) -> None:
    both, event = running(vendor, summer, systems=2)
    assert leave(both[0]).forgotten is None
    assert posts(vendor) == {one.serial: 1 for one in both}
    assert queries.work.events_to_take_back(now=RUNNING) == [event.pk]
    dispatch.take_back(event.pk)
    assert live(vendor, both) == [0, 1]
    assert [recall for recall, _ in rows(event)] == [Recall.RECALLED, Recall.NONE]


def test_who_is_erased_is_let_go_of_too(vendor: Vendor, summer: Program) -> None:
    both, event = running(vendor, summer, systems=2)
    dispatch.erase(user=both[0].grant.user, actor=HANNA, now=RUNNING)
    assert live(vendor, both) == [0, 0]
    assert [recall for recall, _ in rows(event)] == [Recall.RECALLED] * 2
    assert System.objects.filter(serial__in=[one.serial for one in both]).count() == 0
