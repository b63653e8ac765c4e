"""Leaving is one sentence: with the last system the tokens are gone, whatever happens next."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.db import transaction as db
from django.test import Client
from django.utils import timezone

from base.refusal import Refused
from enrollments import operations, vendor_session
from enrollments.models import CarrierGrant, Consent, Enrollment, Program, System
from enrollments.states import EnrollmentState, GrantState
from enrollments.tokens import vault
from enrollments.vendor_session import Refreshed, giving_back
from people.models import ActivityEntry
from people.operations import Actor
from tests import cast
from tests.integration.at_once import until
from tests.integration.conftest import Vendor

pytestmark = pytest.mark.django_db(transaction=True)
HANNA = Actor("user:hanna", address="203.0.113.7")
NOW = cast.MORNING


@pytest.fixture
def summer() -> Program:
    return cast.program()


@pytest.fixture
def system(summer: Program) -> System:
    return cast.enrolled(summer, email="hanna@home.example")


def leaving(system: System) -> dict[str, Any]:
    return {"enrollment_id": system.enrollments.get().pk, "actor": HANNA, "now": NOW}


def tokens_of(grant_id: int) -> tuple[str, Any, Any, Any]:
    grant = CarrierGrant.objects.get(pk=grant_id)
    return grant.state, grant.access_sealed, grant.refresh_sealed, grant.sync_due_at


GONE = (GrantState.REVOKED, None, None, None)


@contextmanager
def held(grant_id: int) -> Iterator[None]:
    """Somebody else holds the row of this permission, as a renewal does over its call."""
    has_it, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with db.atomic():
                CarrierGrant.objects.select_for_update().get(pk=grant_id)
                has_it.set()
                let_go.wait(10)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        assert has_it.wait(5)
        try:
            yield
        finally:
            let_go.set()
            holding.result()


@contextmanager
def impatient() -> Iterator[None]:
    """The lock time-out of five seconds, made short."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '150ms'")
        yield
        cursor.execute("SET lock_timeout = '5s'")


def test_a_process_that_dies_after_the_transaction_leaves_no_tokens(system: System) -> None:
    left = operations.withdraw(**leaving(system))
    assert tokens_of(system.grant_id) == GONE
    assert left is not None
    assert left.forgotten is not None
    assert left.forgotten.sealed is not None
    token = vault().open(left.forgotten.sealed, bound_to=left.forgotten.bound_to)
    assert token == "refresh-token"
    assert "refresh-token" not in repr(left)


