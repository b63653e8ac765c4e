"""Window to Carrier's OAuth server: connect, refresh, leave, and clients with a token."""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, NoReturn

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction

from base import clock
from base.refusal import Refused
from carrier.client import CarrierClient
from carrier.config import CarrierConfig
from carrier.errors import CarrierError, Reauthorize
from carrier.oauth import OAuth, TokenSet, new_state, new_verifier
from enrollments import operations, rules
from enrollments.models import CarrierGrant, Program
from enrollments.states import GrantState
from enrollments.tokens import CannotOpen, vault
from people.models import User
from people.operations import Actor

log = logging.getLogger(__name__)

# A token is not used in its last minute: the clocks of two companies are never quite the same.
TOKEN_MARGIN = timedelta(seconds=60)
REFRESHERS = 8
# How long a call to the token address may take. A renewal holds a row lock meanwhile; for the
# other two somebody waits for a page.
REFRESH_S = 10.0
REDEEM_S = 5.0
GIVE_BACK_S = 4.0
# For all that are ended by one press.
GIVE_BACK_MANY_S = 10.0
# New tokens whose saving failed: so many more tries, so long apart.
RESCUES, RESCUE_PAUSE_S = 20, 0.5

TROUBLE = (
    "Carrier could not be reached just now. Nothing was changed; please try again in a few minutes."
)


@cache
def config() -> CarrierConfig:
    values: dict[str, Any] = dict(settings.CARRIER)
    return CarrierConfig(scopes=rules.ASKED_SCOPES, **values)


class Refreshed(StrEnum):
    """How asking for a usable token turned out. Compare by name: none of these is true or false."""

    USABLE = "usable"
    BUSY = "busy"  # somebody else renews it at this moment
    FAILED = "failed"  # not usable now, or not connected any more

    def __bool__(self) -> NoReturn:
        raise TypeError("compare with USABLE, BUSY or FAILED")


def _oauth(total_s: float) -> OAuth:
    """The authorization server, with at most ``total_s`` for a call."""
    limit = min(total_s, config().total_timeout_s)
    return OAuth(replace(config(), total_timeout_s=limit))


def start() -> tuple[str, str, str]:
    """A fresh (state, verifier, address to send the homeowner to)."""
    state, verifier = new_state(), new_verifier()
    return state, verifier, OAuth(config()).authorization_url(state=state, verifier=verifier)


def redeem(*, code: str, verifier: str) -> tuple[str, operations.Tokens]:
    """Exchange the code for (Carrier username, tokens). Raises Refused with a sentence."""
    try:
        found = _oauth(REDEEM_S).redeem(code=code, verifier=verifier)
    except Reauthorize:
        raise Refused(
            "Carrier says this sign-in has expired or was used before. Please connect again.",
            code="code-refused",
        ) from None
    except CarrierError as error:
        log.warning("redeeming a code failed: %s", type(error).__name__)
        raise Refused(TROUBLE, code="carrier-down") from None
    if not found.username:
        raise Refused("Carrier did not say whose account this is.", code="no-username")
    missing = rules.missing_scopes(found.scopes)
    if missing:
        give_back(found.refresh_token or found.access_token)
        raise Refused(
            "Carrier did not give us every permission we need: "
            + "; ".join(rules.SCOPE_SENTENCES[scope].lower() for scope in missing)
            + ". Please connect again and allow all of them.",
            code="scopes-missing",
        )
    return found.username, _tokens(found, clock.real_now())


def connect(
    *, user: User, program: Program, code: str, verifier: str, actor: Actor, now: datetime
) -> CarrierGrant:
    """Redeem the code and keep the permission. Raises Refused; a permission that is not kept is
    given back to Carrier, so that nothing is left there that nobody here knows of."""
    username, tokens = redeem(code=code, verifier=verifier)
    try:
        return operations.link(
            user=user,
            carrier_username=username,
            tokens=tokens,
            actor=actor,
            now=now,
            real_now=clock.real_now(),
            program=program,
        )
    except Refused:
        give_back(tokens.refresh or tokens.access)
        raise


def give_back(token: str) -> None:
    """Ask Carrier to forget a permission, for a few seconds at most: somebody waits for a page."""
    try:
        _oauth(GIVE_BACK_S).revoke(token=token)
    except CarrierError as error:
        log.warning("giving a permission back failed: %s", type(error).__name__)


def _tokens(found: TokenSet, real_now: datetime) -> operations.Tokens:
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


def refresh(grant_id: int, *, margin: timedelta = TOKEN_MARGIN) -> Refreshed:
    """Renew a token that ends within ``margin``.

    One refresh per grant at a time: the row lock is held over the call, losers skip. The new
    tokens are committed before anybody can use them (Carrier may rotate refresh tokens, and a
    replayed one can revoke the grant: RFC 9700 4.14). After a failure Carrier is left alone for a
    while: see ``rules.refresh_pause_s``.
    """
    known = _without_asking(CarrierGrant.objects.filter(id=grant_id).first(), margin)
    if known is not None:
        return known
    fetched: _Fetched | None = None
    try:
        with transaction.atomic():
            rows = CarrierGrant.objects.select_for_update(skip_locked=True, no_key=True)
            grant = rows.filter(id=grant_id).first()
            if grant is None:
                return Refreshed.BUSY
            known = _without_asking(grant, margin)
            if known is not None:
                return known
            fetched = _fetch(grant)
            if fetched is None:
                return Refreshed.FAILED
            operations.renew_tokens(grant=grant, tokens=fetched.tokens)
    except (OperationalError, InterfaceError):
        if fetched is None:
            raise
        _rescue(grant_id, fetched)
    return Refreshed.USABLE


