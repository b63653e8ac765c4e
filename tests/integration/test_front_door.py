"""Who is at the door: sign-in limits on every way in, and the address a visitor comes from."""

from typing import Any

import pytest
from django.test import Client, RequestFactory
from pytest_django import Settings

from enrollments.models import Consent
from people.access import address_of
from people.models import User
from tests import cast

pytestmark = pytest.mark.django_db
PROXY, VISITOR, INVENTED = "10.0.0.1", "198.51.100.7", "203.0.113.99"


# --- the back office --------------------------------------------------------------------------
@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root@utility.example", cast.PASSWORD)


def test_the_back_office_has_no_sign_in_of_its_own(root: User) -> None:
    visitor = Client()
    form = {"username": root.email, "password": cast.PASSWORD}
    for answer in (visitor.get("/admin/login/"), visitor.post("/admin/login/", form)):
        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/login/?next=")
    assert "_auth_user_id" not in visitor.session, "not even with the right password"
    assert visitor.get("/admin/", follow=True).redirect_chain[-1][0].startswith("/accounts/login/")


def test_guessing_ends_at_the_limits_of_the_one_sign_in_page(root: User) -> None:
    visitor = Client()

    def guess(password: str) -> Any:
        way = visitor.post("/admin/login/?next=/admin/", {"username": root.email, "password": "x"})
        return visitor.post(way["Location"], {"login": root.email, "password": password})

    for number in range(5):
        assert "Too many" not in guess(f"guess {number}").content.decode()
    told = guess(cast.PASSWORD)
    assert "Too many failed login attempts" in told.content.decode()
    assert "_auth_user_id" not in visitor.session


def test_homeowners_are_not_shown_the_back_office() -> None:
    browser = Client()
    browser.force_login(cast.homeowner())
    assert browser.get("/admin/login/").status_code == 403


# --- addresses --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, None, PROXY),
        (0, INVENTED, PROXY),
        (1, None, PROXY),
        (1, VISITOR, VISITOR),
        (1, f"{INVENTED}, {VISITOR}", VISITOR),
        (1, f"{INVENTED},{VISITOR}:4711", VISITOR),
        (1, "2001:db8::7", "2001:db8::7"),
        (1, f"{VISITOR}, nonsense", None),
        (2, f"{INVENTED}, {VISITOR}, 10.0.0.2", VISITOR),
    ],
)
def test_only_what_our_own_proxies_wrote_is_believed(
    settings: Settings, proxies: int, forwarded: str | None, address: str | None
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = RequestFactory().get("/", headers=headers, REMOTE_ADDR=PROXY)
    assert address_of(request) == address


def test_a_connection_without_an_address_has_none() -> None:
    assert address_of(RequestFactory().get("/", REMOTE_ADDR="")) is None


@pytest.mark.parametrize(("proxies", "address"), [(0, PROXY), (1, VISITOR)])
def test_the_ledger_keeps_the_visitors_address(
    settings: Settings, proxies: int, address: str
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    cast.program()
    browser = Client(REMOTE_ADDR=PROXY, headers={"X-Forwarded-For": f"{INVENTED}, {VISITOR}"})
    browser.force_login(cast.homeowner())
    browser.post("/join/summer-peak/agree/", {"version": 1, "agree": "on"})
    assert Consent.objects.get().address == address


@pytest.mark.parametrize(("proxies", "limited"), [(0, True), (1, True), (2, False)])
def test_another_invented_address_each_time_is_no_way_round_the_limit(
    settings: Settings, proxies: int, limited: bool
) -> None:
    """With one proxy too many configured it would be: hence the warning in docs/running.md."""
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    settings.ACCOUNT_RATE_LIMITS = {"signup": "3/m/ip"}
    answers = []
    for number in range(4):
        forwarded = f"203.0.113.{number}, {VISITOR}"
        visitor = Client(REMOTE_ADDR=PROXY, headers={"X-Forwarded-For": forwarded})
        form = {"email": f"n{number}@home.example", "password1": "a long sentence here"}
        answers.append(visitor.post("/accounts/signup/", form).status_code)
    assert answers == [302, 302, 302, 429 if limited else 302]


def test_visitors_behind_one_proxy_do_not_share_a_limit(settings: Settings) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    settings.ACCOUNT_RATE_LIMITS = {"signup": "1/m/ip"}
    for number in range(3):
        visitor = Client(REMOTE_ADDR=PROXY, headers={"X-Forwarded-For": f"198.51.100.{number}"})
        form = {"email": f"n{number}@home.example", "password1": "a long sentence here"}
        assert visitor.post("/accounts/signup/", form).status_code == 302


# --- what nobody types ------------------------------------------------------------------------
def test_a_nul_byte_in_the_search_is_nothing() -> None:
    cast.enrolled(cast.program(), "2319W004821")
    browser = Client()
    browser.force_login(cast.operator())
    for query in ("%00", "2319%00W004821", "%00&state=%00&after=%00"):
        page = browser.get(f"/console/systems/?q={query}")
        assert page.status_code == 200
        assert "2319W004821" in page.content.decode()
