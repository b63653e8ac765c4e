"""Looks around an event: how warm it was before and how warm it became afterwards.

They decide nothing: participation is judged by the looks of rules.participation. So they are few,
at a calm pace, at some of the homes where there are many, and come after everything else.
"""

from datetime import datetime, timedelta

BEFORE, AFTER = timedelta(hours=2), timedelta(hours=4)
EVERY = timedelta(minutes=30)
# From so long before the start until so long after the end others look (participation.next_look).
_OTHERS = timedelta(minutes=10)
# A look that could not be taken in its time is left out after this.
_PATIENCE = timedelta(minutes=15)


def looks(starts_at: datetime, ends_at: datetime) -> list[datetime]:
    """When to look: every EVERY, four times before the start and eight times after the end."""
    before = [starts_at - BEFORE + EVERY * number for number in range(BEFORE // EVERY)]
    after = [ends_at + EVERY * (number + 1) for number in range(AFTER // EVERY)]
    return [at for at in before if at < starts_at - _OTHERS] + after


def next_look(*, now: datetime, starts_at: datetime, ends_at: datetime) -> datetime | None:
    """The next of them; None after the last."""
    return next((at for at in looks(starts_at, ends_at) if at > now), None)


def is_in_time(due: datetime, now: datetime, *, starts_at: datetime) -> bool:
    """May a look that was due be taken now? One for before the start not once others look."""
    if due < starts_at:
        return now < starts_at - _OTHERS and now - due < _PATIENCE
    return now - due < _PATIENCE
