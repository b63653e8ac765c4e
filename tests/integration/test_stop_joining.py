"""A homeowner on the way in changes their mind: the way out is as short as the way in."""

from typing import Any

import pytest
from django.test import Client

from base import clock
from base.refusal import Refused
from enrollments import operations, queries, vendor_session
from enrollments.models import Application, CarrierGrant, Consent, Enrollment, Program
from enrollments.vendor_session import giving_back
from people.models import ActivityEntry, User
from people.operations import Actor
from tests import cast
from tests.cast import MORNING
from tests.integration.queue import applied, signed_in, text

pytestmark = pytest.mark.django_db
HANNA = Actor("user:hanna", address="203.0.113.7")
JOIN = "/join/summer-peak/"


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: MORNING)


@pytest.fixture
def given_back(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    tokens: list[str] = []
    monkeypatch.setattr(giving_back, "give_back", tokens.append)
    return tokens


@pytest.fixture
def summer() -> Program:
    return cast.program()


@pytest.fixture
def hanna(summer: Program) -> User:
    user = cast.homeowner()
    operations.agree(user=user, program=summer, version=1, actor=HANNA, now=MORNING)
    return user


def stop(hanna: User, summer: Program) -> Any:
    return operations.stop_joining(user=hanna, program=summer, actor=HANNA, now=MORNING)


def ledger() -> list[tuple[str, int]]:
    return list(Consent.objects.order_by("id").values_list("act", "terms__version"))


def test_everything_of_the_way_in_ends_with_one_press(
    summer: Program, hanna: User, given_back: list[str]
) -> None:
    cast.system(cast.grant(hanna))
    browser = signed_in(hanna)
    assert "Stop joining" in text(browser.get(JOIN))
    cast.terms(summer, 2)
    done = browser.post(JOIN + "stop/", follow=True)
    assert done.redirect_chain == [("/home/", 302)]
    assert (
        "You do not join Summer Peak. Your agreement is withdrawn. Our permission at Carrier is "
        "destroyed." in text(done)
    )
    assert "You began to join" not in text(done)
    assert ledger() == [("GIVEN", 1), ("WITHDRAWN", 1)]
    assert Application.objects.get().state == "WITHDRAWN"
    grant = CarrierGrant.objects.get()
    assert (grant.state, grant.access_sealed, grant.refresh_sealed) == ("REVOKED", None, None)
    assert given_back == ["refresh-token"]
    browser.post(JOIN + "stop/")
    assert ledger() == [("GIVEN", 1), ("WITHDRAWN", 1)], "twice is once"
    assert ActivityEntry.objects.filter(verb="stop-joining").count() == 1
    assert queries.journey(hanna, summer).step == "consent"
    assert "Stop joining" not in text(browser.get(JOIN))


def test_what_was_typed_goes_and_the_utility_has_nothing_to_decide() -> None:
    waits = applied(cast.program(needs_account=True))
    assert waits.typed_account
    stop(waits.user, waits.program)
    waits.refresh_from_db()
    assert (waits.state, waits.who, waits.why) == ("WITHDRAWN", "", "")
    assert (waits.typed_account, waits.typed_postal) == ("", "")


def test_a_permission_another_program_needs_stays(
    summer: Program, hanna: User, given_back: list[str]
) -> None:
    cast.grant(hanna)
    winter = cast.program("Winter Peak")
    operations.agree(user=hanna, program=winter, version=1, actor=HANNA, now=MORNING)
    assert vendor_session.stop_joining(user=hanna, program=summer, actor=HANNA, now=MORNING) is (
        False
    )
    assert CarrierGrant.objects.get().state == "ACTIVE"
    assert given_back == []


def test_who_has_joined_leaves_in_the_other_place(
    client: Client, summer: Program, hanna: User, given_back: list[str]
) -> None:
    system = cast.system(cast.grant(hanna))
    operations.enroll(user=hanna, program=summer, system_ids=[system.pk], actor=HANNA, now=MORNING)
    before = ledger()
    with pytest.raises(Refused, match="To leave it, go to your home page"):
        stop(hanna, summer)
    client.force_login(hanna)
    assert "Stop joining" not in text(client.get(JOIN))
    assert "You have joined this program." in text(client.post(JOIN + "stop/", follow=True))
    assert (ledger(), Enrollment.objects.get().state) == (before, "ACTIVE")
    assert (CarrierGrant.objects.get().state, given_back) == ("ACTIVE", [])
