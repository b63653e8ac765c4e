"""Somebody at the utility says no to an application that does not wait for the utility."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from base import clock
from base.refusal import Refused
from enrollments import operations, queries
from enrollments.models import (
    Application,
    CarrierGrant,
    Enrollment,
    Notice,
    Program,
    Question,
)
from enrollments.vendor_session import giving_back
from people.models import ActivityEntry, User
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.cast import MORNING
from tests.integration.at_once import at_once
from tests.integration.queue import (
    QUEUE,
    REASON,
    applied,
    decide,
    signed_in,
    state,
    text,
    words_mailed,
)

pytestmark = pytest.mark.django_db
LATER = MORNING + timedelta(hours=1)
HANNA = Actor("user:hanna")
APPLICATION_GATE = "SELECT 1 FROM enrollments_application FOR UPDATE"


@pytest.fixture(autouse=True)
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: LATER)


@pytest.fixture
def summer() -> Program:
    return cast.program()


@pytest.fixture
def service() -> Client:
    return signed_in(cast.operator("cora@utility.example", Role.CUSTOMER_SERVICE))


def on_the_way(summer: Program, email: str = "hanna@home.example") -> User:
    user = cast.homeowner(email)
    operations.agree(user=user, program=summer, version=1, actor=HANNA, now=MORNING)
    return user


def mine(user: User) -> Application:
    return Application.objects.get(user=user)


def stays_as_it_is(user: User, summer: Program) -> None:
    pass


def answers_badly(user: User, summer: Program) -> None:
    question = Question.objects.create(program=summer, key="need", text="?", fitting=False)
    operations.answer(user=user, program=summer, said={question.pk: True}, actor=HANNA, now=MORNING)


def loses_the_permission(user: User, summer: Program) -> None:
    operations.permission_lost(grant_id=cast.grant(user).pk, why="refused", now=MORNING)


def is_never_read(user: User, summer: Program) -> None:
    grant = cast.grant(user, synced_at=None)
    operations.sync_failed(grant=grant, why="down", now=MORNING, real_now=timezone.now())


@pytest.mark.parametrize(
    ("what", "who"),
    [
        (stays_as_it_is, ""),
        (answers_badly, "HOMEOWNER"),
        (loses_the_permission, "HOMEOWNER"),
        (is_never_read, "CARRIER"),
    ],
)
def test_whoever_must_act_it_can_be_rejected_with_a_reason(
    summer: Program, service: Client, what: Any, who: str
) -> None:
    user = on_the_way(summer)
    what(user, summer)
    Notice.objects.all().delete()
    one = mine(user)
    assert one.who == who
    page = service.get(QUEUE + "?who=")
    assert f'id="application-{one.pk}"' in page.content.decode()
    words = text(page)
    assert "Approve" not in words, "there is nothing to approve"
    assert "Ask them to check" not in words
    assert decide(service, "reject", one, reason=REASON).status_code == 302
    assert state(one) == ("REJECTED", "", "", REASON)
    assert REASON in words_mailed()
    entry = ActivityEntry.objects.filter(verb="move-application").latest("id")
    cora = User.objects.get(email="cora@utility.example")
    assert (entry.actor, entry.detail["reason"]) == (f"user:{cora.pk}", REASON)
    assert queries.journey(user, summer).step == "rejected"


@pytest.mark.parametrize("act", ["approve", "ask"])
def test_what_does_not_wait_for_us_is_neither_approved_nor_asked_about(
    summer: Program, service: Client, act: str
) -> None:
    user = on_the_way(summer)
    page = decide(service, act, mine(user), customer=cast.customer(), reason=REASON)
    assert "hanna@home.example: it waits for no account" in text(service.get(page["Location"]))
    assert state(mine(user)) == ("APPLIED", "", "", "")
    assert not Notice.objects.exists()


def test_who_was_asked_to_check_the_account_and_calls_is_approved_all_the_same(
    service: Client,
) -> None:
    one = applied(cast.program(needs_account=True))
    customer = cast.customer()
    decide(service, "ask", one, reason=REASON)
    one.refresh_from_db()
    assert "Customers near to it 4100732281" in text(service.get(QUEUE + "?who=HOMEOWNER"))
    decide(service, "approve", one, customer=customer)
    assert state(one) == ("APPLIED", "", "", "")
    assert Application.objects.get().customer == customer


def test_many_are_rejected_at_once_and_who_has_joined_is_left_alone(
    summer: Program, service: Client
) -> None:
    users = [on_the_way(summer, f"home-{number}@home.example") for number in range(3)]
    shown = [mine(user) for user in users]
    system = cast.system(cast.grant(users[1]))
    operations.enroll(user=users[1], program=summer, system_ids=[system.pk], actor=HANNA, now=LATER)
    page = decide(service, "reject", *shown, reason=REASON)
    said = text(service.get(page["Location"]))
    assert "2 rejected." in said
    assert "home-1@home.example: something changed since you opened the page" in said
    assert [state(one)[0] for one in shown] == ["REJECTED", "ACTIVE", "REJECTED"]
    assert Enrollment.objects.get().state == "ACTIVE"
    row = service.get(QUEUE + "?state=ACTIVE").content.decode()
    assert f'id="application-{shown[1].pk}"' not in row
    assert "/console/systems/?q=home-1%40home.example" in row, "the way to pause it or to leave"


@pytest.fixture
def given_back(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Tokens Carrier was asked to forget."""
    asked: list[str] = []
    monkeypatch.setattr(giving_back, "give_back", asked.append)
    return asked


