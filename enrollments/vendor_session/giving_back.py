"""Whoever leaves takes the permission along: Carrier is asked to forget it too."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from carrier.errors import CarrierError
from enrollments import operations
from enrollments.models import Program
from enrollments.tokens import CannotOpen, vault
from enrollments.vendor_session import access
from people.models import User
from people.operations import Actor

log = logging.getLogger(__name__)

# Somebody waits for a page meanwhile.
GIVE_BACK_S = 4.0
# For all that are ended by one press.
GIVE_BACK_MANY_S = 10.0

LastWords = Callable[[operations.Forgotten], None]


def give_back(token: str) -> None:
    """Ask Carrier to forget a permission, for a few seconds at most: somebody waits for a page."""
    try:
        access.oauth(GIVE_BACK_S).revoke(token=token)
    except CarrierError as error:
        log.warning("giving a permission back failed: %s", type(error).__name__)


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
