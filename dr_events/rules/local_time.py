"""From what an operator types to a moment, honest about daylight saving."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from base.refusal import Refused
from base.zones import zone_words


def to_utc(typed: datetime, zone: ZoneInfo, *, field: str, second: bool | None = None) -> datetime:
    """The UTC moment of a local wall-clock time without zone.

    ``second`` says which of the two moments is meant when the clock is turned back (None: not
    said). Raises Refused for a time that does not exist (spring) and for one that exists twice
    when nobody said which (autumn).
    """
    early, late = (typed.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    name, there = f"{typed:%B %-d, %-I:%M %p}", zone_words(zone.key)
    if early.utcoffset() == late.utcoffset():
        return early.astimezone(UTC)
    if early.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != typed:
        raise Refused(
            f"{name} does not exist in {there}: the clock is set forward in that hour. "
            "Choose an earlier or a later time.",
            field=field,
            code="local-time-gap",
        )
    if second is None:
        raise Refused(
            f"{name} happens twice in {there}: the clock is turned back in that hour. "
            "Say whether you mean the first or the second.",
            field=field,
            code="local-time-fold",
        )
    return (late if second else early).astimezone(UTC)
