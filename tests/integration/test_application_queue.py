"""The queue: what did not match by itself, decided by somebody at the utility, one or many."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from base import clock
from dr_events.mailing import compose
from dr_events.queries import notices as mails
from enrollments import operations, queries
from enrollments.models import Application, Customer, Notice, Program
from people.models import ActivityEntry, User
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.cast import MORNING

pytestmark = pytest.mark.django_db
QUEUE, JOIN = "/console/applications/", "/join/summer-peak/"
REASON = "We could not find this number; please look at your last bill."
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


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text(response: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def applied(summer: Program, email: str = "hanna@home.example", account: str = "4100732282") -> Any:
    """A homeowner whose account waits for somebody."""
    user = cast.homeowner(email)
    cast.agreement(user, summer)
    operations.match_account(
        user=user, program=summer, account=account, postal="62701",
        actor=Actor.person(user), now=MORNING,
    )  # fmt: skip
    return Application.objects.get(user=user)


def decide(client: Client, act: str, *ones: Application, customer: Any = None, **more: str) -> Any:
    form: dict[str, Any] = {"act": act, "application": [one.pk for one in ones]}
    for one in ones:
        form[f"seen-{one.pk}"] = one.changed_at.isoformat()
        if customer is not None:
            form[f"customer-{one.pk}"] = getattr(customer, "pk", customer)
    return client.post(QUEUE, form | more)


def state(one: Application) -> tuple[str, str, str, str]:
    one = Application.objects.get(pk=one.pk)
    return one.state, one.who, one.why, one.reason


def words_mailed() -> str:
    notice = Notice.objects.select_related("user").get()
    return str(compose(notice, mails.letter(notice, now=MORNING), now=MORNING).body)


WAITS = ("NEEDS_ACTION", "UTILITY", "ACCOUNT", "")


# --- what is seen -------------------------------------------------------------------------------
def test_what_was_typed_stands_beside_the_nearest_customers(
    summer: Program, customer: Customer, service: Client
) -> None:
    cast.customer("4100732283", name="Nora Near", email="nora@home.example")
    cast.customer("5555555555", name="Far Away")
    cast.customer("4100732280", name="Elsewhere", postal_code="62702")
    applied(summer)
    page = text(service.get(QUEUE))
    assert "hanna@home.example Somebody must act The utility Summer Peak" in page
    assert "Account, as typed 4100732282 Postal code, as typed 62701" in page
    assert "4100732281 , 62701 Nearly the same Hanna Home, 1 Elm St, Springfield" in page
    assert "Nora Near, 1 Elm St, Springfield · n…@home.example" in page
    assert "Far Away" not in page
    assert "Elsewhere" not in page
    assert "Applications 1 to decide" in page, "the count in the navigation"


def test_the_same_e_mail_and_a_taken_account_are_said(
    summer: Program, customer: Customer, service: Client
) -> None:
    Customer.objects.update(email="otto@home.example")
    applied(summer, account=customer.account)
    applied(summer, "otto@home.example", customer.account)
    page = service.get(QUEUE)
    assert "4100732281 , 62701 The same Used by somebody else Hanna Home" in text(page)
    assert "same e-mail" in text(page)
    assert len(re.findall(r'type="radio"[^>]* disabled', page.content.decode())) == 1


def test_a_viewer_sees_figures_and_no_address(summer: Program, customer: Customer) -> None:
    applied(summer)
    viewer = signed_in(cast.operator("vera@utility.example", Role.VIEWER))
    page = text(viewer.get(QUEUE + "?who="))
    assert "Summer Peak 1 0 0 1 0 0 0 0" in page
    for secret in ("hanna@home.example", "4100732282", "4100732281"):
        assert secret not in page
    one = Application.objects.get()
    assert decide(viewer, "approve", one, customer=customer).status_code == 403
    assert state(one) == WAITS
    assert "Hanna" not in text(viewer.get("/console/customers/?q=Hanna"))


def test_the_funnel_counts_by_program_state_and_time(summer: Program, service: Client) -> None:
    winter = cast.program("Winter Peak")
    old = MORNING - timedelta(days=31)
    every: tuple[dict[str, Any], ...] = (
        {"state": "APPLIED"},
        {"state": "NEEDS_ACTION", "who": "HOMEOWNER", "why": "ANSWER"},
        {"state": "NEEDS_ACTION", "who": "CARRIER", "why": "UNREAD"},
        {"state": "ACTIVE"},
        {"state": "ACTIVE", "program": winter},
        {"state": "REJECTED", "applied_at": old},
        {"state": "WITHDRAWN"},
    )
    for number, fields in enumerate(every):
        user = cast.homeowner(f"home-{number}@home.example")
        defaults: dict[str, Any] = {"program": summer, "applied_at": MORNING}
        Application.objects.create(user=user, changed_at=MORNING, **defaults | fields)
    page = text(service.get(QUEUE))
    assert "Summer Peak 5 1 1 0 1 1 0 1" in page
    assert "Winter Peak 1 0 0 0 0 1 0 0" in page
    assert "All programs 6 1 1 0 1 2 0 1" in page
    assert "Nothing waits for you." in page
    assert "All programs 7 1 1 0 1 2 1 1" in text(service.get(QUEUE + "?since=all"))


def test_filters_search_and_pages(
    summer: Program, customer: Customer, service: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ones = [applied(summer, f"home-{number}@home.example", f"77777{number}") for number in range(3)]
    decide(service, "reject", ones[2], reason=REASON)

    def found(query: str) -> list[str]:
        page = service.get(QUEUE + query).content.decode()
        return re.findall(r"<strong>(home-\d)@", page)

    assert found("") == ["home-0", "home-1"]
    assert found("?who=") == ["home-0", "home-1", "home-2"]
    assert found("?state=REJECTED") == ["home-2"]
    assert found("?q=home-1%40") == ["home-1"]
    assert found("?q=77-77-70") == ["home-0"], "by what was typed, however it is written"
    assert found("?q=nothing%00") == []
    assert found("?program=summer-peak&who=UTILITY") == ["home-0", "home-1"]
    assert found("?program=winter-peak&who=") == []
    shown, further = queries.applications.find(limit=2)
    assert [row.id for row in shown] == [ones[0].pk, ones[1].pk]
    shown, further = queries.applications.find(limit=2, after=further)
    assert ([row.id for row in shown], further) == ([ones[2].pk], 0)
    assert found(f"?who=&after={ones[1].pk}") == ["home-2"]


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
    with pytest.raises(Exception, match="before this was sent"):
        words_mailed()
