"""Nobody works for the utility with a password alone."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.test import Client
from pytest_django import Settings

from dr_events.models import Control
from people.models import ActivityEntry, User
from people.states import STAFF, Role
from tests import cast
from tests.integration.test_people import signed_in, somebody

pytestmark = pytest.mark.django_db
SETUP = "/accounts/2fa/totp/activate/"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture(autouse=True)
def required(settings: Settings) -> None:
    settings.MFA_REQUIRED = True


def code(secret: str = SECRET) -> str:
    return format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))


@pytest.mark.parametrize("role", sorted(STAFF))
def test_staff_without_it_get_no_further_than_setting_it_up(role: Role) -> None:
    client = Client()
    client.force_login(somebody(role))
    for path in (
        "/",
        "/console/",
        "/console/systems/",
        "/console/audit/",
        "/console/audit.csv",
        "/console/people/",
        "/console/events/1/board/",
        "/admin/",
        "/programs/",
        "/no/such/page/",
    ):
        assert client.get(path)["Location"] == SETUP, path
    answer = client.get("/console/events/1/board/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Redirect"]) == (200, SETUP)
    assert answer.content == b""
    assert client.post("/console/stop/", {"why": "x", "confirm": "STOP"})["Location"] == SETUP
    assert not Control.objects.filter(stopped=True).exists()
    assert not ActivityEntry.objects.exists()


@pytest.mark.django_db(transaction=True)  # the signals come with the commit
def test_they_set_it_up_and_are_in() -> None:
    olga = somebody()
    client = signed_in(olga)
    page = client.get("/console/", follow=True)
    assert page.redirect_chain[0] == (SETUP, 302)
    asked, _ = page.redirect_chain[1]
    assert asked.startswith("/accounts/reauthenticate/"), "the password once more"
    assert "Set up two-step sign-in first" in page.content.decode()
    page = client.post(asked, {"password": cast.PASSWORD}, follow=True)
    assert page.redirect_chain == [(SETUP, 302)]
    assert "data:image/svg" in page.content.decode(), "something to point a phone at"
    secret = client.session["mfa.totp.secret"]
    done = client.post(SETUP, {"code": code(secret)})
    assert done.status_code == 302
    assert client.get("/console/").status_code == 200
    assert list(ActivityEntry.objects.order_by("id").values_list("verb", flat=True)) == [
        "sign-in",
        "add-second-factor",
        "add-second-factor",
    ]


def test_the_next_sign_in_asks_for_the_code() -> None:
    olga = somebody()
    TOTP.activate(olga, SECRET)
    client = signed_in(olga)
    assert "_auth_user_id" not in client.session
    assert client.get("/console/")["Location"].startswith("/accounts/login/")
    wrong = client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert wrong.status_code == 200
    assert "_auth_user_id" not in client.session
    client.post("/accounts/2fa/authenticate/", {"code": code()})
    assert client.get("/console/").status_code == 200


def test_a_recovery_code_opens_once() -> None:
    olga = somebody()
    TOTP.activate(olga, SECRET)
    spare = RecoveryCodes.activate(olga).get_unused_codes()[0]
    for opens in (True, False):
        client = signed_in(olga)
        client.post("/accounts/2fa/authenticate/", {"code": spare})
        assert ("_auth_user_id" in client.session) is opens


def test_who_turns_it_off_must_set_it_up_again() -> None:
    olga = somebody()
    TOTP.activate(olga, SECRET)
    client = signed_in(olga)
    client.post("/accounts/2fa/authenticate/", {"code": code()})
    asked = client.post("/accounts/2fa/totp/deactivate/")["Location"]
    client.post(asked, {"password": cast.PASSWORD})
    client.post("/accounts/2fa/totp/deactivate/")
    assert not Authenticator.objects.filter(user=olga).exists()
    assert client.get("/console/")["Location"] == SETUP
    assert ActivityEntry.objects.latest("id").verb == "remove-second-factor"


def test_a_superuser_without_a_role_is_staff_too() -> None:
    root = User.objects.create_superuser("root@utility.example", cast.PASSWORD)
    User.objects.filter(pk=root.pk).update(role=Role.HOMEOWNER)
    client = Client()
    client.force_login(root)
    assert client.get("/admin/")["Location"] == SETUP


def test_signing_out_and_health_stay_open() -> None:
    client = Client()
    client.force_login(somebody())
    assert client.get("/accounts/logout/").status_code == 200
    assert client.get("/accounts/sessions/").status_code == 200
    assert Client().get("/readyz").json() == {"ok": True}


def test_homeowners_choose_for_themselves() -> None:
    client = Client()
    client.force_login(cast.homeowner())
    assert client.get("/home/").status_code == 200
