"""The way to Carrier and back under attack, against the running pretend cloud.

docs/security.md names each item (C1 to C15) and its test; most are beside what they test."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from pytest_django import Settings

from enrollments import vendor_session
from enrollments.models import CarrierGrant, Program
from enrollments.rules import ASKED_SCOPES
from people.models import ActivityEntry, User
from tests import cast
from tests.contract.conftest import REDIRECT, challenge
from tests.integration.conftest import Vendor

pytestmark = pytest.mark.django_db(transaction=True)
CALLBACK, CONNECT = "/connect/callback/", "/join/summer-peak/connect/"


@pytest.fixture
def summer(vendor: Vendor, settings: Settings) -> Program:
    settings.CARRIER = dict(settings.CARRIER) | {"redirect_uri": REDIRECT}
    vendor_session.config.cache_clear()
    return cast.program()


@pytest.fixture
def hanna(summer: Program) -> User:
    user = cast.homeowner()
    cast.agreement(user, summer)
    return user


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def pressed(browser: Client) -> dict[str, str]:
    """Press Connect; what goes along to Carrier."""
    away = browser.post(CONNECT)
    return {name: values[0] for name, values in parse_qs(urlsplit(away["Location"]).query).items()}


def token_requests(vendor: Vendor) -> list[int]:
    """Carrier's answers to requests for tokens."""
    return [entry["status"] for entry in vendor.entries("POST oauth/token")]


def assert_nothing_kept(page: Any, status: int) -> None:
    assert page.status_code == status
    assert "we kept nothing from Carrier" in page.content.decode()
    assert not CarrierGrant.objects.exists()
    assert not ActivityEntry.objects.filter(verb="connect").exists()


def test_c2_what_goes_along(hanna: User) -> None:
    browser = browser_of(hanna)
    first, second = pressed(browser), pressed(browser)
    assert first["redirect_uri"] == REDIRECT
    assert first["code_challenge_method"] == "S256"
    assert set(first["scope"].split()) == set(ASKED_SCOPES)
    assert len(first["state"]) >= 22, "128 random bits are 22 letters of base64"
    for fresh in ("state", "code_challenge"):
        assert first[fresh] != second[fresh]


def test_the_honest_way_works(vendor: Vendor, hanna: User) -> None:
    """Without it the refusals below would prove nothing."""
    browser = browser_of(hanna)
    mine = pressed(browser)
    code = vendor.code(vendor.homes()[0], code_challenge=mine["code_challenge"])
    back = browser.get(CALLBACK, {"code": code, "state": mine["state"]})
    assert (back.status_code, back["Location"]) == (302, "/join/summer-peak/")
    assert CarrierGrant.objects.get().user == hanna
    assert token_requests(vendor) == [200]


def test_c3_after_signing_out_the_answer_is_nobodys(vendor: Vendor, hanna: User) -> None:
    browser = browser_of(hanna)
    mine = pressed(browser)
    code = vendor.code(vendor.homes()[0], code_challenge=mine["code_challenge"])
    browser.post("/accounts/logout/")
    assert_nothing_kept(browser.get(CALLBACK, {"code": code, "state": mine["state"]}), 400)
    browser.force_login(hanna)  # the same person in the same browser, another session
    assert_nothing_kept(browser.get(CALLBACK, {"code": code, "state": mine["state"]}), 400)
    assert token_requests(vendor) == []


def test_c6_a_code_of_another_walk_connects_nothing(vendor: Vendor, hanna: User) -> None:
    """Somebody slips a code of their own into her answer, so that she would feed their account;
    or uses hers, overheard. Either way the verifier does not match the code."""
    eve = cast.homeowner("eve@home.example")
    cast.agreement(eve, hanna.consents.get().terms.program)
    hers, theirs = browser_of(hanna), browser_of(eve)
    mine, other = pressed(hers), pressed(theirs)
    injected = vendor.code(vendor.homes()[0], code_challenge=other["code_challenge"])
    assert_nothing_kept(hers.get(CALLBACK, {"code": injected, "state": mine["state"]}), 409)
    overheard = vendor.code(vendor.homes()[1], code_challenge=mine["code_challenge"])
    assert_nothing_kept(theirs.get(CALLBACK, {"code": overheard, "state": other["state"]}), 409)
    assert token_requests(vendor) == [400, 400]


def test_c6_a_code_without_any_challenge_of_ours(vendor: Vendor, hanna: User) -> None:
    browser = browser_of(hanna)
    mine = pressed(browser)
    code = vendor.code(vendor.homes()[0], code_challenge=challenge("x" * 50))
    assert_nothing_kept(browser.get(CALLBACK, {"code": code, "state": mine["state"]}), 409)
    assert token_requests(vendor) == [400]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "redirect"},
        {"kind": "web_page"},
        {"kind": "garbage"},
        {"kind": "empty_body"},
        {"kind": "big_body", "megabytes": 20},
        {"kind": "endless_body"},
        {"kind": "gzip_bomb", "megabytes": 20},
        {"kind": "error_before"},
        {"kind": "hang_before", "seconds": 30.0},
        {"kind": "drip", "seconds_per_byte": 0.2},
        {"kind": "reset_after"},
    ],
    ids=lambda fault: fault["kind"],
)
def test_c7_a_token_address_gone_bad_is_asked_once(
    vendor: Vendor, hanna: User, settings: Settings, fault: dict[str, Any]
) -> None:
    settings.CARRIER = dict(settings.CARRIER) | {"total_timeout_s": 0.7}
    vendor_session.config.cache_clear()
    browser = browser_of(hanna)
    mine = pressed(browser)
    code = vendor.code(vendor.homes()[0], code_challenge=mine["code_challenge"])
    rule = {**fault, "match": {"operation": "POST oauth/token"}}
    vendor.admin("PUT", "faults", rules=[rule])
    page = browser.get(CALLBACK, {"code": code, "state": mine["state"]})
    assert_nothing_kept(page, 502)
    assert "Carrier is not ready just now" in page.content.decode()
    assert len(token_requests(vendor)) == 1
    again = browser.get(CALLBACK, {"code": code, "state": mine["state"]})
    assert_nothing_kept(again, 400)
    assert len(token_requests(vendor)) == 1, "a reload asks nobody"
