"""What moves an application, who must act meanwhile, and that one account goes to one person."""

from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from enrollments import operations, queries, sync, vendor_session
from enrollments.models import Application, CarrierGrant, Customer, Enrollment, Program, Question
from enrollments.states import GrantState
from enrollments.vendor_session import Refreshed
from people.models import ActivityEntry, User
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.cast import MORNING
from tests.integration.at_once import at_once

HANNA = Actor("user:hanna", address="203.0.113.7")
LATER = MORNING + timedelta(hours=1)


@pytest.fixture
def summer(db: None) -> Program:
    return cast.program()


@pytest.fixture
def hanna(summer: Program) -> User:
    user = cast.homeowner()
    operations.agree(user=user, program=summer, version=1, actor=HANNA, now=MORNING)
    return user


def now_at() -> tuple[str, str, str]:
    one = Application.objects.get()
    return one.state, one.who, one.why


def test_it_begins_with_the_agreement_and_is_begun_once(summer: Program, hanna: User) -> None:
    one = Application.objects.get()
    assert (one.user, one.program, one.applied_at) == (hanna, summer, MORNING)
    assert now_at() == ("APPLIED", "", "")
    operations.agree(user=hanna, program=summer, version=1, actor=HANNA, now=LATER)
    assert Application.objects.get().applied_at == MORNING


def test_an_answer_that_does_not_fit_waits_for_the_homeowner(summer: Program, hanna: User) -> None:
    question = Question.objects.create(program=summer, key="need", text="?", fitting=False)

    def say(yes: bool) -> None:
        operations.answer(
            user=hanna, program=summer, said={question.pk: yes}, actor=HANNA, now=LATER
        )

    say(True)
    assert now_at() == ("NEEDS_ACTION", "HOMEOWNER", "ANSWER")
    say(True)
    assert ActivityEntry.objects.filter(verb="move-application").count() == 1, "nothing changed"
    say(False)
    assert now_at() == ("APPLIED", "", "")
    entry = ActivityEntry.objects.filter(verb="move-application").latest("id")
    assert (entry.actor, entry.at, entry.address) == (HANNA.name, LATER, HANNA.address)
    assert entry.detail == {
        "before": {"state": "NEEDS_ACTION", "who": "HOMEOWNER", "why": "ANSWER"},
        "after": {"state": "APPLIED", "who": "", "why": ""},
    }


def test_a_lost_permission_waits_for_the_homeowner(summer: Program, hanna: User) -> None:
    grant = cast.grant(hanna)
    operations.permission_lost(grant_id=grant.pk, why="refused", now=LATER)
    assert now_at() == ("NEEDS_ACTION", "HOMEOWNER", "PERMISSION")
    operations.link(
        user=hanna,
        carrier_username=grant.carrier_username,
        tokens=operations.Tokens("a", "r", None, ()),
        actor=HANNA,
        now=LATER,
        real_now=timezone.now(),
    )
    assert now_at() == ("APPLIED", "", "")


