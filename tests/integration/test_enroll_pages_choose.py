"""Reading a home, choosing systems, and an account on the way."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone

from enrollments.models import CarrierGrant, Consent, Enrollment, System
from enrollments.states import GrantState, Ineligible
from people.models import User
from tests import cast
from tests.integration.test_enroll_pages import JOIN, browser, hanna, program, text

__all__ = ["browser", "hanna", "program"]  # fixtures

pytestmark = pytest.mark.django_db


# --- reading ----------------------------------------------------------------------------------
@pytest.fixture
def reading(program: Any, hanna: User) -> CarrierGrant:
    cast.agreement(hanna, program)
    return cast.grant(hanna, synced_at=None, sync_due_at=timezone.now())


def test_reading_asks_for_itself_and_works_without_scripts(
    reading: CarrierGrant, browser: Client
) -> None:
    page = text(browser.get(JOIN))
    assert 'hx-trigger="every 1s"' in page
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page


def test_poll_is_silent_then_says_trouble_then_reloads(
    reading: CarrierGrant, browser: Client
) -> None:
    def poll() -> Any:
        return browser.get(JOIN + "?failures=0", headers={"HX-Request": "true"})

    assert poll().status_code == 204
    CarrierGrant.objects.update(sync_failures=1, sync_trouble="Carrier could not be reached")
    told = poll()
    assert "Carrier could not be reached." in text(told).replace("</strong>", "")
    assert "<html" not in text(told)
    CarrierGrant.objects.update(synced_at=timezone.now(), sync_due_at=None)
    assert poll()["HX-Refresh"] == "true"


def test_check_again_makes_the_reading_due(reading: CarrierGrant, browser: Client) -> None:
    CarrierGrant.objects.update(sync_due_at=None)
    assert browser.post(JOIN + "check/")["Location"] == JOIN
    reading.refresh_from_db()
    assert reading.sync_due_at is not None
    assert reading.reading_asked_at == reading.sync_due_at
    assert browser.get(JOIN + "check/").status_code == 405


def test_pressing_check_again_in_a_row_asks_once(reading: CarrierGrant, browser: Client) -> None:
    """A press must not cut into the reading the last one asked for, nor ask for one after it."""

    def press(**fields: str) -> Any:
        return browser.post(JOIN + "check/", fields)

    def ago(seconds: int) -> Any:
        return timezone.now() - timedelta(seconds=seconds)

    claimed = timezone.now() + timedelta(seconds=60)
    CarrierGrant.objects.update(sync_due_at=claimed, pressed_at=ago(5))
    assert press()["Location"] == JOIN
    assert press(back="home")["Location"] == "/home/"
    assert CarrierGrant.objects.values_list("sync_due_at", "reading_asked_at").get() == (
        claimed,
        None,
    )
    assert "We asked Carrier a few seconds ago." in text(browser.get(JOIN))
    CarrierGrant.objects.update(pressed_at=ago(11))
    assert press(back="home")["Location"] == "/home/"
    reading.refresh_from_db()
    assert reading.sync_due_at == reading.reading_asked_at == reading.pressed_at
    assert reading.pressed_at is not None
    assert reading.pressed_at > ago(10)
    assert "We are asking Carrier again." in text(browser.get("/home/"))


def test_lost_permission_asks_to_connect_again(program: Any, hanna: User, browser: Client) -> None:
    cast.agreement(hanna, program)
    cast.grant(hanna, state=GrantState.NEEDS_RELINK)
    page = text(browser.get(JOIN))
    assert "Connect to Carrier again" in page
    assert f'action="{JOIN}connect/"' in page


# --- choose -----------------------------------------------------------------------------------
def test_only_a_reading_somebody_waits_for_shows_as_one(ready: System, browser: Client) -> None:
    """Homes are read again every day; nobody has to watch that."""
    CarrierGrant.objects.update(sync_due_at=timezone.now() + timedelta(days=1))
    assert 'id="checking"' not in text(browser.get(JOIN))
    CarrierGrant.objects.update(sync_due_at=timezone.now())
    assert 'id="checking"' not in text(browser.get(JOIN))
    browser.post(JOIN + "check/")
    assert 'id="checking"' in text(browser.get(JOIN))
    poll = browser.get(JOIN + "?failures=0", headers={"HX-Request": "true"})
    assert poll.status_code == 204
    CarrierGrant.objects.update(state=GrantState.NEEDS_RELINK)
    assert 'id="checking"' not in text(browser.get(JOIN))


@pytest.fixture
def ready(program: Any, hanna: User) -> System:
    cast.agreement(hanna, program)
    return cast.system(cast.grant(hanna))


@pytest.mark.parametrize(
    ("fields", "obstacle"),
    [
        ({"has_outdoor_unit": False}, Ineligible.NO_OUTDOOR_UNIT),
        ({"dr_enabled": None}, Ineligible.DR_UNKNOWN),
        ({"dr_enabled": False}, Ineligible.DR_OFF),
        ({"is_online": False}, Ineligible.OFFLINE),
        ({"read_at": None}, Ineligible.NOT_READ),
    ],
)
def test_each_obstacle_comes_with_its_remedy(
    ready: System, browser: Client, fields: dict[str, Any], obstacle: Ineligible
) -> None:
    from enrollments.rules import REMEDIES

    cast.system(ready.grant, "2319W009999", name="Attic", **fields)
    page = text(browser.get(JOIN))
    assert obstacle.label in page
    assert REMEDIES[obstacle] in page
    assert page.count('name="system"') == 1
    refused = browser.post(
        JOIN + "enroll/", {"system": list(System.objects.values_list("id", flat=True))}
    )
    assert refused.status_code == 422
    assert f"Attic: {REMEDIES[obstacle]}" in text(refused)
    assert not Enrollment.objects.exists()


def test_enrolling_leads_to_done(ready: System, browser: Client) -> None:
    answer = browser.post(JOIN + "enroll/", {"system": ready.pk})
    assert answer["Location"] == JOIN
    assert "You are in" in text(browser.get(JOIN))
    assert Enrollment.objects.get().system == ready
    assert Consent.objects.filter(system=ready).count() == 1


def test_pressing_enroll_twice_is_harmless(ready: System, browser: Client) -> None:
    for _ in range(2):
        assert browser.post(JOIN + "enroll/", {"system": ready.pk})["Location"] == JOIN
    assert Enrollment.objects.count() == 1


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ([], "Choose at least one system."),
        (["0"], "One of these systems is not connected to your account."),
        (["x"], "One of these systems is not connected to your account."),
        (["9" * 40], "One of these systems is not connected to your account."),
    ],
)
def test_choosing_nonsense_enrolls_nothing(
    ready: System, browser: Client, chosen: list[str], sentence: str
) -> None:
    page = browser.post(JOIN + "enroll/", {"system": chosen})
    assert page.status_code == 422
    assert sentence in text(page)
    assert 'aria-describedby="system_error"' in text(page)
    assert not Enrollment.objects.exists()


def test_systems_of_others_answer_as_unknown(ready: System, browser: Client) -> None:
    theirs = cast.system(cast.grant(cast.homeowner("otto@home.example")), "2319W007777")
    page = browser.post(JOIN + "enroll/", {"system": theirs.pk})
    assert page.status_code == 422
    assert "One of these systems is not connected to your account." in text(page)
    assert not Enrollment.objects.exists()


def test_back_office_shows_no_token(ready: System) -> None:
    admin = Client()
    admin.force_login(User.objects.create_superuser("root@utility.example", cast.PASSWORD))
    page = admin.get(f"/admin/enrollments/carriergrant/{ready.grant_id}/change/")
    assert page.status_code == 200
    assert "sealed" not in text(page)
    assert admin.post(f"/admin/enrollments/carriergrant/{ready.grant_id}/change/").status_code in (
        302,
        403,
    )


# --- an account on the way --------------------------------------------------------------------
def test_signing_up_by_code_leads_on_to_the_program(
    program: Any, mailoutbox: list[EmailMessage]
) -> None:
    visitor = Client()
    form = {"email": "nora@home.example", "password1": "a long sentence here", "next": JOIN}
    asked = visitor.post("/accounts/signup/", form, follow=True)
    assert "Confirm your email address" in text(asked)
    code = re.search(r"^([A-Z0-9-]{6,10})$", str(mailoutbox[0].body), re.MULTILINE)
    assert code is not None
    done = visitor.post("/accounts/confirm-email/", {"code": code[1], "next": JOIN}, follow=True)
    assert done.redirect_chain[-1][0] == JOIN
    assert "Read and agree" in text(done)


def test_account_pages_are_at_home(browser: Client) -> None:
    for address in ("/accounts/email/", "/accounts/2fa/", "/accounts/password/change/"):
        page = browser.get(address)
        assert page.status_code == 200
        assert 'class="site-header"' in text(page)
        assert text(page).count("<h1") == 1


def test_wrong_password_is_an_error_in_words(hanna: User) -> None:
    page = Client().post("/accounts/login/", {"login": hanna.email, "password": "wrong"})
    assert page.status_code == 200
    assert 'role="alert"' in text(page)


# --- a newer text --------------------------------------------------------------------------------
def test_who_has_not_joined_reads_a_newer_text_first(
    program: Any, ready: System, hanna: User, browser: Client
) -> None:
    assert "Choose your systems" in text(browser.get(JOIN))
    cast.terms(program, version=2)
    late = browser.post(JOIN + "enroll/", {"system": ready.pk})
    assert late.status_code == 422
    assert "Please read and agree to the program terms first." in text(late)
    assert not Enrollment.objects.exists()
    assert "There is a new text since you agreed." in text(browser.get(JOIN))
    browser.post(JOIN + "agree/", {"version": 2, "agree": "on"})
    assert "Choose your systems" in text(browser.get(JOIN)), "on where she stopped"
    browser.post(JOIN + "enroll/", {"system": ready.pk})
    assert Consent.objects.get(system=ready).terms.version == 2
    cast.terms(program, version=3)
    assert "You are in" in text(browser.get(JOIN)), "who has joined stays with theirs"
