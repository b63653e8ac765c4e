"""The two OAuth 2.0 flows of contract section 2.2, done by requests-oauthlib.

What this module adds to it: our own PKCE verifier (its `pkce=` keeps the verifier on the session
object, which is gone by the time the browser comes back), explicit refresh (its automatic one
leaks request options into the token body and cannot keep two workers from rotating one token), the
limits of `transport.py`, and errors named by what to do next.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import math
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from oauthlib.oauth2 import BackendApplicationClient
from oauthlib.oauth2.rfc6749 import errors as oauth_errors
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from .config import CarrierConfig
from .errors import (
    CarrierError,
    ClientBug,
    NoAccess,
    OutcomeUnknown,
    Reauthorize,
    TryLater,
    classify,
)
from .transport import BoundedAdapter, harden

# Both write codes, verifiers and tokens at DEBUG; the host program's root level must not show them.
for _talkative in ("requests_oauthlib", "oauthlib"):
    logging.getLogger(_talkative).setLevel(logging.WARNING)

_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")  # what a header can carry: no spaces, no line ends
_LIFETIME = "_expires_in_s"


def new_state() -> str:
    """A fresh `state`: 256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


def new_verifier() -> str:
    """A fresh PKCE verifier: 384 random bits in 64 characters (RFC 7636 asks for 43 to 128)."""
    return secrets.token_urlsafe(48)


def challenge_s256(verifier: str) -> str:
    """The S256 challenge of a verifier: base64url of its SHA-256, unpadded (RFC 7636, 4.2)."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


@dataclass(frozen=True, kw_only=True)
class TokenSet:
    """What the token endpoint granted. `expires_in_s` counts from the answer; None = not said.

    `refresh_token` is the one to use next time: the new one where the server rotated it, else the
    one that was sent. `username` is ASSUMED to come as a member of the token answer; how a client
    learns it is not public (contract section 1), so None is normal.
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_in_s: float | None = None
    scopes: tuple[str, ...] = ()
    username: str | None = None


class OAuth:
    """The authorization server, as seen by this client. Holds no tokens and no state."""

    def __init__(self, config: CarrierConfig) -> None:
        self._config = config

    def authorization_url(self, *, state: str, verifier: str) -> str:
        """Where to send the browser: S256 challenge, exact redirect, the configured scopes."""
        config = self._config
        session = OAuth2Session(
            config.client_id, redirect_uri=config.redirect_uri, scope=list(config.scopes)
        )
        url, _ = session.authorization_url(
            _as_https(config.authorize_url),
            state=state,
            code_challenge=challenge_s256(verifier),
            code_challenge_method="S256",
        )
        return config.authorize_url.partition("://")[0] + str(url).removeprefix("https")

    def redeem(self, *, code: str, verifier: str) -> TokenSet:
        """Exchange an authorization code. The code is spent even when the answer is lost."""

        def exchange(session: Any, url: str, client: dict[str, Any]) -> Mapping[str, Any]:
            token: Mapping[str, Any] = session.fetch_token(
                url, code=code, code_verifier=verifier, **client
            )
            return token

        return self._ask(exchange)

    def refresh(self, *, refresh_token: str) -> TokenSet:
        """Exchange a refresh token; the caller makes sure it is the only one doing so.

        `OutcomeUnknown` means the server may have rotated the token and the new one is lost: try
        the old one again later, and only a `Reauthorize` then says that access is gone.
        """

        def exchange(session: Any, url: str, client: dict[str, Any]) -> Mapping[str, Any]:
            options = {name: value for name, value in client.items() if name != "include_client_id"}
            if client.get("include_client_id"):
                options["client_id"] = self._config.client_id
            token: Mapping[str, Any] = session.refresh_token(
                url, refresh_token=refresh_token, **options
            )
            return token

        return self._ask(exchange)

    def client_credentials(self) -> TokenSet:
        """A token for ourselves (OAUTH-DOC chapter 4), presumably the "Utility Client"'s."""

        def exchange(session: Any, url: str, client: dict[str, Any]) -> Mapping[str, Any]:
            token: Mapping[str, Any] = session.fetch_token(
                url, scope=" ".join(self._config.scopes) or None, **client
            )
            return token

        return self._ask(exchange, BackendApplicationClient(self._config.client_id))

    def revoke(self, *, token: str) -> bool:
        """Ask the server to forget a token (RFC 7009). True if it said so.

        False if it has no such address or refused; network trouble and 5xx raise. ASSUMED: nothing
        public says whether Carrier offers revocation.
        """
        config = self._config
        if config.revoke_url is None:
            return False
        session = self._session(None)
        data = {"token": token}
        auth: HTTPBasicAuth | None = None
        if config.client_auth == "basic":
            auth = HTTPBasicAuth(config.client_id, config.client_secret)
        else:
            data |= {"client_id": config.client_id, "client_secret": config.client_secret}
        with session:
            answer = session.post(
                _as_https(config.revoke_url), data=data, auth=auth, withhold_token=True
            )
        error = classify(answer.status_code, write=True, retry_after=_retry_after(answer))
        if isinstance(error, (TryLater, OutcomeUnknown)):
            raise error
        return error is None

    def _ask(
        self, exchange: Callable[[Any, str, dict[str, Any]], Mapping[str, Any]], client: Any = None
    ) -> TokenSet:
        config = self._config
        options: dict[str, Any]
        if config.client_auth == "basic":
            auth = HTTPBasicAuth(config.client_id, config.client_secret)
            options = {"auth": auth, "include_client_id": False}
        else:
            options = {"client_secret": config.client_secret, "include_client_id": True}
        try:
            with self._session(client) as session:
                return _token_set(exchange(session, _as_https(config.token_url), options))
        except CarrierError:
            raise
        except oauth_errors.OAuth2Error as refusal:
            raise _refusal(refusal) from None
        except (ValueError, TypeError, KeyError):
            raise OutcomeUnknown("the token answer is not readable") from None

    def _session(self, client: Any) -> Any:
        # No scope on the session: oauthlib raises when the user granted fewer than were asked, and
        # that is not an error here. The granted scopes are in the TokenSet.
        config = self._config
        redirect_uri = config.redirect_uri if client is None else None
        session = OAuth2Session(config.client_id, client=client, redirect_uri=redirect_uri)
        harden(session, config)
        for url in (config.token_url, config.revoke_url or ""):
            if url.startswith("http://"):
                session.mount(_as_https(url), BoundedAdapter(config, as_http=True))
        for moment in ("access_token_response", "refresh_token_response"):
            session.register_compliance_hook(moment, _check_token_answer)
        return session


