"""To Carrier and back: what is sent along, and every answer that may come."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from base.refusal import Refused
from enrollments.models import CarrierGrant, LinkAttempt
from enrollments.operations import Tokens
from enrollments.rules import ASKED_SCOPES
from enrollments.states import ConsentAct, GrantState
from enrollments.vendor_session import connecting, giving_back
from people.models import ActivityEntry, User
from people.states import Role
from tests import cast
from tests.integration.test_enroll_pages import JOIN, browser, hanna, program, text

__all__ = ["browser", "hanna", "program"]  # fixtures

pytestmark = pytest.mark.django_db
CALLBACK = "/connect/callback/"
KEPT_NOTHING = "Nothing was connected and we kept nothing from Carrier."


def never(**_: Any) -> Any:
    raise AssertionError("Carrier must not be asked")


@pytest.fixture
def no_redeem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "redeem", never)


@pytest.fixture
def redeemed(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Carrier answers every code with tokens for the account ``hanna``; the calls are kept."""
    calls: list[dict[str, str]] = []

    def redeem(*, code: str, verifier: str) -> tuple[str, Tokens]:
        calls.append({"code": code, "verifier": verifier})
        soon = timezone.now() + timedelta(hours=1)
        return "hanna", Tokens("access", "refresh", soon, ASKED_SCOPES)

    monkeypatch.setattr(connecting, "redeem", redeem)
    return calls


def connect(browser: Client) -> str:
    """Press Connect; the state Carrier is to send back."""
    away = browser.post(JOIN + "connect/")
    assert away.status_code == 302
    return parse_qs(urlsplit(away["Location"]).query)["state"][0]


# --- connect ----------------------------------------------------------------------------------
def test_connect_is_a_post_and_nothing_else(program: Any, browser: Client) -> None:
    for method in (browser.get, browser.put, browser.delete, browser.head):
        assert method(JOIN + "connect/").status_code == 405
    assert not LinkAttempt.objects.exists()


