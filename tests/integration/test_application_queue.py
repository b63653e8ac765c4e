"""The queue and its figures: who sees what, beside what, and how it is found."""

import csv
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from base import clock
from enrollments import queries
from enrollments.models import Application, Customer, Program
from people.models import ActivityEntry
from people.states import Role
from tests import cast
from tests.cast import MORNING
from tests.integration.queue import QUEUE, REASON, WAITS, applied, decide, signed_in, state, text

pytestmark = pytest.mark.django_db


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


# --- what is seen -------------------------------------------------------------------------------
def test_what_was_typed_stands_beside_the_nearest_customers(
    summer: Program, customer: Customer, service: Client
) -> None:
    cast.customer("4100732283", name="Nora Near", email="nora@home.example")
    cast.customer("5555555555", name="Far Away")
    cast.customer("4100732280", name="Elsewhere", postal_code="62702")
    applied(summer)
    page = text(service.get(QUEUE))
    assert "hanna@home.example The utility must act Summer Peak · waits since Tue Jul 14" in page
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
    assert "Summer Peak 0 1 0 0 1 0 0 0 0" in page
    for secret in ("hanna@home.example", "4100732282", "4100732281", "to decide"):
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
    assert "Summer Peak 0 5 1 1 0 1 1 0 1" in page
    assert "Winter Peak 0 1 0 0 0 0 1 0 0" in page
    assert "All programs 0 6 1 1 0 1 2 0 1" in page
    assert "Nothing waits for you." in page
    assert "All programs 0 7 1 1 0 1 2 1 1" in text(service.get(QUEUE + "?since=all"))


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


def test_the_next_page_and_the_file_keep_what_was_searched(
    summer: Program, customer: Customer, service: Client
) -> None:
    for number in range(26):
        applied(summer, f"home-{number}@home.example", f"77777{number:02}")
    page = service.get(QUEUE + "?q=home-&state=NEEDS_ACTION").content.decode()
    asked = "state=NEEDS_ACTION&amp;who=&amp;program=&amp;q=home-"
    last = Application.objects.order_by("id")[24].pk
    assert f'rel="next" href="?{asked}&amp;since=&amp;after={last}"' in page
    assert f'href="{QUEUE}all.csv?{asked}" download' in page


# --- download -----------------------------------------------------------------------------------
def file(client: Client, query: str) -> list[list[str]]:
    answer = client.get(f"{QUEUE}all.csv{query}")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="applications.csv"'
    return list(csv.reader(io.StringIO(b"".join(answer).decode())))


def test_the_file_is_what_is_filtered_defused_and_on_record(
    summer: Program, customer: Customer, service: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries.applications, "AT_ONCE", 1)
    ones = [applied(summer, f"home-{number}@home.example", f"77777{number}") for number in range(3)]
    decide(service, "reject", ones[2], reason="=HYPERLINK(1)")
    decide(service, "approve", ones[1], customer=customer)
    at = MORNING.isoformat()
    waits = [
        "home-0@home.example", "Summer Peak", "NEEDS_ACTION", "UTILITY", "ACCOUNT", "", "",
        "777770", "62701", at, at,
    ]  # fmt: skip
    assert file(service, "") == [list(queries.applications.HEADER), waits]
    assert file(service, "?q=77-77-70&who=") == [list(queries.applications.HEADER), waits]
    assert [row[0] for row in file(service, "?who=&program=summer-peak")[1:]] == [
        f"home-{number}@home.example" for number in range(3)
    ]
    assert file(service, "?who=&program=winter-peak")[1:] == []
    (rejected,) = file(service, "?state=REJECTED")[1:]
    assert rejected[2:6] == ["REJECTED", "", "", "'=HYPERLINK(1)"]
    (approved,) = file(service, "?q=4100732281")[1:]
    assert approved[:8] == [
        "home-1@home.example", "Summer Peak", "APPLIED", "", "", "", "4100732281", "",
    ]  # fmt: skip
    taken = ActivityEntry.objects.filter(verb="export-applications").order_by("id")
    assert [(one.subject, one.detail) for one in taken] == [
        ("applications", {"filter": asked})
        for asked in (
            "who=UTILITY", "q=77-77-70", "program=summer-peak", "program=winter-peak",
            "state=REJECTED", "q=4100732281",
        )
    ]  # fmt: skip


def test_a_viewer_gets_no_file(summer: Program) -> None:
    applied(summer)
    viewer = signed_in(cast.operator("vera@utility.example", Role.VIEWER))
    assert viewer.get(f"{QUEUE}all.csv").status_code == 403
    assert not ActivityEntry.objects.filter(verb="export-applications").exists()
