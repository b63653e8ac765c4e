"""Decisions about applications: one or many, each with its reason, each told."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from base import clock
from base.refusal import Refused
from enrollments import operations, queries
from enrollments.models import Application, Customer, Notice, Program
from people.models import ActivityEntry, User
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.cast import MORNING
from tests.integration.queue import (
    QUEUE,
    REASON,
    WAITS,
    applied,
    decide,
    signed_in,
    state,
    text,
    words_mailed,
)

pytestmark = pytest.mark.django_db
JOIN = "/join/summer-peak/"
LATER = MORNING + timedelta(hours=3)


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: MORNING)


@pytest.fixture
def summer() -> Program:
    return cast.program(needs_account=True)


@pytest.fixture
def customer() -> Customer:
    return cast.customer()


@pytest.fixture
def service() -> Client:
    return signed_in(cast.operator("cora@utility.example", Role.CUSTOMER_SERVICE))


# --- decisions ----------------------------------------------------------------------------------
def test_approved_goes_on_and_is_told(summer: Program, customer: Customer, service: Client) -> None:
    one = applied(summer)
    page = service.post(QUEUE, follow=True, data=_form(one, customer))
    assert "1 approved. The homeowner goes on, and is told by mail." in text(page)
    assert state(one) == ("APPLIED", "", "", "")
    kept = Application.objects.get()
    assert (kept.customer_id, kept.typed_account, kept.typed_postal) == (customer.pk, "", "")
    assert queries.journey(kept.user, summer).step == "connect"
    assert "found the account you typed for Summer Peak" in words_mailed()
    assert "http://testserver/join/summer-peak/" in words_mailed()
    entry = ActivityEntry.objects.latest("id")
    assert (entry.verb, entry.subject) == ("move-application", f"application:{one.pk}")
    assert entry.actor == f"user:{User.objects.get(email='cora@utility.example').pk}"
    assert entry.detail["after"] == {"state": "APPLIED", "who": "", "why": ""}


def _form(one: Application, customer: Customer) -> dict[str, Any]:
    return {
        "act": "approve",
        "application": [one.pk],
        f"seen-{one.pk}": one.changed_at.isoformat(),
        f"customer-{one.pk}": customer.pk,
    }


def test_rejected_reads_why_and_may_apply_again(
    summer: Program, customer: Customer, service: Client
) -> None:
    one = applied(summer)
    assert decide(service, "reject", one, reason=f"  {REASON}\n").status_code == 302
    assert state(one) == ("REJECTED", "", "", REASON)
    assert REASON in words_mailed()
    browser = signed_in(one.user)
    home = text(browser.get("/home/"))
    assert "You began to join Summer Peak . We could not accept your application; see why." in home
    page = text(browser.get(JOIN))
    assert "We could not accept your application What Prairie Light writes" in page
    assert REASON in page
    refused = browser.post(f"{JOIN}connect/", follow=True)
    assert "Please apply again first." in text(refused)
    assert browser.post(f"{JOIN}again/")["Location"] == JOIN
    assert list(Application.objects.order_by("id").values_list("state", flat=True)) == [
        "REJECTED", "APPLIED",
    ]  # fmt: skip
    assert queries.journey(one.user, summer).step == "account"
    assert "You have an application already." in text(browser.post(f"{JOIN}again/", follow=True))
    assert Application.objects.count() == 2


def test_asked_to_check_may_be_asked_twice(
    summer: Program, customer: Customer, service: Client
) -> None:
    one = applied(summer)
    decide(service, "ask", one, reason=REASON)
    assert state(one) == ("NEEDS_ACTION", "HOMEOWNER", "ASKED", REASON)
    assert REASON in words_mailed()
    browser = signed_in(one.user)
    assert "Before you go on, something needs you." in text(browser.get("/home/"))
    page = text(browser.get(JOIN))
    assert f"Please check your account number. Prairie Light writes: {REASON}" in page
    operations.match_account(
        user=one.user, program=summer, account="4100732289", postal="62701",
        actor=Actor.person(one.user), now=LATER,
    )  # fmt: skip
    assert state(one) == WAITS
    operations.decide(
        act="ask",
        choices=[operations.Choice(one.pk, LATER.isoformat())],
        reason=REASON,
        actor=Actor.person(User.objects.get(email="cora@utility.example")),
        now=LATER,
    )
    assert Notice.objects.count() == 2
    browser.post(f"{JOIN}account/", {"account": customer.account, "postal": "62701"})
    assert state(one) == ("APPLIED", "", "", "")


def test_many_are_decided_at_once_and_one_that_cannot_be_leaves_the_others(
    summer: Program, customer: Customer, service: Client
) -> None:
    ones = [applied(summer, f"home-{number}@home.example") for number in range(3)]
    operations.match_account(
        user=ones[1].user, program=summer, account="888888", postal="62701",
        actor=Actor.person(ones[1].user), now=LATER,
    )  # fmt: skip
    page = decide(service, "approve", *ones, customer=customer)
    said = text(service.get(page["Location"]))
    assert "1 approved." in said
    assert "home-1@home.example: something changed since you opened the page" in said
    assert "home-2@home.example: account 4100732281 belongs to somebody else" in said
    assert [state(one)[0] for one in ones] == ["APPLIED", "NEEDS_ACTION", "NEEDS_ACTION"]
    assert Notice.objects.count() == 1


@pytest.mark.parametrize(
    ("act", "more", "sentence"),
    [
        ("reject", {}, "Write what the homeowner is to know, in a sentence."),
        ("reject", {"reason": "no"}, "Write what the homeowner is to know, in a sentence."),
        ("ask", {"reason": "x" * 301}, "Keep it below 300 characters."),
        ("approve", {"application": ""}, "Tick at least one application."),
        ("approve", {"application": "1; DROP"}, "Tick at least one application."),
        ("burn", {"reason": REASON}, "Choose what to do."),
    ],
)
def test_what_is_missing_decides_nothing_and_loses_nothing(
    summer: Program, customer: Customer, service: Client, act: str, more: dict[str, str],
    sentence: str,
) -> None:  # fmt: skip
    one = applied(summer)
    before = ActivityEntry.objects.count()
    page = decide(service, act, one, customer=customer, **more)
    assert page.status_code == 422
    assert f"Nothing was decided. {sentence}" in text(page)
    assert more.get("reason", "") in page.content.decode()
    picked = re.search(r'type="radio"[^>]* checked', page.content.decode()) is not None
    assert picked, "the customer that was chosen is still chosen"
    ticked = re.search(r'name="application"[^>]* checked', page.content.decode()) is not None
    assert ticked == ("application" not in more)
    assert state(one) == WAITS
    assert (Notice.objects.count(), ActivityEntry.objects.count()) == (0, before)


@pytest.mark.parametrize(
    ("customer_id", "sentence"),
    [(None, "choose which customer it is"), ("999999", "there is no such customer")],
)
def test_approving_takes_a_customer(
    summer: Program, service: Client, customer_id: str | None, sentence: str
) -> None:
    one = applied(summer)
    page = decide(service, "approve", one, customer=customer_id)
    assert sentence in text(service.get(page["Location"]))
    assert state(one) == WAITS
    assert not Notice.objects.exists()


def test_what_is_decided_is_not_decided_again(
    summer: Program, customer: Customer, service: Client
) -> None:
    one = applied(summer)
    decide(service, "reject", one, reason=REASON)
    page = decide(service, "approve", one, customer=customer)
    assert "something changed since you opened the page" in text(service.get(page["Location"]))
    assert state(one)[0] == "REJECTED"
    assert Notice.objects.count() == 1


# --- mail that is not true any more ---------------------------------------------------------------
@pytest.mark.parametrize("act", ["approve", "reject", "ask"])
def test_a_mail_that_came_too_late_is_not_sent(
    summer: Program, customer: Customer, service: Client, act: str
) -> None:
    one = applied(summer)
    decide(service, act, one, customer=customer, reason=REASON)
    browser = signed_in(one.user)
    if act == "approve":
        system = cast.system(cast.grant(one.user))
        browser.post(f"{JOIN}enroll/", {"system": [system.pk]})
        Notice.objects.filter(kind="ENROLLED").delete()
    elif act == "reject":
        browser.post(f"{JOIN}again/")
    else:
        browser.post(f"{JOIN}account/", {"account": customer.account, "postal": "62701"})
    with pytest.raises(Refused, match="before this was sent"):
        words_mailed()
