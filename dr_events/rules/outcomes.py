"""What an answer from the vendor means for a delivery (docs/carrier.md, answer to action)."""

from dataclasses import dataclass

from dr_events.states import Delivery

# How a try ended. ANSWERED: there is a status. NOT_SENT: provably nothing left the building.
# UNKNOWN: bytes may have left. REFUSED: our own last look said no.
ANSWERED, NOT_SENT, UNKNOWN, REFUSED = "ANSWERED", "NOT_SENT", "UNKNOWN", "REFUSED"

# Looks that must find nothing before a request whose answer was lost may be sent again.
PROOF_AFTER_SILENCE = 2
# After a clear "not now" one look is enough.
PROOF_AFTER_BUSY = 1
MAX_RENEWALS = 1
# "Not now", said before any work was done (RFC 6585, RFC 8470).
BUSY = frozenset({425, 429})


@dataclass(frozen=True, slots=True)
class Verdict:
    """The next state of a row. ``wait_s``: real seconds before anybody looks at it again."""

    delivery: Delivery
    trouble: str = ""
    wait_s: float = 0.0
    absent_needed: int = 0
    renew_token: bool = False


def after_post(
    outcome: str,
    status: int | None,
    *,
    attempts: int,
    renewals: int,
    retry_after_s: float | None,
    quiet_s: float,
    detail: str = "",
) -> Verdict:
    """Where a row goes after its POST.

    ``attempts`` counts this one; ``renewals`` counts earlier 401s; ``quiet_s`` is how long the
    vendor may still apply a request whose answer was lost (total time-out + late effect).
    """
    if outcome in (NOT_SENT, REFUSED):
        return Verdict(Delivery.PLANNED, detail or outcome, wait_s=backoff_s(attempts))
    if outcome == UNKNOWN or status is None or _tells_nothing(status):
        return Verdict(
            Delivery.UNSURE,
            detail or f"Carrier answered {status}",
            wait_s=max(retry_after_s or 0.0, quiet_s),
            absent_needed=PROOF_AFTER_SILENCE,
        )
    if 200 <= status < 300:
        return Verdict(Delivery.ACCEPTED)
    if status in BUSY:
        wait = max(retry_after_s or 0.0, backoff_s(attempts))
        return Verdict(
            Delivery.UNSURE, f"Carrier is busy ({status})", wait, absent_needed=PROOF_AFTER_BUSY
        )
    return _refusal(status, renewals)


def _tells_nothing(status: int) -> bool:
    """A 503, a 408 or a redirect may come from something in front of a server that did the work."""
    return status == 408 or status >= 500 or status < 200 or 300 <= status < 400


def _refusal(status: int, renewals: int) -> Verdict:
    if status == 401 and renewals < MAX_RENEWALS:
        return Verdict(Delivery.PLANNED, "permission must be renewed", renew_token=True)
    state = {
        400: Delivery.REJECTED,
        401: Delivery.UNAUTHORIZED,
        403: Delivery.FORBIDDEN,
        404: Delivery.GONE,
    }.get(status, Delivery.FAILED)
    return Verdict(state, f"Carrier answered {status}")


def after_look(
    *,
    listed: bool,
    list_is_proven: bool,
    absent_reads: int,
    absent_needed: int,
    resend: str,
    too_late: bool,
) -> Delivery:
    """Where an unsure row goes after a GET that could be read. ``absent_reads`` counts this look.

    ``resend`` is the vendor setting: ``never`` keeps looking until it is too late, ``after_proof``
    re-opens the row after enough looks that found nothing, ``free`` after the first. "Not listed"
    counts only where lists are known to show our events (``list_is_proven``), unless ``free``.
    Proven absent when it is too late to send, a row is EXPIRED: it surely never arrived.
    """
    if listed:
        return Delivery.CONFIRMED
    if absent_reads < (1 if resend == "free" else absent_needed):
        return Delivery.UNSURE
    if not list_is_proven and resend != "free":
        return Delivery.UNSURE
    if too_late:
        return Delivery.EXPIRED
    return Delivery.UNSURE if resend == "never" else Delivery.PLANNED


def backoff_s(attempts: int) -> float:
    """Real seconds before try number ``attempts`` + 1: 1, 2, 4 ... at most 60."""
    return float(min(2 ** max(attempts - 1, 0), 60))