def _as_https(url: str) -> str:
    # oauthlib refuses any address that does not read https, unless an environment variable switches
    # the check off for the whole process. CarrierConfig has already decided which plain addresses
    # are allowed (loopback), so the library is shown an https spelling and the adapter mounted for
    # exactly that address sends it plain.
    return "https://" + url.removeprefix("http://") if url.startswith("http://") else url


def _retry_after(answer: requests.Response) -> str | None:
    return answer.headers.get("Retry-After")


def _check_token_answer(answer: requests.Response) -> requests.Response:
    """Look at the status before oauthlib parses, which it does whatever the status.

    A 401 here is about our client credentials, not about the homeowner's grant.
    """
    try:
        members = json.loads(answer.content)
    except ValueError:
        members = None
    readable = isinstance(members, dict)
    if answer.status_code in (400, 401, 403) and readable and isinstance(members.get("error"), str):
        return answer
    error = classify(answer.status_code, write=True, retry_after=_retry_after(answer))
    if isinstance(error, Reauthorize):
        raise ClientBug("the token address refused our client credentials", status=401)
    if error is not None:
        raise error
    if not readable:
        raise OutcomeUnknown("the token answer is not a JSON object", status=answer.status_code)
    # oauthlib raises on a lifetime or scope it cannot read, and drops a lifetime of 0. A token must
    # not be lost for that, so the lifetime travels beside it and an unusable scope is left out.
    members.pop("expires_at", None)
    members[_LIFETIME] = _seconds(members.pop("expires_in", None))
    if not isinstance(members.get("scope"), (str, list)):
        members.pop("scope", None)
    answer._content = json.dumps(members).encode()
    return answer


def _refusal(refusal: oauth_errors.OAuth2Error) -> CarrierError:
    """RFC 6749 section 5.2 in terms of what the caller does. Descriptions are the server's text
    and may echo what was sent, so only the error's code is kept, and only if it looks like one."""
    code = str(getattr(refusal, "error", "") or "")
    if code == "invalid_grant":
        return Reauthorize("the grant is no longer valid (invalid_grant)")
    if code == "access_denied":
        return NoAccess("the authorization server denied access (access_denied)")
    if code in ("temporarily_unavailable", "server_error", "slow_down"):
        return TryLater(f"the authorization server is busy ({code})")
    if code == "missing_token":
        return OutcomeUnknown("the token answer carries no access token")
    named = f" ({code})" if re.fullmatch(r"[a-z_]{1,40}", code) else ""
    return ClientBug(f"the authorization server refused the client{named}")


def _token_set(token: Mapping[str, Any]) -> TokenSet:
    access, refresh, user = (token.get(k) for k in ("access_token", "refresh_token", "username"))
    if not isinstance(access, str) or not _TOKEN.fullmatch(access):
        raise OutcomeUnknown("the access token is not usable in a header")
    if refresh is not None and (not isinstance(refresh, str) or not _TOKEN.fullmatch(refresh)):
        raise OutcomeUnknown("the refresh token is not usable")
    scope = token.get("scope") or ()
    scopes = tuple(scope.split()) if isinstance(scope, str) else tuple(str(s) for s in scope)
    return TokenSet(
        access_token=access,
        refresh_token=refresh,
        expires_in_s=token.get(_LIFETIME),
        scopes=scopes,
        username=user if isinstance(user, str) and user else None,
    )


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        seconds = float(int(value)) if isinstance(value, str) else float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
