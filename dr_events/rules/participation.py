"""What a home did, judged from what was seen, never from what was hoped."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dr_events.states import OPTED_OUT, Participation


@dataclass(frozen=True, slots=True)
class Sight:
    """One look at a home. ``listed`` is False when our event is not in its list.

    ``status`` and ``opt`` are the words of the list entry; times are business time, UTC.
    ``online`` is None when the status could not be read.
    """

    listed: bool
    status: str = "unknown"
    opt: str = "none"
    opted_at: datetime | None = None
    online: bool | None = None


def verdict(
    before: Participation,
    sight: Sight,
    *,
    starts_at: datetime,
    ends_at: datetime,
    seen_active: bool,
    now: datetime,
) -> Participation:
    """Participation after this look.

    Taking part needs evidence: COMPLETED only when the home was seen active at least once while
    the event ran, because the list entry of a wall control that is switched off runs through
    the same words as any other.
    """
    if before in OPTED_OUT:
        return before
    if sight.listed and sight.opt == "optOut":
        when = sight.opted_at or now
        return (
            Participation.OPTED_OUT_BEFORE if when < starts_at else Participation.OPTED_OUT_DURING
        )
    if now < starts_at:
        return Participation.SCHEDULED if sight.listed else before
    if now < ends_at:
        return _while_running(before, sight)
    return Participation.COMPLETED if seen_active else Participation.UNREACHABLE


def _while_running(before: Participation, sight: Sight) -> Participation:
    if sight.online is False:
        return Participation.UNREACHABLE
    if sight.online and sight.listed and sight.status == "active":
        return Participation.ACTIVE
    return before


def next_look(
    *,
    now: datetime,
    starts_at: datetime,
    ends_at: datetime,
    every: timedelta,
    all_listed: bool = True,
) -> datetime | None:
    """When to look again; None after the last look.

    Before the start: once ten minutes ahead, so that a home that fell off can still be told; every
    ``every`` while some homes do not list what Carrier accepted (``all_listed``).
    While it runs and for ten minutes after: every ``every``. The last look is ten minutes after
    the end, when opt-outs of the last minutes have reached the cloud.
    """
    margin = timedelta(minutes=10)
    if now < starts_at - margin:
        return starts_at - margin if all_listed else min(now + every, starts_at - margin)
    if now < starts_at:
        return min(now + every, starts_at + timedelta(minutes=1))
    if now < ends_at + margin:
        return min(now + every, ends_at + margin)
    return None
