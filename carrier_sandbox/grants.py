"""Tokens, codes and their families. Lifetimes are real seconds, never business time.

A family is what one consent began: its code, its access tokens, its chain of refresh tokens.
Using a code twice, or a refresh token that was already exchanged, revokes the whole family.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

SCOPES = {
    "Read-User": "See your name, e-mail address and the addresses of your homes",
    "Read-System": "See the status and settings of your heating and cooling systems",
    "Write-System": "Change settings of your systems, such as temperatures",
    "Read-Equip": "See details, run hours and faults of your equipment",
    "Read-UtilityEvents": "See the energy events sent to your systems and whether you take part",
    "Write-UtilityEvents": "Send energy events to your systems; you can override each one at home",
}


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client."""

    client_id: str
    secret: str
    redirect_uris: tuple[str, ...]

    def knows(self, secret: str) -> bool:
        """Is this its secret?"""
        return hmac.compare_digest(self.secret.encode(), secret.encode())


@dataclass(slots=True)
class Family:
    """One consent: user '' is the client itself (client credentials)."""

    client_id: str
    user: str
    scopes: frozenset[str]
    revoked: bool = False
    refresh: str = ""
    previous: str = ""
    rotated_at: float = 0.0
    refreshes: int = 0


@dataclass(slots=True)
class Access:
    """One access token, good until a real time."""

    family: Family
    expires: float
    revoked: bool = False


@dataclass(slots=True)
class Code:
    """One authorisation code with everything it is bound to."""

    client_id: str
    redirect_uri: str
    challenge: str
    user: str
    scopes: frozenset[str]
    expires: float
    family: Family | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """A pair of tokens to hand out; refresh is '' for client credentials."""

    family: Family
    access: str
    refresh: str


class Denied(Exception):
    """A token request that fails; args: OAuth error word, sentence."""


@dataclass(slots=True)
class Grants:
    """All that the authorisation server remembers."""

    access_ttl_s: float
    code_ttl_s: float
    codes: dict[str, Code] = field(default_factory=dict)
    tokens: dict[str, Access] = field(default_factory=dict)
    refreshes: dict[str, Family] = field(default_factory=dict)
    families: dict[str, list[Family]] = field(default_factory=dict)
    revoked_by_reuse: int = 0
    _purge_at: int = 10000

    def new_code(self, code: Code) -> str:
        """A fresh authorisation code."""
        text = secrets.token_urlsafe(24)
        self.codes[text] = code
        return text

    def redeem(
        self, text: str, client_id: str, redirect_uri: str, verifier: str, now: float
    ) -> Issued:
        """Code for tokens, once; a second try revokes what the first one got."""
        code = self.codes.get(text)
        if code is None or code.client_id != client_id:
            raise Denied("invalid_grant", "the code is not known")
        if code.family is not None:
            code.family.revoked = True
            self.revoked_by_reuse += 1
            raise Denied("invalid_grant", "the code was used before")
        if now >= code.expires:
            raise Denied("invalid_grant", "the code has expired")
        if redirect_uri != code.redirect_uri:
            raise Denied("invalid_grant", "redirect_uri differs from the authorisation request")
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if not hmac.compare_digest(challenge, code.challenge):
            raise Denied("invalid_grant", "code_verifier does not match")
        code.family = self.new_family(client_id, code.user, code.scopes)
        return self.issue(code.family, now)

    def new_family(self, client_id: str, user: str, scopes: frozenset[str]) -> Family:
        """A new consent."""
        family = Family(client_id, user, scopes)
        self.families.setdefault(user, []).append(family)
        return family

    def issue(self, family: Family, now: float) -> Issued:
        """A new pair for a family; the refresh token before it becomes 'previous'."""
        self._purge(now)
        access = secrets.token_urlsafe(32)
        self.tokens[access] = Access(family, now + self.access_ttl_s)
        if not family.user:
            return Issued(family, access, "")
        refresh = secrets.token_urlsafe(32)
        self.refreshes[refresh] = family
        family.previous, family.refresh, family.rotated_at = family.refresh, refresh, now
        return Issued(family, access, refresh)

    def refresh(self, text: str, client_id: str, now: float, grace_s: float) -> Issued:
        """Rotate; an already exchanged token revokes the family unless it is the last one, within
        grace.
        """
        family = self.refreshes.get(text)
        if family is None or family.client_id != client_id or family.revoked:
            raise Denied("invalid_grant", "the refresh token is not valid")
        in_grace = text == family.previous and now - family.rotated_at < grace_s
        if text != family.refresh and not in_grace:
            family.revoked = True
            self.revoked_by_reuse += 1
            raise Denied("invalid_grant", "the refresh token was used before")
        family.refreshes += 1
        return self.issue(family, now)

    def owner(self, text: str) -> str:
        """Whose refresh token this is or was; '' when it never was one."""
        family = self.refreshes.get(text)
        return family.user if family is not None else ""

    def revoke(self, text: str, client_id: str) -> Family | None:
        """RFC 7009: a refresh token takes its family along, an access token only itself."""
        family = self.refreshes.get(text)
        if family is not None and family.client_id == client_id:
            family.revoked = True
            return family
        access = self.tokens.get(text)
        if access is not None and access.family.client_id == client_id:
            access.revoked = True
            return access.family
        return None

    def revoke_user(self, user: str) -> int:
        """A homeowner takes every consent back; how many there were."""
        live = [family for family in self.families.get(user, ()) if not family.revoked]
        for family in live:
            family.revoked = True
        return len(live)

    def find(self, token: str, now: float) -> Access | None:
        """The access token if it is good now."""
        access = self.tokens.get(token)
        if access is None or access.revoked or access.family.revoked or now >= access.expires:
            return None
        return access

    def has_consent(self, user: str, client_id: str) -> bool:
        """Has this homeowner a consent with this client that stands?"""
        families = self.families.get(user, ())
        return any(f.client_id == client_id and not f.revoked for f in families)

    def _purge(self, now: float) -> None:
        if len(self.tokens) < self._purge_at:
            return
        self.tokens = {text: found for text, found in self.tokens.items() if found.expires > now}
        self._purge_at = max(10000, 2 * len(self.tokens))