@dataclass(frozen=True, slots=True)
class _Fetched:
    """New tokens, and the sealed refresh token that was exchanged for them."""

    before: bytes
    tokens: operations.Tokens


def _rescue(grant_id: int, fetched: _Fetched) -> None:
    """The session was lost between Carrier's answer and our commit. The old refresh token is spent;
    the new one is only here, and is worth some patience with a database that restarts."""
    for left in reversed(range(RESCUES)):
        connection.close()
        try:
            operations.rescue_tokens(
                grant_id=grant_id, before=fetched.before, tokens=fetched.tokens
            )
            break
        except (OperationalError, InterfaceError):
            if not left:
                raise
            time.sleep(RESCUE_PAUSE_S)


def _without_asking(grant: CarrierGrant | None, margin: timedelta) -> Refreshed | None:
    """What the row alone tells; None when Carrier has to be asked."""
    real_now = clock.real_now()
    if grant is None or grant.state != GrantState.ACTIVE:
        return Refreshed.FAILED
    if grant.access_expires_at is None or grant.access_expires_at > real_now + margin:
        return Refreshed.USABLE
    if grant.refresh_not_before is not None and grant.refresh_not_before > real_now:
        return Refreshed.FAILED
    return None


def _fetch(grant: CarrierGrant) -> _Fetched | None:
    """Exchange the refresh token of a locked row; None, and the reason written down, if that
    failed."""
    # Asked before the call: afterwards the session may be gone, and the tokens must not be.
    now, real_now = clock.now(), clock.real_now()
    try:
        if grant.refresh_sealed is None:
            raise Reauthorize("no refresh token was given")
        token = vault().open(bytes(grant.refresh_sealed), bound_to=grant.bound_to("refresh"))
        found = _oauth(REFRESH_S).refresh(refresh_token=token)
    except Reauthorize:
        operations.permission_lost(grant_id=grant.pk, why="Carrier refused to renew it", now=now)
        return None
    except CannotOpen as error:
        operations.permission_lost(grant_id=grant.pk, why=str(error), now=now)
        return None
    except CarrierError as error:
        # Not a revocation. If the server did rotate, the next try is refused and says so.
        log.warning("refresh of grant %s failed: %s", grant.pk, type(error).__name__)
        pause = timedelta(seconds=rules.refresh_pause_s(error.retry_after_s))
        operations.put_off_refresh(grant=grant, until=real_now + pause)
        return None
    return _Fetched(bytes(grant.refresh_sealed), _tokens(found, real_now))


def refresh_many(
    grant_ids: Sequence[int], *, margin: timedelta = TOKEN_MARGIN, until: float | None = None
) -> int:
    """Renew several grants side by side; how many are usable afterwards.

    None is begun after ``until`` (``time.monotonic()``): a process that is stopped in the middle of
    a rotation costs a homeowner the permission.
    """

    left = deque(grant_ids)

    def take() -> int | None:
        if until is not None and time.monotonic() >= until:
            return None
        try:
            return left.popleft()
        except IndexError:
            return None

    def some(_: int) -> int:
        """One refresher takes the next home until none is left, over one database connection."""
        try:
            ours = iter(take, None)
            return sum(refresh(grant_id, margin=margin) is Refreshed.USABLE for grant_id in ours)
        finally:
            connection.close()

    with ThreadPoolExecutor(REFRESHERS) as pool:
        return sum(pool.map(some, range(min(REFRESHERS, len(grant_ids)))))


LastWords = Callable[[operations.Forgotten], None]


def leave(
    *,
    enrollment_id: int,
    actor: Actor,
    now: datetime,
    why: str = "",
    last_words: LastWords | None = None,
) -> operations.Left | None:
    """A system leaves its program; None when it was not in it. A permission that ended with it is
    given back to Carrier too, as far as Carrier can be reached, after ``last_words``: what is to be
    asked with it before. Raises Refused."""
    left = operations.withdraw(enrollment_id=enrollment_id, actor=actor, now=now, why=why)
    if left is not None and left.forgotten is not None:
        _give_back_forgotten(left.forgotten, last_words)
    return left


def erase(*, user: User, actor: Actor, now: datetime, last_words: LastWords | None = None) -> None:
    """Everything that names this person goes (operations.erase); then Carrier is asked to forget
    the permissions too, as far as it can be reached, as in ``leave``. Raises Refused."""
    for forgotten in operations.erase(user=user, actor=actor, now=now):
        _give_back_forgotten(forgotten, last_words)


def stop_joining(*, user: User, program: Program, actor: Actor, now: datetime) -> bool:
    """``operations.stop_joining`` in the same way; whether a permission ended. Raises Refused."""
    ended = operations.stop_joining(user=user, program=program, actor=actor, now=now)
    for forgotten in ended:
        _give_back_forgotten(forgotten, None)
    return bool(ended)


def decide(
    *,
    act: str,
    choices: Sequence[operations.Choice],
    reason: str,
    actor: Actor,
    now: datetime,
) -> operations.Decided:
    """``operations.decide``; permissions that ended with it are given back to Carrier for some
    seconds: somebody waits for the page. Here their tokens are destroyed all the same."""
    decided = operations.decide(act=act, choices=choices, reason=reason, actor=actor, now=now)
    until = time.monotonic() + GIVE_BACK_MANY_S
    for forgotten in decided.forgotten:
        if time.monotonic() < until:
            _give_back_forgotten(forgotten, None)
    return decided


def _give_back_forgotten(forgotten: operations.Forgotten, last_words: LastWords | None) -> None:
    if last_words is not None:
        last_words(forgotten)
    if forgotten.sealed is None:
        return
    try:
        give_back(vault().open(forgotten.sealed, bound_to=forgotten.bound_to))
    except CannotOpen as error:
        log.warning("grant %s could not be given back: %s", forgotten.grant_id, error)
