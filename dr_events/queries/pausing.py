"""Does an event touch a home's pause? One fragment for the plan, the claim, the last look and the
settling, so that they agree. ``enrollments.rules.Pause`` is the same in Python.

What counts is the time of the event, asked anew at each of these moments: a home that rests today
and is back for the event gets it; one that will be away then does not.
"""

_RESTS = """((n.state = 'PAUSED' OR n.paused_from IS NOT NULL)
    AND tstzrange(n.paused_from, n.paused_until) && {window})"""


def rests(window: str) -> str:
    """SQL: the pause of enrolment ``n`` touches ``window``, an expression for a range."""
    return _RESTS.format(window=window)


def takes_part(window: str) -> str:
    """SQL: enrolment ``n`` is in its program and does not rest in ``window``."""
    return f"(n.state IN ('ACTIVE', 'PAUSED') AND NOT {rests(window)})"
