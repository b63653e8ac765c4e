"""Tokens at rest: what was sealed opens in its own place with its own key, or raises."""

import base64
import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrollments.models import CarrierGrant
from enrollments.tokens import CannotOpen, Vault, key_of

OLD, NEW = secrets.token_bytes(32), secrets.token_bytes(32)
TOKEN = "eyJhbGciOi.CANARY-access-token.4f2a"
PLACE = "grant:7d0c:access"
VAULT = Vault({"k1": OLD})


def test_what_is_sealed_opens() -> None:
    assert VAULT.open(VAULT.seal(TOKEN, bound_to=PLACE), bound_to=PLACE) == TOKEN


@settings(deadline=None, database=None)
@given(st.text(max_size=200), st.text(max_size=50))
def test_any_text_bound_to_any_place_round_trips(token: str, place: str) -> None:
    assert VAULT.open(VAULT.seal(token, bound_to=place), bound_to=place) == token


def test_the_same_token_never_looks_the_same_twice() -> None:
    assert len({VAULT.seal(TOKEN, bound_to=PLACE) for _ in range(100)}) == 100


def test_no_plaintext_in_the_sealed_bytes() -> None:
    sealed = VAULT.seal(TOKEN, bound_to=PLACE)
    for part in (TOKEN, "CANARY", PLACE):
        assert part.encode() not in sealed
        assert base64.b64encode(part.encode()).rstrip(b"=") not in sealed
    assert OLD not in sealed
    # version, length and id of the key, nonce, ciphertext, tag: and nothing else
    assert len(sealed) == 2 + len("k1") + 12 + len(TOKEN) + 16


@pytest.mark.parametrize("place", ["grant:7d0d:access", "grant:7d0c:refresh", "", PLACE + " "])
def test_in_another_place_it_does_not_open(place: str) -> None:
    sealed = VAULT.seal(TOKEN, bound_to=PLACE)
    with pytest.raises(CannotOpen, match="does not belong here"):
        VAULT.open(sealed, bound_to=place)


def test_two_grants_of_one_person_are_two_places() -> None:
    first, second = CarrierGrant(user_id=1), CarrierGrant(user_id=1)
    places = {
        grant.bound_to(column) for grant in (first, second) for column in ("access", "refresh")
    }
    assert len(places) == 4
    sealed = VAULT.seal(TOKEN, bound_to=first.bound_to("access"))
    with pytest.raises(CannotOpen):
        VAULT.open(sealed, bound_to=second.bound_to("access"))


def test_a_wrong_key_raises_and_never_returns_the_ciphertext() -> None:
    sealed = VAULT.seal(TOKEN, bound_to=PLACE)
    with pytest.raises(CannotOpen, match="does not belong here"):
        Vault({"k1": NEW}).open(sealed, bound_to=PLACE)
    with pytest.raises(CannotOpen, match="no key named 'k1' is configured"):
        Vault({"k2": OLD}).open(sealed, bound_to=PLACE)


def test_a_new_key_seals_and_the_old_one_still_opens() -> None:
    before = VAULT.seal(TOKEN, bound_to=PLACE)
    both = Vault({"k2": NEW, "k1": OLD})
    after = both.seal(TOKEN, bound_to=PLACE)
    assert (key_of(before), key_of(after)) == ("k1", "k2")
    assert both.open(before, bound_to=PLACE) == both.open(after, bound_to=PLACE) == TOKEN
    only_new = Vault({"k2": NEW})
    assert only_new.open(after, bound_to=PLACE) == TOKEN
    with pytest.raises(CannotOpen):
        only_new.open(before, bound_to=PLACE)


@pytest.mark.parametrize("key_id", ["k", "k1", "rotated2026", "a" * 12, "a" * 16])
def test_every_single_flipped_byte_and_every_cut_is_noticed(key_id: str) -> None:
    vault = Vault({key_id: OLD})
    sealed = vault.seal(TOKEN, bound_to=PLACE)
    damaged = [sealed[:cut] for cut in range(len(sealed))]
    damaged += [
        sealed[:at] + bytes([sealed[at] ^ bit]) + sealed[at + 1 :]
        for at in range(len(sealed))
        for bit in (1, 0x80)
    ]
    damaged += [sealed + b"\0", b"\0" + sealed, b"", TOKEN.encode()]
    for bytes_ in damaged:
        with pytest.raises(CannotOpen):
            vault.open(bytes_, bound_to=PLACE)


def test_the_error_holds_no_secret() -> None:
    sealed = VAULT.seal(TOKEN, bound_to=PLACE)
    with pytest.raises(CannotOpen) as refused:
        VAULT.open(sealed, bound_to="elsewhere")
    told = f"{refused.value!r} {refused.value.__cause__!r}"
    assert TOKEN not in told
    assert repr(sealed)[2:20] not in told
    assert OLD.hex() not in told
    assert TOKEN not in repr(VAULT)
    assert OLD.hex() not in repr(vars(VAULT))
