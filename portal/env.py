"""Reading the environment, loudly: a missing or weak value stops the start, with a sentence."""

import base64
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environ import Env

ENVIRONMENTS = ("production", "development", "test")
env = Env()


def required(name: str) -> str:
    """The value of ``name``. Raises ImproperlyConfigured when it is missing or blank."""
    value = str(env(name, default="")).strip()
    if not value:
        raise ImproperlyConfigured(f"Set {name} in the environment; docs/running.md says to what.")
    return value


def one_of(name: str, choices: Sequence[str], *, default: str = "") -> str:
    """The value of ``name``, one of ``choices``: a slip of the pen must not mean something else."""
    value = str(env(name, default="")).strip() or default or required(name)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}.")
    return value


def environment() -> str:
    return one_of("ENVIRONMENT", ENVIRONMENTS)


def secret_key() -> str:
    value = required("SECRET_KEY")
    if len(value) < 50 or len(set(value)) < 10:
        raise ImproperlyConfigured(
            "SECRET_KEY is weak: use at least 50 random characters "
            '(python -c "import secrets; print(secrets.token_urlsafe(50))").'
        )
    return value


def token_keys() -> dict[str, bytes]:
    """TOKEN_KEYS ``id:base64,...`` as id -> 32 bytes, in order; the first one encrypts.

    Raises ImproperlyConfigured when a key is malformed, repeated or taken from SECRET_KEY.
    """
    secret = required("SECRET_KEY")
    keys: dict[str, bytes] = {}
    for entry in required("TOKEN_KEYS").split(","):
        key_id, _, encoded = entry.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError:
            key = b""
        if not re.fullmatch("[A-Za-z0-9]{1,16}", key_id) or len(key) != 32:
            raise ImproperlyConfigured(
                "TOKEN_KEYS must be id:base64-of-32-bytes, separated by commas, newest first."
            )
        if key_id in keys:
            raise ImproperlyConfigured(f"TOKEN_KEYS names the key {key_id} twice.")
        if key in keys.values():
            raise ImproperlyConfigured(f"TOKEN_KEYS gives {key_id} the bytes of another key.")
        if encoded.rstrip("=") in secret or key in secret.encode():
            raise ImproperlyConfigured("TOKEN_KEYS must not reuse SECRET_KEY.")
        keys[key_id] = key
    return keys


def url(name: str, *, production: bool) -> str:
    """An http(s) address without a trailing slash; plain http is refused in production."""
    value = required(name).rstrip("/")
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ImproperlyConfigured(f"{name} must be a full http(s) address.")
    if production and parts.scheme != "https":
        raise ImproperlyConfigured(f"{name} must be https in production.")
    return value


def optional_url(name: str, *, production: bool) -> str | None:
    """As ``url``, or None where it is not set."""
    return url(name, production=production) if str(env(name, default="")).strip() else None


def origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
