"""Somebody leaves or is forgotten while somebody else acts for the same person."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction

from base.refusal import Refused
from enrollments import operations, sync, vendor_session
from enrollments.models import (
    Answer,
    Application,
    CarrierGrant,
    Consent,
    Enrollment,
    LinkAttempt,
    Location,
    Program,
    Replacement,
    System,
)
from enrollments.operations.turns import take_turns
from enrollments.queries.applications import seen
from enrollments.rules import ASKED_SCOPES
from enrollments.states import EnrollmentState, GrantState, ReplacementState
from enrollments.vendor_session import connecting
from people.models import User
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.integration.at_once import at_once, before_the_first_commits, in_line, until
from tests.integration.conftest import Vendor

pytestmark = pytest.mark.django_db(transaction=True)
HANNA = Actor("user:hanna", address="203.0.113.7")
NOW = cast.MORNING
CLOSED = "This account is closed. Nothing was kept."


@pytest.fixture
def summer() -> Program:
    return cast.program()


@pytest.fixture
def hanna(summer: Program) -> User:
    user = cast.homeowner()
    cast.agreement(user, summer)
    return user


def erasing(user: User) -> Any:
    return partial(operations.erase, user=user, actor=HANNA, now=NOW)


def linking(user: User) -> Any:
    return partial(
        operations.link,
        user=user,
        carrier_username="hanna-at-carrier",
        tokens=operations.Tokens("access", "refresh", None, ASKED_SCOPES),
        actor=HANNA,
        now=NOW,
        real_now=NOW,
    )


def live_permissions() -> int:
    return CarrierGrant.objects.exclude(
        state=GrantState.REVOKED, access_sealed=None, refresh_sealed=None
    ).count()


# --- erase against connect ------------------------------------------------------------------------
def test_nobody_connects_to_an_account_that_is_being_deleted(hanna: User) -> None:
    _, refused = before_the_first_commits(erasing(hanna), linking(hanna))
    assert (str(refused), refused.code) == (CLOSED, "closed")
    assert CarrierGrant.objects.count() == 0


def test_a_permission_that_comes_just_before_the_deletion_goes_with_it(hanna: User) -> None:
    made, forgotten = before_the_first_commits(linking(hanna), erasing(hanna))
    assert [one.grant_id for one in forgotten] == [made.pk]
    assert live_permissions() == 0
    assert CarrierGrant.objects.get().carrier_username == f"gone-{made.pk}"


def delete_everything(hanna: User) -> None:
    operations.erase(user=User.objects.get(pk=hanna.pk), actor=HANNA, now=NOW)


def be_rejected(hanna: User) -> None:
    service = Actor.person(cast.operator("cora@utility.example", Role.CUSTOMER_SERVICE))
    mine = Application.objects.get(user=hanna)
    choice = operations.Choice(mine.pk, seen(mine))
    why = "We do not serve this street."
    decided = operations.decide(act="reject", choices=[choice], reason=why, actor=service, now=NOW)
    assert decided.done == 1


def leave_with_the_last_system(hanna: User) -> None:
    system = cast.system(cast.grant(hanna))
    program = Program.objects.get()
    (mine,) = operations.enroll(
        user=hanna, program=program, system_ids=[system.pk], actor=HANNA, now=NOW
    )
    assert operations.withdraw(enrollment_id=mine.pk, actor=HANNA, now=NOW)


@pytest.mark.parametrize(
    ("meanwhile", "sentence"),
    [
        (delete_everything, "This account is closed"),
        (be_rejected, "Your application was turned down"),
        (leave_with_the_last_system, "Please read and agree to the program terms first"),
    ],
)
def test_what_carrier_gave_and_nobody_needs_any_more_is_given_back(
    vendor: Vendor,
    summer: Program,
    hanna: User,
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: Callable[[User], None],
    sentence: str,
) -> None:
    """It happens on another device while the code is redeemed."""
    name = vendor.homes()[0]["username"]

    def redeem(**_: str) -> tuple[str, operations.Tokens]:
        (given,) = vendor.admin("POST", "grants", users=[name], scopes=list(ASKED_SCOPES))["grants"]
        meanwhile(hanna)
        access, refresh = given["access_token"], given["refresh_token"]
        return name, operations.Tokens(access, refresh, None, ASKED_SCOPES)

    monkeypatch.setattr(connecting, "redeem", redeem)
    operations.agree(user=hanna, program=summer, version=1, actor=HANNA, now=NOW)
    with pytest.raises(Refused, match=sentence):
        vendor_session.connect(
            user=hanna, program=summer, code="c", verifier="v", actor=HANNA, now=NOW
        )
    assert vendor.admin("GET", "counts")["consents"]["standing"] == 0
    assert not CarrierGrant.objects.exclude(state="REVOKED").exists()
    assert not CarrierGrant.objects.filter(carrier_username=name).exists()


def test_a_reading_that_comes_back_after_the_deletion_is_not_kept(
    vendor: Vendor, summer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = next(home for home in vendor.homes() if len(home["systems"]) == 1)
    (system,) = vendor.enroll(summer, [home])
    CarrierGrant.objects.update(sync_due_at=NOW)
    save = operations.save_home

    def erase_then_save(**values: Any) -> None:
        operations.erase(user=system.grant.user, actor=HANNA, now=NOW)
        save(**values)

    monkeypatch.setattr(operations, "save_home", erase_then_save)
    sync.read_home(system.grant_id, now=NOW)
    assert System.objects.values_list("serial", "name").get() == (f"gone-{system.pk}", "")
    assert Location.objects.values_list("street", "postal").get() == ("", "")
    assert live_permissions() == 0


# --- erase against everything on the way in -------------------------------------------------------
def test_joining_and_being_forgotten_at_once_leaves_nobody_enrolled(
    summer: Program, hanna: User
) -> None:
    """Both are under way when the system's row is let go; whichever turn came first."""
    system = cast.system(cast.grant(hanna))
    join = partial(
        operations.enroll,
        user=hanna,
        program=summer,
        system_ids=[system.pk],
        actor=HANNA,
        now=NOW,
    )
    joined, forgotten = at_once(
        [join, erasing(hanna)], gate="SELECT 1 FROM enrollments_system FOR UPDATE"
    )
    assert str(joined) == CLOSED if isinstance(joined, Refused) else len(joined) == 1
    assert len(forgotten) == 1
    assert not Enrollment.objects.exclude(state=EnrollmentState.WITHDRAWN).exists()
    assert live_permissions() == 0
    assert not User.objects.get(pk=hanna.pk).is_active


