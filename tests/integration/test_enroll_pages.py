"""The way into a program, page by page: what is said, with which status, and what is kept."""

import html
from typing import Any

import pytest
from django.test import Client

from enrollments.models import Consent
from people.models import User
from tests import cast

pytestmark = pytest.mark.django_db

JOIN = "/join/summer-peak/"


@pytest.fixture
def program() -> Any:
    return cast.program()


@pytest.fixture
def hanna() -> User:
    return cast.homeowner()


@pytest.fixture
def browser(hanna: User) -> Client:
    client = Client()
    client.force_login(hanna)
    return client


def text(response: Any) -> str:
    return html.unescape(response.content.decode())


# --- public -----------------------------------------------------------------------------------
def test_visitor_sees_open_programs_and_the_exact_terms(program: Any) -> None:
    visitor = Client()
    assert "Summer Peak" in text(visitor.get("/"))
    page = visitor.get("/programs/summer-peak/")
    assert page.status_code == 200
    assert "You may leave at any time." in text(page)
    assert "/accounts/signup/?next=%2Fjoin%2Fsummer-peak%2F" in text(page)


def test_program_without_terms_shows_a_sentence_and_no_button(program: Any) -> None:
    program.terms.all().delete()
    page = text(Client().get("/programs/summer-peak/"))
    assert "This program has no published terms yet, so nobody can join. Come back soon." in page
    assert ">Join<" not in page


def test_closed_program_lets_nobody_begin(program: Any, browser: Client) -> None:
    program.is_open = False
    program.save()
    assert "This program takes no new homes at the moment." in text(browser.get(JOIN))
    refused = browser.post(JOIN + "agree/", {"version": 1, "agree": "on"})
    assert refused.status_code == 422
    assert not Consent.objects.exists()


def test_no_programs_is_said_kindly(db: None) -> None:
    assert "No program takes new homes at the moment" in text(Client().get("/"))


@pytest.mark.parametrize("address", ["/programs/none/", "/join/none/"])
def test_unknown_program_is_404(browser: Client, address: str) -> None:
    page = browser.get(address)
    assert page.status_code == 404
    assert "There is no such page" in text(page)


def test_pages_hold_no_inline_script_or_style(program: Any, browser: Client) -> None:
    for address in ("/", "/programs/summer-peak/", JOIN, "/accounts/login/", "/accounts/email/"):
        page = browser.get(address, follow=True)
        body = page.content.decode()
        assert " style=" not in body
        assert "<style" not in body
        assert " onclick=" not in body
        assert "unsafe-inline" not in page["Content-Security-Policy"]


# --- who --------------------------------------------------------------------------------------
def test_stranger_is_sent_to_sign_in_and_back(program: Any) -> None:
    answer = Client().get(JOIN)
    assert answer.status_code == 302
    assert answer["Location"] == f"/accounts/login/?next={JOIN}"


def test_utility_staff_get_a_friendly_no(program: Any) -> None:
    client = Client()
    client.force_login(cast.operator())
    page = client.get(JOIN)
    assert page.status_code == 403
    assert "Pages where a home is enrolled belong to homeowners" in text(page)


# --- consent ----------------------------------------------------------------------------------
def test_agreeing_keeps_version_time_and_address(program: Any, browser: Client) -> None:
    assert "Read and agree" in text(browser.get(JOIN))
    answer = browser.post(
        JOIN + "agree/", {"version": 1, "agree": "on"}, REMOTE_ADDR="198.51.100.7"
    )
    assert answer["Location"] == JOIN
    kept = Consent.objects.get()
    assert (kept.terms.version, kept.address) == (1, "198.51.100.7")
    assert "Connect your Carrier account" in text(browser.get(JOIN))


def test_an_unticked_box_is_an_error_beside_the_box(program: Any, browser: Client) -> None:
    page = browser.post(JOIN + "agree/", {"version": 1})
    assert page.status_code == 422
    assert "Tick the box to say that you agree, or leave the page." in text(page)
    assert 'aria-describedby="agree_error"' in text(page)
    assert not Consent.objects.exists()


def test_terms_that_changed_meanwhile_are_shown_again(program: Any, browser: Client) -> None:
    cast.terms(program, version=2)
    page = browser.post(JOIN + "agree/", {"version": 1, "agree": "on"})
    assert page.status_code == 422
    assert "The terms have changed since you opened this page." in text(page)
    assert 'name="version" value="2"' in text(page)
    assert not Consent.objects.exists()


def test_agreeing_twice_writes_once(program: Any, browser: Client) -> None:
    for _ in range(2):
        browser.post(JOIN + "agree/", {"version": 1, "agree": "on"})
    assert Consent.objects.count() == 1
