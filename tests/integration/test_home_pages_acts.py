"""What a homeowner does on the home page, and whose page it is."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from dr_events import operations
from dr_events.models import Dispatch, Event, OptOut
from dr_events.states import Delivery, Participation, Reason
from enrollments import operations as homes
from enrollments.models import CarrierGrant, Consent, Enrollment, System
from enrollments.states import ConsentAct, EnrollmentState, GrantState
from enrollments.vendor_session import giving_back
from people.models import User
from people.operations import Actor
from tests import cast
from tests.cast import MORNING
from tests.integration.test_home_pages import (
    HOME,
    become,
    browser,
    event,
    hanna,
    in_the_past,
    morning,
    system,
    text,
)

__all__ = ["browser", "event", "hanna", "morning", "system"]  # fixtures

pytestmark = pytest.mark.django_db


@pytest.fixture
def given_back(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens Carrier would be asked to forget."""
    asked: list[str] = []
    monkeypatch.setattr(giving_back, "give_back", asked.append)
    return asked


# --- saying no --------------------------------------------------------------------------------
def test_opt_out_shows_then_acts(browser: Client, event: Event) -> None:
    dispatch = Dispatch.objects.get()
    address = f"/home/events/{dispatch.pk}/opt-out/"
    assert "nothing is ever sent to your home" in text(browser.get(address))
    assert not OptOut.objects.exists()
    done = browser.post(address, follow=True)
    assert "You said no to Hot afternoon. Nothing is sent to your home." in text(done)
    dispatch.refresh_from_db()
    assert (dispatch.delivery, dispatch.reason) == (Delivery.SKIPPED, Reason.OPTED_OUT)
    browser.post(address)
    assert OptOut.objects.count() == 1


def test_opt_out_that_comes_too_late_says_so(browser: Client, event: Event) -> None:
    dispatch = become(event, delivery=Delivery.CONFIRMED)
    address = f"/home/events/{dispatch.pk}/opt-out/"
    page = text(browser.get(address))
    assert "Carrier already has this event" in page
    assert "We note it; it does not reach your wall control." in page
    done = text(browser.post(address, follow=True))
    assert "but Carrier already has it. To stop it, press Override on your wall control." in done
    assert OptOut.objects.get().in_time is False


def test_opt_out_after_the_end_changes_nothing(browser: Client, event: Event) -> None:
    dispatch = in_the_past(event, delivery=Delivery.CONFIRMED)
    page = browser.post(f"/home/events/{dispatch.pk}/opt-out/")
    assert page.status_code == 409
    assert "This event is over; there is nothing left to opt out of." in text(page)
    assert not OptOut.objects.exists()


def test_pause_and_resume(browser: Client, system: System, event: Event) -> None:
    enrollment = system.enrollments.get()
    paused = browser.post(f"/home/systems/{enrollment.pk}/pause/", follow=True)
    assert "Downstairs is paused. It gets no events until you resume it." in text(paused)
    assert "This system is paused then, so nothing is sent to it." in text(paused)
    resumed = browser.post(f"/home/systems/{enrollment.pk}/resume/", follow=True)
    assert "Downstairs takes part again." in text(resumed)
    assert browser.get(f"/home/systems/{enrollment.pk}/resume/").status_code == 405


def test_withdraw_asks_once_and_destroys_the_tokens_with_the_last_system(
    browser: Client, system: System, event: Event, given_back: list[str]
) -> None:
    enrollment = system.enrollments.get()
    address = f"/home/systems/{enrollment.pk}/withdraw/"
    page = text(browser.get(address))
    assert "It is your last system on this Carrier account" in page
    assert Enrollment.objects.get().state == EnrollmentState.ACTIVE
    done = text(browser.post(address, follow=True))
    assert "Downstairs has left Summer Peak. It gets no more events." in done
    assert "Our permission at Carrier is destroyed." in done
    assert given_back == ["refresh-token"]
    grant = CarrierGrant.objects.get()
    assert (grant.state, grant.access_sealed) == (GrantState.REVOKED, None)
    assert Consent.objects.filter(act=ConsentAct.WITHDRAWN).count() == 2


def test_withdraw_of_one_of_two_keeps_the_permission(
    browser: Client, system: System, given_back: list[str]
) -> None:
    first = system.enrollments.get()
    second = cast.system(system.grant, "2319W005555", name="Upstairs")
    Enrollment.objects.create(
        system=second,
        program=first.program,
        user=first.user,
        enrolled_at=MORNING,
        changed_at=MORNING,
    )
    assert "Your other systems stay as they are." in text(
        browser.get(f"/home/systems/{first.pk}/withdraw/")
    )
    browser.post(f"/home/systems/{first.pk}/withdraw/")
    assert given_back == []
    assert CarrierGrant.objects.get().state == GrantState.ACTIVE


def test_withdraw_says_what_carrier_already_has(
    browser: Client, system: System, event: Event, given_back: list[str]
) -> None:
    become(event, delivery=Delivery.CONFIRMED)
    address = f"/home/systems/{system.enrollments.get().pk}/withdraw/"
    assert "One event is already at Carrier" in text(browser.get(address))
    assert "press Override on the wall control" in text(browser.post(address, follow=True))


