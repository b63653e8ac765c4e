"""Tokens at rest: AES-256-GCM, a key id in front, the grant as associated data.

Sealed form: version byte 1 · length of key id (1 byte) · key id · nonce (12 bytes) · ciphertext.
The associated data binds a token to its grant and its column, so a ciphertext copied into
another row does not open. A wrong or missing key raises; ciphertext is never returned as if it
were a token. Nonces are random 96 bits: safe for far more tokens than a utility has homes
(NIST SP 800-38D, 8.3: up to 2**32 per key).
"""

import hashlib
import os
from collections.abc import Mapping
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_VERSION = 1
_NONCE = 12


class CannotOpen(Exception):
    """The key is unknown or the sealed token is not what was stored. Holds no secret."""


class Vault:
    """Seals and opens tokens with ``keys`` (id -> 32 bytes, the first one seals)."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self.sealing_key = next(iter(keys))

    def seal(self, token: str, *, bound_to: str) -> bytes:
        key_id = self.sealing_key.encode()
        nonce = os.urandom(_NONCE)
        sealed = self._ciphers[self.sealing_key].encrypt(nonce, token.encode(), bound_to.encode())
        return bytes([_VERSION, len(key_id)]) + key_id + nonce + sealed

    def open(self, sealed: bytes, *, bound_to: str) -> str:
        """The token. Raises CannotOpen for a wrong key, another grant's row or damaged bytes."""
        key_id, start = key_of(sealed), 2 + sealed[1]
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise CannotOpen(f"no key named {key_id!r} is configured")
        nonce, ciphertext = sealed[start : start + _NONCE], sealed[start + _NONCE :]
        try:
            return cipher.decrypt(nonce, ciphertext, bound_to.encode()).decode()
        except (InvalidTag, ValueError):  # ValueError: cut off inside the nonce
            raise CannotOpen("the sealed token does not belong here") from None


def key_of(sealed: bytes) -> str:
    """The id of the key that sealed this. Raises CannotOpen for bytes that are no sealed token."""
    if len(sealed) < 2 + _NONCE or sealed[0] != _VERSION:
        raise CannotOpen("not a sealed token")
    return sealed[2 : 2 + sealed[1]].decode("ascii", "replace")


@cache
def vault() -> Vault:
    return Vault(settings.TOKEN_KEYS)


def hashed(token: str) -> str:
    """What is kept of a random token that only has to be recognised. It needs no slow hash: there
    is nothing to guess in 128 random bits or more."""
    return hashlib.sha256(token.encode()).hexdigest()