def test_whatever_giving_back_does_the_tokens_are_gone(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(token: str) -> None:
        assert tokens_of(system.grant_id) == GONE, "Carrier is called after the commit"
        raise SystemExit

    monkeypatch.setattr(giving_back, "give_back", die)
    with pytest.raises(SystemExit):
        vendor_session.leave(**leaving(system))
    assert tokens_of(system.grant_id) == GONE
    assert Enrollment.objects.get().state == EnrollmentState.WITHDRAWN


def test_a_permission_without_refresh_token_is_given_back_by_its_access_token(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(giving_back, "give_back", asked.append)
    CarrierGrant.objects.update(refresh_sealed=None)
    assert vendor_session.leave(**leaving(system)) is not None
    assert (asked, tokens_of(system.grant_id)) == (["access-token"], GONE)
    assert vendor_session.leave(**leaving(system)) is None
    assert asked == ["access-token"], "leaving twice asks once"


def test_one_that_cannot_be_opened_is_destroyed_all_the_same(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(giving_back, "give_back", asked.append)
    other = cast.grant(cast.homeowner("otto@home.example"))
    CarrierGrant.objects.filter(pk=system.grant_id).update(refresh_sealed=other.refresh_sealed)
    assert vendor_session.leave(**leaving(system)) is not None
    assert (asked, tokens_of(system.grant_id)) == ([], GONE)


def test_the_permission_of_the_next_owner_is_not_touched(system: System) -> None:
    """The wall control was connected to another account before its first owner left here."""
    theirs = cast.grant(cast.homeowner("otto@home.example"))
    System.objects.filter(pk=system.pk).update(grant=theirs)
    assert operations.withdraw(**leaving(system)) == operations.Left(None)
    theirs.refresh_from_db()
    assert theirs.state == GrantState.ACTIVE
    withdrawn = Consent.objects.filter(act="WITHDRAWN").values_list("user__email", flat=True)
    assert set(withdrawn) == {"hanna@home.example"}


def test_leaving_ends_the_permission_at_carrier_too(vendor: Vendor, summer: Program) -> None:
    home = next(home for home in vendor.homes() if len(home["systems"]) == 1)
    (system,) = vendor.enroll(summer, [home])
    assert vendor.admin("GET", "counts")["consents"]["standing"] == 1
    vendor_session.leave(**leaving(system))
    assert tokens_of(system.grant_id) == GONE
    assert vendor.admin("GET", "counts")["consents"]["standing"] == 0


def test_leaving_counts_here_even_while_carrier_is_down(vendor: Vendor, summer: Program) -> None:
    home = next(home for home in vendor.homes() if len(home["systems"]) == 1)
    (system,) = vendor.enroll(summer, [home])
    vendor.stop()
    assert vendor_session.leave(**leaving(system)) is not None
    assert tokens_of(system.grant_id) == GONE


def test_a_renewal_under_way_brings_nothing_back_and_its_token_is_the_one_given_back(
    vendor: Vendor, summer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = next(home for home in vendor.homes() if len(home["systems"]) == 1)
    (system,) = vendor.enroll(summer, [home])
    grant = CarrierGrant.objects.get()
    old = vault().open(bytes(grant.refresh_sealed or b""), bound_to=grant.bound_to("refresh"))
    CarrierGrant.objects.update(access_expires_at=timezone.now())
    slow = {"kind": "delay", "seconds": 0.7, "match": {"operation": "POST oauth/token"}}
    vendor.admin("PUT", "faults", rules=[slow])
    asked: list[str] = []
    real = giving_back.give_back

    def give_back(token: str) -> None:
        asked.append(token)
        real(token)

    monkeypatch.setattr(giving_back, "give_back", give_back)

    def renew() -> Refreshed:
        try:
            return vendor_session.refresh(grant.pk)
        finally:
            connection.close()

    def is_at_carrier() -> bool:
        # Asking the row itself would hold it for a moment, and the renewal skips a held row.
        return any(entry["path"] == "/oauth/token" for entry in vendor.entries())

    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(renew)
        until(is_at_carrier)
        assert vendor_session.leave(**leaving(system)) is not None
        assert renewing.result() is Refreshed.USABLE
    assert tokens_of(grant.pk) == GONE
    assert len(asked) == 1
    assert asked[0] != old
    assert vendor.admin("GET", "counts")["consents"]["standing"] == 0


def test_a_renewal_that_takes_too_long_refuses_and_nothing_is_changed(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(giving_back, "give_back", lambda token: pytest.fail("not given back"))
    before = list(Enrollment.objects.values()), Consent.objects.count(), tokens_of(system.grant_id)
    with held(system.grant_id), impatient():
        with pytest.raises(Refused, match="try again in a moment"):
            vendor_session.leave(**leaving(system))
        browser = Client()
        browser.force_login(system.grant.user)
        address = f"/home/systems/{system.enrollments.get().pk}/withdraw/"
        page = browser.post(address, follow=True)
        assert page.redirect_chain == [(address, 302)]
        assert "nothing was changed. Please try again in a moment." in page.content.decode()
    after = list(Enrollment.objects.values()), Consent.objects.count(), tokens_of(system.grant_id)
    assert after == before
    assert not ActivityEntry.objects.exists()
    monkeypatch.setattr(giving_back, "give_back", lambda token: None)
    assert vendor_session.leave(**leaving(system)) is not None
