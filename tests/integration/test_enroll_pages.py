"""The way into a program, page by page: what is said, with which status, and what is kept."""

import html
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone

from base.refusal import Refused
from enrollments import vendor_session
from enrollments.models import CarrierGrant, Consent, Enrollment, LinkAttempt, System
from enrollments.operations import Tokens
from enrollments.rules import ASKED_SCOPES
from enrollments.states import GrantState, Ineligible
from people.models import User
from tests import cast

pytestmark = pytest.mark.django_db

JOIN = "/join/summer-peak/"
CALLBACK = "/connect/callback/"
KEPT_NOTHING = "Nothing was connected and we kept nothing from Carrier."


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


def never(**_: Any) -> Any:
    raise AssertionError("Carrier must not be asked")


@pytest.fixture
def no_redeem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor_session, "redeem", never)


@pytest.fixture
def redeemed(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Carrier answers every code with tokens for the account ``hanna``; the calls are kept."""
    calls: list[dict[str, str]] = []

    def redeem(*, code: str, verifier: str) -> tuple[str, Tokens]:
        calls.append({"code": code, "verifier": verifier})
        soon = timezone.now() + timedelta(hours=1)
        return "hanna", Tokens("access", "refresh", soon, ASKED_SCOPES)

    monkeypatch.setattr(vendor_session, "redeem", redeem)
    return calls


def connect(browser: Client) -> str:
    """Press Connect; the state Carrier is to send back."""
    away = browser.post(JOIN + "connect/")
    assert away.status_code == 302
    return parse_qs(urlsplit(away["Location"]).query)["state"][0]


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
    monkeypatch.setattr(vendor_session, "redeem", refuse)
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
