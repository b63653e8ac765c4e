"""Access tokens end; they are renewed before they do, one renewal at a time for each permission."""

import logging
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import NoReturn

from django.db import InterfaceError, OperationalError, connection, transaction

from base import clock
from carrier.errors import CarrierError, Reauthorize
from enrollments import operations, rules
from enrollments.models import CarrierGrant
from enrollments.states import GrantState
from enrollments.tokens import CannotOpen, vault
from enrollments.vendor_session import access

log = logging.getLogger(__name__)

# A token is not used in its last minute: the clocks of two companies are never quite the same.
TOKEN_MARGIN = timedelta(seconds=60)
REFRESHERS = 8
# A row lock is held meanwhile.
REFRESH_S = 10.0
# New tokens whose saving failed: so many more tries, so long apart.
RESCUES, RESCUE_PAUSE_S = 20, 0.5


class Refreshed(StrEnum):
    """How asking for a usable token turned out. Compare by name: none of these is true or false."""

    USABLE = "usable"
    BUSY = "busy"  # somebody else renews it at this moment
    FAILED = "failed"  # not usable now, or not connected any more

    def __bool__(self) -> NoReturn:
        raise TypeError("compare with USABLE, BUSY or FAILED")


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
        found = access.oauth(REFRESH_S).refresh(refresh_token=token)
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
    return _Fetched(bytes(grant.refresh_sealed), access.tokens(found, real_now))


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
