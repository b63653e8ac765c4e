"""The permission at Carrier: given to one person, renewed, lost, destroyed."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from enrollments import operations, vendor_session
from enrollments.models import CarrierGrant, Enrollment, Program
from enrollments.rules import ASKED_SCOPES
from enrollments.states import GrantState
from enrollments.tokens import CannotOpen, vault
from people.models import ActivityEntry, User
from people.operations import Actor
from tests import cast

pytestmark = pytest.mark.django_db
NOW = cast.MORNING
HANNA = Actor("user:hanna")


@pytest.fixture
def summer() -> Program:
    return cast.program()


@pytest.fixture
def hanna(summer: Program) -> User:
    user = cast.homeowner()
    cast.agreement(user, summer)
    return user


def verbs() -> list[str]:
    return list(ActivityEntry.objects.order_by("id").values_list("verb", flat=True))


# --- link -----------------------------------------------------------------------------------------
def tokens(name: str = "first", **changes: Any) -> operations.Tokens:
    values: dict[str, Any] = {
        "access": f"{name}-access",
        "refresh": f"{name}-refresh",
        "expires_at": NOW + timedelta(hours=1),
        "scopes": ASKED_SCOPES,
    }
    return operations.Tokens(**values | changes)


def link(user: User, given: operations.Tokens, account: str = "hanna-at-carrier") -> CarrierGrant:
    return operations.link(
        user=user,
        carrier_username=account,
        tokens=given,
        actor=HANNA,
        now=NOW,
        real_now=NOW + timedelta(seconds=7),
    )


def opened(grant: CarrierGrant) -> tuple[str, str]:
    grant.refresh_from_db()
    access, refresh = (
        vault().open(bytes(getattr(grant, f"{column}_sealed")), bound_to=grant.bound_to(column))
        for column in ("access", "refresh")
    )
    return access, refresh


def test_a_permission_is_kept_sealed_and_the_home_is_asked_for(hanna: User) -> None:
    grant = link(hanna, tokens())
    assert opened(grant) == ("first-access", "first-refresh")
    assert (grant.user, grant.carrier_username, grant.state) == (
        hanna,
        "hanna-at-carrier",
        GrantState.ACTIVE,
    )
    assert (grant.linked_at, grant.access_expires_at) == (NOW, NOW + timedelta(hours=1))
    assert grant.sync_due_at == NOW + timedelta(seconds=7)
    assert (grant.scopes, verbs()) == (list(ASKED_SCOPES), ["connect"])


@pytest.mark.parametrize("state", [GrantState.ACTIVE, GrantState.NEEDS_RELINK])
def test_the_account_of_somebody_else_is_refused_and_nothing_moves(
    hanna: User, state: GrantState
) -> None:
    grant = link(hanna, tokens())
    CarrierGrant.objects.update(state=state)
    before = list(CarrierGrant.objects.values())
    with pytest.raises(operations.LinkedElsewhere) as refused:
        link(cast.homeowner("otto@home.example"), tokens("stolen"))
    assert str(refused.value) == (
        "This Carrier account cannot be connected here. If it is yours, disconnect it where you "
        "connected it before, or call us."
    )
    assert "hanna" not in str(refused.value).lower(), "neither side learns whose it is"
    assert list(CarrierGrant.objects.values()) == before
    assert (opened(grant), verbs()) == (("first-access", "first-refresh"), ["connect"])


@pytest.mark.parametrize("state", [GrantState.ACTIVE, GrantState.NEEDS_RELINK])
def test_connecting_again_renews_the_same_permission(hanna: User, state: GrantState) -> None:
    first = link(hanna, tokens())
    system = cast.system(first)
    CarrierGrant.objects.update(
        state=state, sync_due_at=None, sync_failures=4, sync_trouble="Carrier is down"
    )
    again = link(hanna, tokens("second"))
    assert (again.pk, again.state) == (first.pk, GrantState.ACTIVE)
    assert opened(again) == ("second-access", "second-refresh")
    assert (again.sync_failures, again.sync_trouble) == (0, "")
    assert again.sync_due_at == NOW + timedelta(seconds=7)
    assert list(again.systems.all()) == [system]
    assert verbs() == ["connect", "connect"]


def test_a_destroyed_permission_comes_back_to_the_same_person(hanna: User) -> None:
    first = link(hanna, tokens())
    operations.forget_tokens(grant_id=first.pk, actor=HANNA, now=NOW)
    again = link(hanna, tokens("second"))
    assert (again.pk, again.state) == (first.pk, GrantState.ACTIVE)
    assert opened(again) == ("second-access", "second-refresh")


def test_a_destroyed_permission_is_no_obstacle_for_the_next_person(hanna: User) -> None:
    """And does not become theirs either: it is a record of what was."""
    first = link(hanna, tokens())
    operations.forget_tokens(grant_id=first.pk, actor=HANNA, now=NOW)
    otto = cast.homeowner("otto@home.example")
    second = link(otto, tokens("second"))
    assert second.pk != first.pk
    first.refresh_from_db()
    assert (first.user, first.state) == (hanna, GrantState.REVOKED)
    with pytest.raises(operations.LinkedElsewhere):
        link(hanna, tokens("third"))
    assert opened(second) == ("second-access", "second-refresh")


def test_one_account_has_one_live_permission_whatever_the_code_does(hanna: User) -> None:
    link(hanna, tokens())
    with pytest.raises(IntegrityError, match="one_live_grant_per_carrier_account"):
        cast.grant(cast.homeowner("otto@home.example"), carrier_username="hanna-at-carrier")


def test_a_renewal_that_says_nothing_of_refresh_and_scopes_keeps_them(hanna: User) -> None:
    grant = link(hanna, tokens())
    operations.renew_tokens(
        grant=grant, tokens=tokens("second", refresh=None, scopes=(), expires_at=None)
    )
    assert opened(grant) == ("second-access", "first-refresh")
    assert (grant.scopes, grant.access_expires_at) == (list(ASKED_SCOPES), None)


def test_tokens_do_not_show_themselves() -> None:
    assert "access" not in repr(tokens())
    assert "first" not in f"{tokens()} {tokens()!r}"


# --- lost and destroyed ---------------------------------------------------------------------------
def test_a_lost_permission_is_recorded_once_and_asked_for_no_more(hanna: User) -> None:
    grant = link(hanna, tokens())
    values: dict[str, Any] = {"grant_id": grant.pk, "why": "Carrier refused", "now": NOW}
    assert operations.permission_lost(**values) == 1
    assert operations.permission_lost(**values) == 0
    grant.refresh_from_db()
    assert (grant.state, grant.sync_due_at) == (GrantState.NEEDS_RELINK, None)
    entry = ActivityEntry.objects.get(verb="permission-lost")
    assert (entry.actor, entry.detail) == ("system", {"why": "Carrier refused"})


def test_a_distrusted_token_is_over_now_and_only_while_connected(hanna: User) -> None:
    grant = link(hanna, tokens())
    operations.distrust_token(grant_id=grant.pk, real_now=NOW)
    grant.refresh_from_db()
    assert grant.access_expires_at == NOW
    operations.forget_tokens(grant_id=grant.pk, actor=HANNA, now=NOW)
    operations.distrust_token(grant_id=grant.pk, real_now=NOW)
    grant.refresh_from_db()
    assert grant.access_expires_at is None


@pytest.mark.parametrize("state", [GrantState.ACTIVE, GrantState.NEEDS_RELINK])
def test_forgetting_destroys_the_sealed_columns_and_keeps_the_record(
    summer: Program, hanna: User, state: GrantState
) -> None:
    grant = link(hanna, tokens())
    system = cast.system(grant)
    enrollment = Enrollment.objects.create(
        system=system, program=summer, user=hanna, enrolled_at=NOW, changed_at=NOW
    )
    CarrierGrant.objects.update(state=state)
    operations.forget_tokens(grant_id=grant.pk, actor=HANNA, now=NOW)
    grant.refresh_from_db()
    assert (grant.state, grant.access_sealed, grant.refresh_sealed) == (
        GrantState.REVOKED,
        None,
        None,
    )
    assert (grant.access_expires_at, grant.sync_due_at) == (None, None)
    assert list(grant.systems.all()) == [system]
    enrollment.refresh_from_db()
    operations.forget_tokens(grant_id=grant.pk, actor=HANNA, now=NOW)
    assert verbs() == ["connect", "disconnect"]


@pytest.mark.parametrize("column", ["access_sealed", "refresh_sealed"])
def test_a_destroyed_permission_cannot_hold_a_token_whatever_the_code_does(
    hanna: User, column: str
) -> None:
    grant = link(hanna, tokens())
    operations.forget_tokens(grant_id=grant.pk, actor=HANNA, now=NOW)
    with pytest.raises(IntegrityError, match="revoked_holds_no_token"), transaction.atomic():
        CarrierGrant.objects.filter(pk=grant.pk).update(**{column: b"\1"})


def test_the_token_of_another_row_does_not_open(hanna: User) -> None:
    """A ciphertext copied from one row into another is of no use there."""
    mine = link(hanna, tokens())
    theirs = cast.grant(cast.homeowner("otto@home.example"))
    CarrierGrant.objects.filter(pk=theirs.pk).update(access_sealed=mine.access_sealed)
    theirs.refresh_from_db()
    with pytest.raises(CannotOpen):
        vendor_session.client(theirs)


def test_asking_again_is_for_ones_own_connected_accounts(hanna: User) -> None:
    mine = cast.grant(hanna, sync_due_at=None)
    lost = cast.grant(
        hanna, carrier_username="lost", state=GrantState.NEEDS_RELINK, sync_due_at=None
    )
    theirs = cast.grant(cast.homeowner("otto@home.example"), sync_due_at=None)
    real_now = timezone.now()
    assert operations.check_again(user=hanna, real_now=real_now) == 1
    due = {
        grant.pk: grant.sync_due_at for grant in CarrierGrant.objects.filter(sync_due_at=real_now)
    }
    assert due == {mine.pk: real_now}
    assert not {lost.pk, theirs.pk} & set(due)
    soon = real_now + timedelta(seconds=9)
    assert operations.check_again(user=hanna, real_now=soon) == 0
    mine.refresh_from_db()
    assert mine.sync_due_at == real_now, "the reading under way keeps its claim"
    assert operations.ask_for_sync(user=hanna, real_now=soon) == 1, "something changed at Carrier"
    later = real_now + timedelta(seconds=10)
    assert operations.check_again(user=hanna, real_now=later) == 1
