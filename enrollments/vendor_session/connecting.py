"""A homeowner comes back from Carrier with a code: it becomes a permission, or nothing is left."""

import logging
from datetime import datetime

from base import clock
from base.refusal import Refused
from carrier.errors import CarrierError, Reauthorize
from carrier.oauth import OAuth, new_state, new_verifier
from enrollments import operations, rules
from enrollments.models import CarrierGrant, Program
from enrollments.vendor_session import access, giving_back
from people.models import User
from people.operations import Actor

log = logging.getLogger(__name__)

# Somebody waits for a page meanwhile.
REDEEM_S = 5.0

TROUBLE = (
    "Carrier could not be reached just now. Nothing was changed; please try again in a few minutes."
)


def start() -> tuple[str, str, str]:
    """A fresh (state, verifier, address to send the homeowner to)."""
    state, verifier = new_state(), new_verifier()
    return state, verifier, OAuth(access.config()).authorization_url(state=state, verifier=verifier)


def redeem(*, code: str, verifier: str) -> tuple[str, operations.Tokens]:
    """Exchange the code for (Carrier username, tokens). Raises Refused with a sentence."""
    try:
        found = access.oauth(REDEEM_S).redeem(code=code, verifier=verifier)
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
        giving_back.give_back(found.refresh_token or found.access_token)
        raise Refused(
            "Carrier did not give us every permission we need: "
            + "; ".join(rules.SCOPE_SENTENCES[scope].lower() for scope in missing)
            + ". Please connect again and allow all of them.",
            code="scopes-missing",
        )
    return found.username, access.tokens(found, clock.real_now())


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
        giving_back.give_back(tokens.refresh or tokens.access)
        raise