# --- whose ------------------------------------------------------------------------------------
def test_what_is_not_mine_answers_exactly_as_what_is_not_there(
    system: System, event: Event
) -> None:
    eve = Client()
    eve.force_login(cast.homeowner("eve@home.example"))
    dispatch, enrollment = Dispatch.objects.get(), system.enrollments.get()
    for theirs, missing in (
        (f"/home/events/{dispatch.pk}/opt-out/", "/home/events/999999/opt-out/"),
        (f"/home/systems/{enrollment.pk}/pause/", "/home/systems/999999/pause/"),
        (f"/home/systems/{enrollment.pk}/resume/", "/home/systems/999999/resume/"),
        (f"/home/systems/{enrollment.pk}/withdraw/", "/home/systems/999999/withdraw/"),
    ):
        found, absent = eve.post(theirs), eve.post(missing)
        assert found.status_code == absent.status_code == 404
        assert _without_csrf(found) == _without_csrf(absent)
    dispatch.refresh_from_db()
    assert dispatch.delivery == Delivery.PLANNED
    assert system.enrollments.get().state == EnrollmentState.ACTIVE


def _without_csrf(response: Any) -> list[str]:
    lines = response.content.decode().splitlines()
    return [line for line in lines if "csrf" not in line.lower()]


@pytest.mark.parametrize("address", [HOME, "/home/events/1/opt-out/", "/home/systems/1/withdraw/"])
def test_strangers_sign_in_and_staff_are_refused(address: str) -> None:
    assert Client().get(address)["Location"].startswith("/accounts/login/")
    staff = Client()
    staff.force_login(cast.operator())
    assert staff.get(address).status_code == 403


def test_an_event_that_is_called_off_says_so_at_once(browser: Client, event: Event) -> None:
    """Cancelled before it was sent."""
    operations.cancel(event_id=event.pk, actor=Actor("user:test"), now=MORNING)
    assert "called it off." in text(browser.get(HOME))


# --- who had joined ---------------------------------------------------------------------------
def test_the_next_owner_of_a_wall_control_sees_nothing_of_the_time_before(
    browser: Client, hanna: User, system: System, event: Event, given_back: list[str]
) -> None:
    row = in_the_past(event, delivery=Delivery.CONFIRMED, participation=Participation.COMPLETED)
    enrollment = system.enrollments.get()
    browser.post(f"/home/systems/{enrollment.pk}/withdraw/")
    otto = cast.homeowner("otto@home.example")
    grant = cast.grant(otto)
    homes.save_home(
        grant=grant,
        locations=[{"carrier_id": "1"}],
        systems=[{"serial": system.serial, "location": "1", "name": "Den"}],
        now=MORNING,
        real_now=MORNING,
    )
    system.refresh_from_db()
    assert system.grant_id == grant.pk
    theirs = Client()
    theirs.force_login(otto)
    assert "Hot afternoon" not in text(theirs.get(HOME))
    assert theirs.get(f"/home/events/{row.pk}/opt-out/").status_code == 404
    for act in ("pause", "resume", "withdraw"):
        assert theirs.post(f"/home/systems/{enrollment.pk}/{act}/").status_code == 404

    cast.agreement(otto, enrollment.program)
    homes.enroll(
        user=otto,
        program=enrollment.program,
        system_ids=[system.pk],
        actor=Actor("user:otto"),
        now=MORNING,
    )
    page = text(theirs.get(HOME))
    assert "Den" in page
    assert "Hot afternoon" not in page
    assert "15 of 15" in page, "nor what was used before"
    assert "Hot afternoon" in text(browser.get(HOME)), "who was there still sees it"


def test_pages_ask_no_more_often_when_there_are_more_events(
    browser: Client, system: System, event: Event
) -> None:
    def questions() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert "Hot afternoon" in text(browser.get(HOME))
        return len(asked)

    browser.get(HOME)
    before = questions()
    row = Dispatch.objects.get()
    for number in range(1, 9):
        day = timedelta(days=number if number % 2 else -number)
        event.pk = None
        event.starts_at, event.ends_at = event.starts_at + day, event.ends_at + day
        event.wire_id = f"{number:08d}"
        event.save(force_insert=True)
        row.pk, row.event = None, event
        row.window = (event.starts_at, event.ends_at)
        row.save(force_insert=True)
    assert Dispatch.objects.count() == 9
    assert questions() == before


@pytest.mark.parametrize(
    ("can", "recall", "words"),
    [
        ("none", "", "We noted your no, but Carrier already has this event. To stop it, press"),
        ("modification", "", "We noted your no and ask Carrier to take it back"),
        ("modification", "ASKED", "We noted your no and ask Carrier to take it back"),
        ("modification", "RECALLED", "Carrier took it back: nothing of it happens at your home."),
        ("modification", "CANNOT", "We asked Carrier to take it back, and it did not. To be sure"),
    ],
)
def test_a_late_no_is_told_what_it_does(
    client: Client, settings: Settings, can: str, recall: str, words: str
) -> None:
    settings.CARRIER_CANCEL = can
    program = cast.program()
    system = cast.enrolled(program)
    event = cast.scheduled(program)
    Dispatch.objects.filter(event=event).update(
        delivery=Delivery.CONFIRMED, opted_out_at=cast.MORNING, recall=recall
    )
    client.force_login(system.grant.user)
    page = " ".join(client.get(reverse("my_home")).content.decode().split())
    assert words in page