def test_connect_wants_the_csrf_token(program: Any, hanna: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(hanna)
    cast.agreement(hanna, program)
    page = strict.post(JOIN + "connect/")
    assert page.status_code == 403
    assert "Please try that again" in text(page)
    assert not LinkAttempt.objects.exists()


def test_connect_without_agreement_goes_nowhere(program: Any, browser: Client) -> None:
    answer = browser.post(JOIN + "connect/", follow=True)
    assert "Please read and agree to the program terms first." in text(answer)
    assert not LinkAttempt.objects.exists()


def test_connect_sends_to_carrier_with_pkce_and_keeps_only_hashes(
    program: Any, hanna: User, browser: Client
) -> None:
    cast.agreement(hanna, program)
    away = browser.post(JOIN + "connect/")
    sent = parse_qs(urlsplit(away["Location"]).query)
    assert sent["code_challenge_method"] == ["S256"]
    assert sent["redirect_uri"] == ["http://testserver/connect/callback/"]
    kept = LinkAttempt.objects.get()
    assert sent["state"][0] not in (kept.state_hash, kept.session_hash)
    assert kept.verifier not in away["Location"]


# --- the answer -------------------------------------------------------------------------------
def test_a_good_answer_connects_and_reading_begins(
    program: Any, hanna: User, browser: Client, redeemed: list[dict[str, str]]
) -> None:
    cast.agreement(hanna, program)
    state = connect(browser)
    verifier = LinkAttempt.objects.get().verifier
    answer = browser.get(CALLBACK, {"code": "c1", "state": state})
    assert (answer.status_code, answer["Location"]) == (302, JOIN)
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["Cache-Control"] == "no-store"
    assert redeemed == [{"code": "c1", "verifier": verifier}]
    assert LinkAttempt.objects.get().verifier == "", "a used verifier is not kept"
    grant = CarrierGrant.objects.get()
    assert (grant.user, grant.state) == (hanna, GrantState.ACTIVE)
    assert "Reading your systems" in text(browser.get(JOIN))


def _bad_state(page: Any) -> None:
    assert page.status_code == 400
    assert "We cannot use this answer from Carrier" in text(page)
    assert "Nothing was connected and we kept nothing from Carrier." in text(page)
    assert page["Referrer-Policy"] == "no-referrer"
    assert page["Cache-Control"] == "no-store"
    assert not CarrierGrant.objects.exists()
    answered = ActivityEntry.objects.filter(verb="not-connected").exclude(detail__why="denied")
    assert not answered.exists(), "anybody could fill the log with answers that belong to nothing"


@pytest.mark.parametrize("query", [{}, {"code": "c"}, {"code": "c", "state": "guess"}])
def test_missing_or_wrong_state(
    program: Any, hanna: User, browser: Client, no_redeem: None, query: dict[str, str]
) -> None:
    cast.agreement(hanna, program)
    connect(browser)
    _bad_state(browser.get(CALLBACK, query))
    assert LinkAttempt.objects.get().used_at is None


def test_used_state(program: Any, hanna: User, browser: Client, no_redeem: None) -> None:
    cast.agreement(hanna, program)
    state = connect(browser)
    browser.get(CALLBACK, {"error": "access_denied", "state": state})
    _bad_state(browser.get(CALLBACK, {"code": "c", "state": state}))


def test_old_state(program: Any, hanna: User, browser: Client, no_redeem: None) -> None:
    cast.agreement(hanna, program)
    state = connect(browser)
    LinkAttempt.objects.update(began_at=timezone.now() - timedelta(minutes=11))
    _bad_state(browser.get(CALLBACK, {"code": "c", "state": state}))


def test_state_of_another_session_of_the_same_person(
    program: Any, hanna: User, browser: Client, no_redeem: None
) -> None:
    cast.agreement(hanna, program)
    state = connect(browser)
    other = Client()
    other.force_login(hanna)
    _bad_state(other.get(CALLBACK, {"code": "c", "state": state}))


def test_state_of_somebody_else(
    program: Any, hanna: User, browser: Client, no_redeem: None
) -> None:
    cast.agreement(hanna, program)
    state = connect(browser)
    eve = Client()
    eve.force_login(cast.homeowner("eve@home.example"))
    _bad_state(eve.get(CALLBACK, {"code": "c", "state": state}))


def test_answer_to_nobody_signed_in(program: Any, no_redeem: None) -> None:
    _bad_state(Client().get(CALLBACK, {"code": "c", "state": "s"}))


def test_denied_is_fine_and_nothing_is_kept(
    program: Any, hanna: User, browser: Client, no_redeem: None
) -> None:
    cast.agreement(hanna, program)
    page = browser.get(CALLBACK, {"error": "access_denied", "state": connect(browser)})
    assert page.status_code == 200
    assert "You said no at Carrier" in text(page)
    assert "Nothing was connected and we kept nothing from Carrier." in text(page)
    assert JOIN in text(page)
    assert not CarrierGrant.objects.exists()
    entry = ActivityEntry.objects.get(verb="not-connected")
    assert (entry.actor, entry.subject) == (f"user:{hanna.pk}", f"program:{program.pk}")
    assert entry.detail == {"why": "denied"}
    viewer = Client()
    viewer.force_login(cast.operator("vera@utility.example", Role.VIEWER))
    funnel = text(viewer.get("/console/applications/"))
    assert "without a permission: Summer Peak 1 time (1 said no there)." in funnel


def test_what_the_error_says_is_not_repeated(
    program: Any, hanna: User, browser: Client, no_redeem: None
) -> None:
    cast.agreement(hanna, program)
    query = {
        "error": "server_error",
        "error_description": "<script>alert(1)</script> call 555-0100",
        "state": connect(browser),
    }
    page = browser.get(CALLBACK, query)
    assert page.status_code == 502
    assert "alert(1)" not in page.content.decode()
    assert "555-0100" not in page.content.decode()
    assert KEPT_NOTHING in text(page)
    kept = ActivityEntry.objects.get(verb="not-connected")
    assert kept.detail == {"why": "trouble"}, "a word of ours, not of the answer"


@pytest.mark.parametrize(
    ("code", "status", "headline"),
    [
        ("code-refused", 409, "That took too long"),
        ("carrier-down", 502, "Carrier is not ready just now"),
        ("no-username", 502, "Carrier is not ready just now"),
        ("scopes-missing", 200, "A permission is missing"),
    ],
)
def test_carrier_refuses_the_code(
    program: Any,
    hanna: User,
    browser: Client,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    status: int,
    headline: str,
) -> None:
    def refuse(**_: Any) -> Any:
        raise Refused("A sentence <b>about it</b>.", code=code)

    cast.agreement(hanna, program)
    monkeypatch.setattr(connecting, "redeem", refuse)
    page = browser.get(CALLBACK, {"code": "c", "state": connect(browser)})
    assert page.status_code == status
    assert headline in text(page)
    assert "A sentence &lt;b&gt;about it&lt;/b&gt;." in page.content.decode()
    assert KEPT_NOTHING in text(page)
    assert not CarrierGrant.objects.exists()


def test_account_of_somebody_else_is_refused_without_a_name(
    program: Any, hanna: User, browser: Client, redeemed: list[dict[str, str]]
) -> None:
    cast.grant(cast.homeowner("otto@home.example"), carrier_username="hanna")
    cast.agreement(hanna, program)
    page = browser.get(CALLBACK, {"code": "c", "state": connect(browser)})
    assert page.status_code == 409
    assert "This Carrier account cannot be connected" in text(page)
    assert "otto" not in text(page)
    assert CarrierGrant.objects.count() == 1


def test_who_has_left_meanwhile_gives_no_permission(
    program: Any,
    hanna: User,
    browser: Client,
    redeemed: list[dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given_back: list[str] = []
    monkeypatch.setattr(giving_back, "give_back", given_back.append)
    agreed = cast.agreement(hanna, program)
    state = connect(browser)
    agreed.pk, agreed.act = None, ConsentAct.WITHDRAWN
    agreed.save()
    page = browser.get(CALLBACK, {"code": "c", "state": state})
    assert page.status_code == 409
    assert "Something changed while you were at Carrier" in text(page)
    assert "Please read and agree to the program terms first." in text(page)
    assert given_back == ["refresh"]
    assert not CarrierGrant.objects.exists()
