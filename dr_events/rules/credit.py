"""What a home earns in a season, by its program's rule.

Public programs count differently (events, hours; thresholds of 65 to 80 percent), so the rule is
the program's own. A home is asked when Carrier had the event or the home said no to it; a request
that failed is not held against it.
"""

from dataclasses import dataclass

from base.choices import ColoredChoices


class Basis(ColoredChoices):
    EVENTS = "EVENTS", "azure", "Events"
    HOURS = "HOURS", "azure", "Hours of events"


@dataclass(frozen=True, slots=True)
class Credit:
    """``threshold`` in percent of what a home was asked for; amounts in cents."""

    basis: Basis
    threshold: int
    season_cents: int
    event_cents: int


def dollars(cents: int) -> str:
    """``$20``, ``$1.50``."""
    return f"${cents / 100:,.2f}".removesuffix(".00")


def in_words(credit: Credit | None) -> str:
    """The rule as one sentence, for the public page and for operators; empty when there is none or
    it pays nothing."""
    if credit is None:
        return ""
    parts = []
    if credit.season_cents:
        counted = {Basis.EVENTS: "events", Basis.HOURS: "event hours"}[credit.basis]
        share = (
            f"for taking part in at least {credit.threshold} % of the {counted} of a season"
            if credit.threshold
            else "for a season in which the home was asked to take part, whether it did or not"
        )
        parts.append(f"{dollars(credit.season_cents)} {share}")
    if credit.event_cents:
        parts.append(f"{dollars(credit.event_cents)} for each event taken part in")
    return f"{', and '.join(parts)}." if parts else ""


def mark(credit: Credit | None) -> str:
    """Names a rule: a form that was filled in from another one is refused."""
    if credit is None:
        return "none"
    return f"{credit.basis}-{credit.threshold}-{credit.season_cents}-{credit.event_cents}"


@dataclass(frozen=True, slots=True)
class Season:
    """One home's season: events and hours it was asked for, and took part in."""

    asked: int = 0
    took_part: int = 0
    asked_h: float = 0.0
    took_part_h: float = 0.0

    def share(self, basis: Basis) -> float | None:
        """Percent, 0 to 100; None when the home was never asked."""
        asked, done = (
            (self.asked, self.took_part)
            if basis == Basis.EVENTS
            else (self.asked_h, self.took_part_h)
        )
        return 100 * done / asked if asked else None


def earned_cents(season: Season, credit: Credit) -> int:
    """The amount for each event taken part in, and the season's where the threshold is reached."""
    share = season.share(credit.basis)
    # A whole share may come out as 79.99999999999999.
    reached = share is not None and share >= credit.threshold - 1e-9
    return credit.event_cents * season.took_part + (credit.season_cents if reached else 0)
