"""Who reads a home, who renews its token, and when."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from enrollments import operations, queries, sync, tasks, vendor_session
from enrollments.models import CarrierGrant
from enrollments.rules import ASKED_SCOPES
from enrollments.states import GrantState
from enrollments.vendor_session import Refreshed, access, connecting, giving_back, renewing
from people.operations import Actor
from tests import cast
from tests.integration.at_once import at_once
from tests.integration.conftest import Vendor
from tests.integration.test_leaving import held
from tests.integration.test_sync import HOUR, NOW, asked, big_home, connected, due_now, fault, heal

__all__ = ["big_home"]  # fixtures

pytestmark = pytest.mark.django_db(transaction=True)


# --- who reads, who renews, and when ------------------------------------------------------------
def test_a_home_is_read_once_however_many_sweeps_found_it(
    vendor: Vendor, big_home: dict[str, Any]
) -> None:
    grant = connected(vendor, big_home)
    results = at_once([partial(sync.read_home, grant.pk, now=NOW)] * 6)
    assert Counter(results) == {True: 1, False: 5}
    assert len(vendor.entries("GET locations")) == 1


def test_a_reader_that_died_leaves_the_home_due_again_in_a_minute(
    vendor: Vendor, big_home: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = connected(vendor, big_home)

    def die(**_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(operations, "save_home", die)
        with pytest.raises(SystemExit):
            sync.read_home(grant.pk, now=NOW)
    assert tasks.due() == []
    minute = timezone.now() + timedelta(seconds=61)
    assert queries.grants_due_for_sync(real_now=minute) == [grant.pk]
    due_now(grant)
    assert sync.read_home(grant.pk, now=NOW) is True


def test_a_renewal_by_somebody_else_is_no_failure(vendor: Vendor, big_home: dict[str, Any]) -> None:
    grant = connected(vendor, big_home, expires_at=timezone.now())
    with held(grant.pk):
        assert vendor_session.refresh(grant.pk) is Refreshed.BUSY
    with held_after_the_claim(grant.pk):
        assert sync.read_home(grant.pk, now=NOW) is False
    grant.refresh_from_db()
    assert (grant.sync_failures, grant.sync_trouble, vendor.entries()) == (0, "", [])
    assert grant.sync_due_at is not None
    due_now(grant)
    assert sync.read_home(grant.pk, now=NOW) is True


@contextmanager
def held_after_the_claim(grant_id: int) -> Iterator[None]:
    """Somebody takes the row between the claim of the reader and its renewal."""
    real = operations.claim_sync
    with ExitStack() as stack:

        def claim(**values: Any) -> bool:
            claimed = real(**values)
            stack.enter_context(held(grant_id))
            return claimed

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(operations, "claim_sync", claim)
            yield


def test_a_token_that_is_good_needs_no_lock(vendor: Vendor, big_home: dict[str, Any]) -> None:
    grant = connected(vendor, big_home)
    with held(grant.pk):
        assert vendor_session.refresh(grant.pk) is Refreshed.USABLE
    assert vendor_session.refresh(10**9) is Refreshed.FAILED


def test_how_a_renewal_ended_is_neither_true_nor_false() -> None:
    for end in Refreshed:
        with pytest.raises(TypeError, match="compare with"):
            bool(end)


@pytest.mark.parametrize(
    ("how", "wait"),
    [
        ({"kind": "error_before"}, 30),
        ({"kind": "too_many", "retry_after": "5"}, 30),
        ({"kind": "too_many", "retry_after": "90"}, 90),
    ],
)
def test_after_a_failed_renewal_carrier_is_left_alone_for_a_while(
    vendor: Vendor, big_home: dict[str, Any], how: dict[str, Any], wait: float
) -> None:
    grant = connected(vendor, big_home, expires_at=timezone.now())
    fault(vendor, operation="POST oauth/token", **how)
    before = timezone.now()
    assert vendor_session.refresh(grant.pk) is Refreshed.FAILED
    grant.refresh_from_db()
    assert grant.refresh_not_before is not None
    assert (grant.refresh_not_before - before).total_seconds() == pytest.approx(wait, abs=3)
    heal(vendor)
    assert vendor_session.refresh(grant.pk) is Refreshed.FAILED, "at once, and without a call"
    assert asked(vendor, "/oauth/token") == 1
    due_now(grant)
    assert vendor_session.refresh(grant.pk) is Refreshed.USABLE
    grant.refresh_from_db()
    assert grant.refresh_not_before is None


def test_connecting_again_ends_the_waiting(vendor: Vendor, big_home: dict[str, Any]) -> None:
    grant = connected(vendor, big_home)
    CarrierGrant.objects.update(refresh_not_before=timezone.now() + HOUR)
    operations.link(
        user=grant.user,
        carrier_username=grant.carrier_username,
        tokens=operations.Tokens("a", "r", timezone.now() + HOUR, ASKED_SCOPES),
        actor=Actor("user:test"),
        now=NOW,
        real_now=timezone.now(),
    )
    grant.refresh_from_db()
    assert grant.refresh_not_before is None


def test_no_renewal_begins_after_its_time(vendor: Vendor, big_home: dict[str, Any]) -> None:
    grant = connected(vendor, big_home, expires_at=timezone.now())
    assert vendor_session.refresh_many([grant.pk], until=time.monotonic()) == 0
    assert vendor.entries() == []
    assert vendor_session.refresh_many([grant.pk], until=time.monotonic() + 30) == 1


def test_nobody_waits_long_for_a_call_for_tokens() -> None:
    limits = {
        limit: access.oauth(limit)._config.total_timeout_s
        for limit in (renewing.REFRESH_S, connecting.REDEEM_S, giving_back.GIVE_BACK_S)
    }
    assert limits == {10.0: 10.0, 5.0: 5.0, 4.0: 4.0}


def test_a_reading_that_ends_after_the_permission_makes_nothing_due(
    vendor: Vendor, big_home: dict[str, Any]
) -> None:
    grant = connected(vendor, big_home)
    operations.forget_tokens(grant_id=grant.pk, actor=Actor("user:test"), now=NOW)
    operations.save_home(
        grant=grant, locations=[], systems=[], now=NOW, real_now=timezone.now() - 48 * HOUR
    )
    grant.refresh_from_db()
    assert (grant.state, grant.sync_due_at, tasks.due()) == (GrantState.REVOKED, None, [])


def test_a_home_somebody_waits_for_is_read_before_the_daily_ones(
    vendor: Vendor, big_home: dict[str, Any]
) -> None:
    fresh = connected(vendor, big_home)
    daily = cast.grant(
        cast.homeowner("otto@home.example"), sync_due_at=timezone.now() - timedelta(days=1)
    )
    assert tasks.due() == [fresh.pk, daily.pk]