def test_a_permission_given_for_this_alone_ends_with_it(
    summer: Program, service: Client, given_back: list[str]
) -> None:
    user = on_the_way(summer)
    cast.system(cast.grant(user))
    decide(service, "reject", mine(user), reason=REASON)
    grant = CarrierGrant.objects.get()
    assert (grant.state, grant.access_sealed, grant.refresh_sealed) == ("REVOKED", None, None)
    assert given_back == ["refresh-token"]
    browser = signed_in(user)
    page = text(browser.get("/join/summer-peak/"))
    assert "Nothing is sent to your home, and we hold no permission at Carrier for you." in page
    browser.post("/join/summer-peak/again/")
    assert queries.journey(user, summer).step == "connect"


@pytest.mark.parametrize("other", ["joined", "on the way"])
def test_a_permission_another_program_needs_stays(
    summer: Program, service: Client, given_back: list[str], other: str
) -> None:
    user = on_the_way(summer)
    system = cast.system(cast.grant(user))
    winter = cast.program("Winter Peak")
    operations.agree(user=user, program=winter, version=1, actor=HANNA, now=MORNING)
    if other == "joined":
        operations.enroll(
            user=user, program=winter, system_ids=[system.pk], actor=HANNA, now=MORNING
        )
    one = Application.objects.get(user=user, program=summer)
    decide(service, "reject", one, reason=REASON)
    assert state(one)[0] == "REJECTED"
    assert CarrierGrant.objects.get().state == "ACTIVE"
    assert given_back == []


@pytest.mark.django_db(transaction=True)
def test_who_joins_at_that_moment_is_either_in_or_rejected(summer: Program) -> None:
    user = on_the_way(summer)
    system = cast.system(cast.grant(user))
    one = mine(user)
    cora = Actor.person(cast.operator("cora@utility.example", Role.CUSTOMER_SERVICE))
    choice = operations.Choice(one.pk, queries.applications.seen(one))
    joined, decided = at_once(
        [
            lambda: operations.enroll(
                user=user, program=summer, system_ids=[system.pk], actor=HANNA, now=LATER
            ),
            lambda: operations.decide(
                act="reject", choices=[choice], reason=REASON, actor=cora, now=LATER
            ),
        ],
        gate=APPLICATION_GATE,
    )
    is_in = not isinstance(joined, Refused)
    assert decided.done == (0 if is_in else 1)
    assert state(one)[0] == ("ACTIVE" if is_in else "REJECTED")
    assert Application.objects.count() == 1, "nobody begins anew by that"
    assert Enrollment.objects.exists() == is_in
