"""How a webhook's message is signed, and how its receiver checks that (docs/partner_api.md)."""

import hashlib
import hmac
from collections.abc import Mapping

# A receiver refuses a message older than this: a recorded one is worth nothing later.
MAX_AGE_S = 300


def signature(secret: str, *, timestamp: int, body: bytes) -> str:
    """HMAC-SHA256 in hex over ``timestamp.body``; the delivery's id is in the body."""
    return hmac.new(secret.encode(), b"%d." % timestamp + body, hashlib.sha256).hexdigest()


def header(secrets: Mapping[str, str], *, timestamp: int, body: bytes) -> str:
    """``key id=signature`` for each secret that is good now, newest first."""
    return ", ".join(
        f"{key_id}={signature(secret, timestamp=timestamp, body=body)}"
        for key_id, secret in secrets.items()
    )


def is_genuine(
    given: str, secrets: Mapping[str, str], *, timestamp: str, body: bytes, now_s: float
) -> bool:
    """What a receiver does: one known key has signed these bytes within the last five minutes."""
    if not timestamp.isdecimal() or abs(now_s - int(timestamp)) > MAX_AGE_S:
        return False
    pairs = (part.strip().partition("=") for part in given.split(","))
    return any(
        key_id in secrets
        and hmac.compare_digest(
            found, signature(secrets[key_id], timestamp=int(timestamp), body=body)
        )
        for key_id, _, found in pairs
    )
