"""The utility account on the way in: matched, or looked at by a person; nothing is found out by
trying."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from base import clock
from base.refusal import Refused
from enrollments import operations, queries
from enrollments.models import Application, Customer, Enrollment, LinkAttempt, Notice, Program
from enrollments.rules.matching import TRIES_A_DAY
from people.models import ActivityEntry, User
from people.operations import Actor
from tests import cast
from tests.cast import MORNING

pytestmark = pytest.mark.django_db
JOIN, ACCOUNT = "/join/summer-peak/", "/join/summer-peak/account/"
BILL, HERE = "4100732281", "62701"


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: MORNING)


@pytest.fixture
def summer() -> Program:
    return cast.program(needs_account=True)


@pytest.fixture
def customer() -> Customer:
    return cast.customer(BILL, postal_code=HERE)


@pytest.fixture
def hanna(summer: Program) -> User:
    user = cast.homeowner()
    operations.agree(user=user, program=summer, version=1, actor=Actor.person(user), now=MORNING)
    return user


@pytest.fixture
def browser(hanna: User) -> Client:
    return signed_in(hanna)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text(response: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def typed(browser: Client, account: str, postal: str = HERE) -> Any:
    return browser.post(ACCOUNT, {"account": account, "postal": postal})


def now_at(user: User) -> tuple[str, str, str]:
    one = Application.objects.filter(user=user).latest("id")
    return one.state, one.who, one.why


def step(user: User, program: Program) -> str:
    return queries.journey(user, program).step


# --- the way through ----------------------------------------------------------------------------
def test_the_number_and_the_postal_code_lead_on(
    summer: Program, customer: Customer, hanna: User, browser: Client
) -> None:
    assert (step(hanna, summer), now_at(hanna)) == ("account", ("APPLIED", "", ""))
    page = text(browser.get(JOIN))
    assert "This program is for customers of Prairie Light." in page
    assert typed(browser, " 4100-7322 81 ", "62701-4455")["Location"] == JOIN
    assert (step(hanna, summer), now_at(hanna)) == ("connect", ("APPLIED", "", ""))
    one = Application.objects.get()
    assert (one.customer_id, one.typed_account, one.typed_postal) == (customer.pk, "", "")
    assert typed(browser, "999999")["Location"] == JOIN, "pressed twice: nothing is asked any more"
    assert Application.objects.get().customer_id == customer.pk
    assert "authorize" in browser.post(f"{JOIN}connect/")["Location"]


def test_a_program_that_asks_for_no_account_asks_for_none(customer: Customer) -> None:
    winter = cast.program("Winter Peak")
    user = cast.homeowner()
    cast.agreement(user, winter)
    assert step(user, winter) == "connect"
    address = "/join/winter-peak/account/"
    answer = signed_in(user).post(address, {"account": BILL, "postal": HERE})
    assert answer["Location"] == "/join/winter-peak/"
    assert not Application.objects.exists()


def test_what_did_not_match_waits_for_the_utility_and_can_be_corrected_at_once(
    summer: Program, customer: Customer, hanna: User, browser: Client
) -> None:
    assert typed(browser, "4100732282")["Location"] == JOIN
    assert (step(hanna, summer), now_at(hanna)) == (
        "account",
        ("NEEDS_ACTION", "UTILITY", "ACCOUNT"),
    )
    page = browser.get(JOIN)
    assert page.status_code == 200
    words = text(page)
    assert "We look at your account" in words
    assert "We look at your utility account and write to you." in text(browser.get("/home/"))
    assert "You typed Account 4100732282 , postal code 62701 Tue Jul 14, 9:00 AM CDT" in words
    assert f"Somebody at Prairie Light looks at it and writes to {hanna.email}" in words
    assert 'value="4100732282"' in page.content.decode(), "what was typed is there to be corrected"
    typed(browser, BILL)
    assert (step(hanna, summer), now_at(hanna)) == ("connect", ("APPLIED", "", ""))
    moves = ActivityEntry.objects.filter(verb="move-application").order_by("id")
    assert [entry.detail["after"]["state"] for entry in moves] == ["NEEDS_ACTION", "APPLIED"]
    assert not Notice.objects.exists(), "nobody decided anything"


# --- nothing is found out by trying ---------------------------------------------------------------
def test_near_far_and_taken_look_the_same(summer: Program, customer: Customer) -> None:
    otto = cast.homeowner("otto@home.example")
    cast.agreement(otto, summer)
    typed(signed_in(otto), BILL)
    answers = set()
    for number, (account, postal) in enumerate(
        [(BILL, "62702"), ("4100732282", HERE), ("9999999999", HERE), (BILL, HERE)]
    ):
        user = cast.homeowner(f"home-{number}@home.example")
        cast.agreement(user, summer)
        client = signed_in(user)
        answer = typed(client, account, postal)
        page = text(client.get(JOIN))
        for own in (account, postal, user.email):
            page = page.replace(own, "…")
        answers.add((answer.status_code, answer["Location"], page, now_at(user)))
        entry = ActivityEntry.objects.filter(actor=f"user:{user.pk}", verb="match-account").get()
        assert entry.detail == {}, "the log is for ever, and people may read their own acts"
    assert len(answers) == 1
    assert {one.customer_id for one in Application.objects.exclude(user=otto)} == {None}


def test_the_tries_of_a_day_are_counted(
    summer: Program, customer: Customer, hanna: User, browser: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for number in range(TRIES_A_DAY):
        assert typed(browser, f"99999{number:02d}").status_code == 302
    refused = typed(browser, BILL)
    assert refused.status_code == 422
    assert "You have tried 10 times within a day." in text(refused)
    one = Application.objects.get()
    assert (one.customer_id, one.typed_account) == (None, "9999909")
    assert ActivityEntry.objects.filter(verb="match-account").count() == TRIES_A_DAY
    monkeypatch.setattr(clock, "now", lambda: MORNING + timedelta(hours=24))
    assert typed(browser, BILL).status_code == 302
    assert step(hanna, summer) == "connect"


@pytest.mark.parametrize(
    ("account", "postal", "sentence"),
    [
        ("", HERE, "Type the account number that is on your bill."),
        ("12", HERE, "An account number has 4 to 32 digits or letters."),
        ("4100'; --", HERE, "An account number has 4 to 32 digits or letters."),
        ("4100\x00732", HERE, "Null characters are not allowed."),
        (BILL, "", "Type the postal code of the home."),
        (BILL, "6", "Type the postal code of the home, such as 62701."),
        (BILL, "62_01", "Type the postal code of the home, such as 62701."),
    ],
)
def test_what_can_be_no_account_is_said_next_to_its_field_and_counts_as_no_try(
    customer: Customer, hanna: User, browser: Client, account: str, postal: str, sentence: str
) -> None:
    answer = typed(browser, account, postal)
    assert answer.status_code == 422
    assert sentence in text(answer)
    assert answer.content.decode().count("field-error") == 1
    assert now_at(hanna) == ("APPLIED", "", "")
    assert not ActivityEntry.objects.filter(verb="match-account").exists()


# --- one account, one person ----------------------------------------------------------------------
def test_an_account_is_free_again_once_its_home_left(
    summer: Program, customer: Customer, hanna: User, browser: Client
) -> None:
    typed(browser, BILL)
    system = cast.system(cast.grant(hanna))
    enroll(hanna, summer, system.pk)
    otto = cast.homeowner("otto@home.example")
    cast.agreement(otto, summer)
    assert not match(otto, summer)
    enrollment = Enrollment.objects.get()
    operations.withdraw(enrollment_id=enrollment.pk, actor=Actor.person(hanna), now=MORNING)
    assert now_at(hanna) == ("WITHDRAWN", "", "")
    assert match(otto, summer)


def test_one_person_may_use_an_account_in_two_programs(
    summer: Program, customer: Customer, hanna: User
) -> None:
    winter = cast.program("Winter Peak", needs_account=True)
    cast.agreement(hanna, winter)
    assert match(hanna, summer)
    assert match(hanna, winter)


def match(user: User, program: Program) -> bool:
    return operations.match_account(
        user=user, program=program, account=BILL, postal=HERE, actor=Actor.person(user), now=MORNING
    )


def enroll(user: User, program: Program, *systems: int) -> list[Enrollment]:
    return operations.enroll(
        user=user, program=program, system_ids=systems, actor=Actor.person(user), now=MORNING
    )


# --- nobody goes past it --------------------------------------------------------------------------
def test_nobody_goes_past_the_account(
    summer: Program, customer: Customer, hanna: User, browser: Client
) -> None:
    system = cast.system(cast.grant(hanna))
    page = browser.post(f"{JOIN}connect/", follow=True)
    assert "Please tell us your utility account first." in text(page)
    with pytest.raises(Refused, match="tell us your utility account first"):
        enroll(hanna, summer, system.pk)
    assert (LinkAttempt.objects.count(), Enrollment.objects.count()) == (0, 0)
    match(hanna, summer)
    enroll(hanna, summer, system.pk)
    assert now_at(hanna) == ("ACTIVE", "", "")
    assert step(hanna, summer) == "done"


def test_an_account_comes_after_the_terms(summer: Program, customer: Customer) -> None:
    otto = cast.homeowner("otto@home.example")
    with pytest.raises(Refused, match="agree to the program terms first"):
        match(otto, summer)
    assert signed_in(otto).post(ACCOUNT, {"account": BILL, "postal": HERE})["Location"] == JOIN
    assert not Application.objects.exists()


def test_who_joined_before_accounts_were_asked_for_is_not_asked(hanna: User) -> None:
    winter = cast.program("Winter Peak")
    cast.agreement(hanna, winter)
    grant = cast.grant(hanna)
    first, second = cast.system(grant), cast.system(grant, "2319W004822")
    enroll(hanna, winter, first.pk)
    Program.objects.filter(pk=winter.pk).update(needs_account=True)
    winter.refresh_from_db()
    assert step(hanna, winter) == "done"
    assert [one.system_id for one in enroll(hanna, winter, second.pk)] == [second.pk]


def test_a_closed_program_takes_no_account(
    summer: Program, customer: Customer, browser: Client
) -> None:
    Program.objects.update(is_open=False)
    assert "This program takes no new homes at the moment." in text(browser.get(JOIN))


def test_staff_has_no_application(summer: Program, customer: Customer) -> None:
    client = signed_in(cast.operator())
    assert client.post(ACCOUNT, {"account": BILL, "postal": HERE}).status_code == 403
    assert not Application.objects.exists()
