"""When the mistake is ours: answers that say nothing more of this kind should be sent."""

# One home's odd configuration is no reason to stop a wave; this many are.
FEWEST_REJECTED = 5
# The share of a wave that may be rejected (reliability: 400 "> 1 % of a wave -> pause the wave").
MOST_REJECTED = 0.01
# Where half of what came back says "busy", it is Carrier that is busy, not a home.
BUSY_SHARE, FEWEST_BUSY = 0.5, 10


def why_open(*, not_allowed: int, rejected: int, answered: int) -> str:
    """Why the circuit must open, as a sentence for the operator; empty while all is well.

    ``not_allowed`` counts 405 and 406, ``rejected`` 400, ``answered`` all answers of the wave.
    """
    if not_allowed:
        return (
            f"Carrier does not take our requests at all (405 or 406, {not_allowed} times): "
            "the address or the format is wrong."
        )
    if rejected >= FEWEST_REJECTED and rejected > MOST_REJECTED * answered:
        return f"Carrier rejected {rejected} of {answered} requests as wrong (400)."
    return ""


def everybody_waits(*, busy: int, answered: int) -> bool:
    """Do these answers, which came together, say that all of Carrier is busy?"""
    return busy >= FEWEST_BUSY and busy >= BUSY_SHARE * answered
