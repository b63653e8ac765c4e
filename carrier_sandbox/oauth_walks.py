"""The walk of a browser through sign-in and consent, kept on the server; the pages hold only its
number.

A walk belongs to one browser (an HttpOnly cookie) and each form carries the walk's own CSRF token.
Walks are forgotten after ten real minutes.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from carrier_sandbox.grants import SCOPES, Client

WALK_S = 600.0


@dataclass(slots=True)
class Walk:
    """One authorisation request on its way."""

    number: str
    browser: str
    csrf: str
    client_id: str
    redirect_uri: str
    state: str
    challenge: str
    scopes: tuple[str, ...]
    ends: float
    user: str = ""

    def back(self, **answer: str) -> str:
        """The redirect address with an answer and the state."""
        if self.state:
            answer["state"] = self.state
        joint = "&" if urlsplit(self.redirect_uri).query else "?"
        return self.redirect_uri + joint + urlencode(answer)


class BadLink(Exception):
    """An authorisation request that must not be redirected anywhere; args: a sentence for the
    page.
    """


class BadRequest(Exception):
    """An authorisation request that goes back to the client; args: error word, sentence."""


@dataclass(slots=True)
class Walks:
    """All walks under way."""

    walks: dict[str, Walk] = field(default_factory=dict)

    def begin(self, query: dict[str, str], client: Client, browser: str, now: float) -> Walk:
        """A walk for a request whose client and redirect address are known; raises BadLink."""
        if query.get("client_id") != client.client_id:
            raise BadLink("This link names an application that is not registered here.")
        if query.get("redirect_uri", "") not in client.redirect_uris:
            raise BadLink("This link would lead to an address the application has not registered.")
        if len(self.walks) > 1000:
            self.walks = {key: walk for key, walk in self.walks.items() if walk.ends > now}
        walk = Walk(
            secrets.token_urlsafe(16), browser, secrets.token_urlsafe(24), client.client_id,
            query["redirect_uri"], query.get("state", ""), query.get("code_challenge", ""),
            tuple(dict.fromkeys(query.get("scope", "").split())), now + WALK_S,
        )  # fmt: skip
        self.walks[walk.number] = walk
        return walk

    def find(self, number: str, browser: str, now: float) -> Walk | None:
        """The walk of this browser, if it is still on."""
        walk = self.walks.get(number)
        if walk is None or walk.ends <= now or not hmac.compare_digest(walk.browser, browser):
            return None
        return walk

    def end(self, walk: Walk) -> None:
        """The walk has led back to the client."""
        self.walks.pop(walk.number, None)


def judge(walk: Walk, query: dict[str, str]) -> None:
    """What is wrong with a request and may be told to its client; raises BadRequest."""
    if query.get("response_type") != "code":
        raise BadRequest("unsupported_response_type", "response_type must be code")
    if query.get("code_challenge_method") != "S256" or len(walk.challenge) != 43:
        raise BadRequest("invalid_request", "PKCE with S256 is required")
    if not walk.scopes or any(scope not in SCOPES for scope in walk.scopes):
        raise BadRequest("invalid_scope", "scope must name at least one known scope, and no other")