def test_a_home_that_was_never_read_waits_for_carrier(
    summer: Program, hanna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = timezone.now() - timedelta(seconds=1)
    grant = cast.grant(hanna, synced_at=None, sync_due_at=due)
    monkeypatch.setattr(vendor_session, "refresh", lambda _: Refreshed.FAILED)
    assert not sync.read_home(grant.pk, now=LATER)
    assert now_at() == ("NEEDS_ACTION", "CARRIER", "UNREAD")
    ready = {"serial": "2319W000001", "location": "40231", "is_online": True}
    ready |= {"has_outdoor_unit": True, "dr_enabled": True}
    operations.save_home(
        grant=CarrierGrant.objects.get(pk=grant.pk),
        locations=[{"carrier_id": "40231"}],
        systems=[ready],
        now=LATER,
        real_now=timezone.now(),
    )
    assert now_at() == ("APPLIED", "", "")
    CarrierGrant.objects.update(sync_due_at=due)
    assert not sync.read_home(grant.pk, now=LATER)
    assert now_at() == ("APPLIED", "", ""), "what was read once does not keep anybody from joining"
    assert CarrierGrant.objects.get().state == GrantState.ACTIVE


def test_it_arrives_with_the_first_system_and_ends_with_the_last(
    summer: Program, hanna: User
) -> None:
    grant = cast.grant(hanna)
    systems = [cast.system(grant), cast.system(grant, "2319W004822")]
    made = operations.enroll(
        user=hanna,
        program=summer,
        system_ids=[one.pk for one in systems],
        actor=HANNA,
        now=LATER,
    )
    assert now_at() == ("ACTIVE", "", "")
    operations.permission_lost(grant_id=grant.pk, why="refused", now=LATER)
    assert now_at() == ("ACTIVE", "", ""), "who is in stays in"
    for enrollment, state in zip(made, ("ACTIVE", "WITHDRAWN"), strict=True):
        operations.withdraw(enrollment_id=enrollment.pk, actor=HANNA, now=LATER)
        assert now_at() == (state, "", "")
    operations.agree(user=hanna, program=summer, version=1, actor=HANNA, now=LATER)
    states = list(Application.objects.order_by("id").values_list("state", flat=True))
    assert states == ["WITHDRAWN", "APPLIED"], "joining again is a new application"


def test_homes_that_joined_before_there_were_applications_have_arrived(summer: Program) -> None:
    winter = cast.program("Winter Peak")
    first = cast.enrolled(summer, "2319W000001", "hanna@home.example")
    second = cast.system(first.grant, "2319W000002")
    gone = cast.enrolled(winter, "2319W000003", "otto@home.example")
    Enrollment.objects.filter(system=gone).update(state="WITHDRAWN")
    Enrollment.objects.create(
        system=second, program=summer, user=first.grant.user, state="PAUSED",
        enrolled_at=LATER, changed_at=LATER,
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(import_module("enrollments.migrations.0003_customers").ARRIVED)
    one = Application.objects.get()
    assert (one.user, one.program, one.state) == (first.grant.user, summer, "ACTIVE")
    assert (one.applied_at, one.changed_at) == (MORNING, MORNING)


# --- at the same time ---------------------------------------------------------------------------
CUSTOMER_GATE = "SELECT 1 FROM enrollments_customer FOR UPDATE"
APPLICATION_GATE = "SELECT 1 FROM enrollments_application FOR UPDATE"


@pytest.fixture
def street(transactional_db: None) -> Program:
    return cast.program(needs_account=True)


def neighbor(program: Program, number: int) -> User:
    user = cast.homeowner(f"home-{number}@home.example")
    operations.agree(user=user, program=program, version=1, actor=Actor.person(user), now=MORNING)
    return user


def claims(user: User, program: Program, account: str = "4100732281") -> Any:
    return lambda: operations.match_account(
        user=user, program=program, account=account, postal="62701",
        actor=Actor.person(user), now=MORNING,
    )  # fmt: skip


def approves(by: Actor, of: User, customer: Customer) -> Any:
    one = Application.objects.get(user=of)
    choice = operations.Choice(one.pk, queries.applications.seen(one), customer.pk)
    return lambda: operations.decide(act="approve", choices=[choice], actor=by, now=MORNING)


def operators() -> list[Actor]:
    names = ("cora", "carl")
    return [
        Actor.person(cast.operator(f"{name}@utility.example", Role.CUSTOMER_SERVICE))
        for name in names
    ]


def test_two_people_with_one_bill_get_it_once(street: Program) -> None:
    customer = cast.customer()
    both = [neighbor(street, number) for number in (1, 2)]
    found = at_once([claims(user, street) for user in both], gate=CUSTOMER_GATE)
    assert sorted(found) == [False, True]
    assert Application.objects.filter(customer=customer).count() == 1
    assert Application.objects.filter(who="UTILITY").count() == 1


def test_two_operators_decide_about_one_application_once(street: Program) -> None:
    customer, user = cast.customer(), neighbor(street, 1)
    claims(user, street, "4100732282")()
    found = at_once([approves(by, user, customer) for by in operators()], gate=APPLICATION_GATE)
    assert sorted(one.done for one in found) == [0, 1]
    (refused,) = [one.refused for one in found if one.refused]
    assert "it waits for no account, so there is nothing to approve" in refused[0]
    assert ActivityEntry.objects.filter(verb="move-application").count() == 2


def test_two_operators_give_one_account_to_one_of_two(street: Program) -> None:
    customer, both = cast.customer(), [neighbor(street, number) for number in (1, 2)]
    for user in both:
        claims(user, street, "4100732282")()
    jobs = [approves(by, user, customer) for by, user in zip(operators(), both, strict=True)]
    found = at_once(jobs, gate=CUSTOMER_GATE)
    assert sorted(one.done for one in found) == [0, 1]
    assert Application.objects.filter(customer=customer).count() == 1


def test_a_correction_and_an_approval_do_not_wait_for_each_other(street: Program) -> None:
    customer, user = cast.customer(), neighbor(street, 1)
    claims(user, street, "4100732282")()
    at_once([claims(user, street), approves(operators()[0], user, customer)], gate=APPLICATION_GATE)
    one = Application.objects.get()
    assert (one.state, one.customer_id) == ("APPLIED", customer.pk)
