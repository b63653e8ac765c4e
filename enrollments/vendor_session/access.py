"""What every call to Carrier needs: the settings, the OAuth server, tokens, a client with one."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.conf import settings

from carrier.client import CarrierClient
from carrier.config import CarrierConfig
from carrier.oauth import OAuth, TokenSet
from enrollments import operations, rules
from enrollments.models import CarrierGrant
from enrollments.tokens import CannotOpen, vault


@cache
def config() -> CarrierConfig:
    values: dict[str, Any] = dict(settings.CARRIER)
    return CarrierConfig(scopes=rules.ASKED_SCOPES, **values)


def oauth(total_s: float) -> OAuth:
    """The authorization server, with at most ``total_s`` for a call."""
    limit = min(total_s, config().total_timeout_s)
    return OAuth(replace(config(), total_timeout_s=limit))


def tokens(found: TokenSet, real_now: datetime) -> operations.Tokens:
    expires_at = None
    if found.expires_in_s is not None:
        expires_at = real_now + timedelta(seconds=found.expires_in_s)
    return operations.Tokens(found.access_token, found.refresh_token, expires_at, found.scopes)


def open_access(sealed: bytes | memoryview, seal_id: object) -> str:
    """The access token of a row read by a hot path. Raises CannotOpen."""
    return vault().open(bytes(sealed), bound_to=f"grant:{seal_id}:access")


def client(grant: CarrierGrant) -> CarrierClient:
    """A client that acts for this homeowner. Raises CannotOpen when the tokens are gone."""
    if grant.access_sealed is None:
        raise CannotOpen("this grant holds no token")
    return CarrierClient(config(), open_access(grant.access_sealed, grant.seal_id))
