"""A new token key: all is sealed anew, whatever stops the work half way, and nothing is lost."""

import secrets
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from pytest_django import Settings

from enrollments import operations, queries, tokens
from enrollments.models import CarrierGrant
from enrollments.tokens import CannotOpen, vault
from people.models import User
from portal.management.commands import rotate_keys
from tests import cast
from tests.integration.at_once import at_once

pytestmark = pytest.mark.django_db
HOMES = 7


@pytest.fixture
def held(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[int, str]]:
    """Homes sealed with k1, k2 is newest, batches are small; the access token of each."""
    monkeypatch.setattr(rotate_keys, "BATCH", 3)
    found = {}
    for number in range(HOMES):
        grant = cast.grant(cast.homeowner(f"h{number}@home.example"))
        found[grant.pk] = f"access-of-{number}"
        sealed = vault().seal(found[grant.pk], bound_to=grant.bound_to("access"))
        CarrierGrant.objects.filter(pk=grant.pk).update(access_sealed=sealed)
    keys(settings, "k2", "k1")
    yield found
    tokens.vault.cache_clear()


def keys(settings: Settings, *names: str) -> None:
    """These keys, newest first, in every place that asks."""
    kept = getattr(settings, "KEPT_KEYS", dict(settings.TOKEN_KEYS))
    for name in names:
        kept.setdefault(name, secrets.token_bytes(32))
    settings.KEPT_KEYS = kept
    settings.TOKEN_KEYS = {name: kept[name] for name in names}
    tokens.vault.cache_clear()


def opened() -> dict[int, str]:
    return {
        grant.pk: vault().open(bytes(grant.access_sealed or b""), bound_to=grant.bound_to("access"))
        for grant in CarrierGrant.objects.all()
    }


def rotate() -> str:
    out = StringIO()
    call_command("rotate_keys", stdout=out)
    return out.getvalue()


def test_afterwards_the_old_key_is_not_needed(held: dict[int, str], settings: Settings) -> None:
    assert queries.keys_in_use() == {"k1": 2 * HOMES}
    assert opened() == held, "while both keys are there, everything opens"
    assert rotate() == (
        f"{HOMES} grants were sealed again.\n0 webhooks were sealed again.\n"
        f"key k2: {2 * HOMES} tokens\n"
    )
    keys(settings, "k2")
    assert opened() == held
    assert rotate().startswith("0 grants were sealed again.\n"), "a second time changes nothing"


def test_stopped_half_way_nothing_is_lost_and_the_rest_follows(
    held: dict[int, str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal, left = operations.permission._reseal, [4]

    def interrupted(grant: CarrierGrant) -> bool:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return seal(grant)

    monkeypatch.setattr(operations.permission, "_reseal", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rotate()
    assert queries.keys_in_use() == {"k2": 6, "k1": 2 * HOMES - 6}, (
        "one whole batch, no part of one"
    )
    assert opened() == held
    monkeypatch.undo()
    assert rotate().startswith(f"{HOMES - 3} grants were sealed again.\n")
    keys(settings, "k2")
    assert opened() == held


def test_a_key_that_is_gone_too_early_is_named_and_nothing_is_touched(
    held: dict[int, str], settings: Settings
) -> None:
    keys(settings, "k3")
    with pytest.raises(CommandError, match="no key named 'k1' is configured"):
        rotate()
    assert queries.keys_in_use() == {"k1": 2 * HOMES}
    with pytest.raises(CannotOpen):
        opened()
    keys(settings, "k3", "k1")
    assert opened() == held, "put back, it opens everything"


@pytest.mark.django_db(transaction=True)
def test_a_renewal_at_the_same_moment_is_not_overwritten(
    held: dict[int, str], settings: Settings
) -> None:
    """Every home gets new tokens while all of them are sealed again."""

    def renew(grant_id: int) -> None:
        with transaction.atomic():
            grant = CarrierGrant.objects.select_for_update(no_key=True).get(id=grant_id)
            fresh = operations.Tokens(f"new-{grant_id}", f"newer-{grant_id}", None, ())
            operations.renew_tokens(grant=grant, tokens=fresh)

    jobs: list[Any] = [lambda pk=pk: renew(pk) for pk in held]
    at_once([*jobs, rotate, rotate], gate="SELECT * FROM enrollments_carriergrant FOR UPDATE")
    keys(settings, "k2")
    assert opened() == {pk: f"new-{pk}" for pk in held}
    assert User.objects.count() == HOMES