def test_joining_waits_for_the_deletion_and_finds_the_account_closed(
    summer: Program, hanna: User
) -> None:
    system = cast.system(cast.grant(hanna))
    join = partial(
        operations.enroll,
        user=hanna,
        program=summer,
        system_ids=[system.pk],
        actor=HANNA,
        now=NOW,
    )
    _, refused = before_the_first_commits(erasing(hanna), join)
    assert str(refused) == CLOSED
    assert Enrollment.objects.count() == 0


def test_nothing_is_written_for_an_account_that_is_closed(summer: Program, hanna: User) -> None:
    erasing(hanna)()
    before = (Consent.objects.count(), Application.objects.count())
    acts: list[Any] = [
        partial(operations.agree, version=1, actor=HANNA, now=NOW),
        partial(operations.answer, said={}, actor=HANNA, now=NOW),
        partial(operations.apply_again, actor=HANNA, now=NOW),
        partial(
            operations.match_account, account="4100732281", postal="62701", actor=HANNA, now=NOW
        ),
        partial(operations.begin_link, state="s", session="t", verifier="v", real_now=NOW),
    ]
    for act in acts:
        with pytest.raises(Refused, match="This account is closed"):
            act(user=hanna, program=summer)
    with pytest.raises(Refused, match="This account is closed"):
        erasing(hanna)()
    assert (Consent.objects.count(), Application.objects.count()) == before
    assert (LinkAttempt.objects.count(), Answer.objects.count()) == (0, 0)


# --- one order of locks ---------------------------------------------------------------------------
def test_who_waits_for_a_turn_holds_nothing(summer: Program) -> None:
    """Deletion, withdrawal and replacement all wait for the person first. One that held the
    enrolment meanwhile would wait for the others, and they for it."""
    system = cast.enrolled(summer)
    (row,) = Enrollment.objects.all()
    Replacement.objects.create(
        enrollment=row, system=cast.system(system.grant, "2319W000002"), seen_at=NOW
    )
    values: dict[str, Any] = {"enrollment_id": row.pk, "actor": HANNA, "now": NOW}
    jobs = [
        partial(operations.withdraw, **values),
        partial(operations.confirm_replacement, **values),
        erasing(row.user),
    ]

    def run(job: Any) -> Any:
        try:
            return job()
        except Refused as no:
            return no
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        with transaction.atomic():
            take_turns(row.user)
            futures = [pool.submit(run, job) for job in jobs]
            until(lambda: in_line() == len(jobs))
            for model in (Enrollment, CarrierGrant, Replacement, System):
                assert list(model.objects.select_for_update(nowait=True)) != []
        left, confirmed, forgotten = [future.result() for future in futures]
    assert not Enrollment.objects.exclude(state=EnrollmentState.WITHDRAWN).exists()
    assert live_permissions() == 0
    assert isinstance(forgotten, list)
    # Whoever came first: a system that left is not replaced, one that was replaced has left.
    assert left is None or isinstance(confirmed, Refused) or confirmed is None
    assert Replacement.objects.filter(state=ReplacementState.CONFIRMED).exists() == isinstance(
        confirmed, Enrollment
    )


def test_two_that_wait_for_each_other_are_a_refusal(summer: Program) -> None:
    """PostgreSQL ends the one that has waited for a second; the page says: in a moment."""
    system = cast.enrolled(summer)
    (row,) = Enrollment.objects.all()

    def run() -> Any:
        try:
            operations.withdraw(enrollment_id=row.pk, actor=HANNA, now=NOW)
        except Refused as no:
            return no
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            CarrierGrant.objects.select_for_update().get(pk=system.grant_id)
            future = pool.submit(run)
            until(lambda: in_line() == 1)
            Enrollment.objects.select_for_update().get(pk=row.pk)
        refused = future.result()
    assert refused.code == "busy"
    row.refresh_from_db()
    assert row.state == EnrollmentState.ACTIVE
    assert live_permissions() == 1
