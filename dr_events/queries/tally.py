"""The rows of one event, counted: what pages and the partner API say of it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dr_events.queries.kept import Kept
from dr_events.states import (
    FAILURES,
    OPEN,
    OPTED_OUT,
    SENT,
    Delivery,
    Participation,
    Reason,
    Recall,
)


@dataclass(frozen=True, slots=True)
class Tally:
    """The rows of one event, counted.

    ``targeted`` rows were to be sent when the event was scheduled; everybody else is in
    ``left_out``. ``delivery`` and ``participation`` each add up to ``targeted``: a home that
    opted out or left after the plan was made stays targeted, as SKIPPED.
    """

    targeted: int = 0
    left_out: dict[Reason, int] = field(default_factory=dict)
    delivery: dict[Delivery, int] = field(default_factory=dict)
    participation: dict[Participation, int] = field(default_factory=dict)
    # What went wrong: state in words, what was said, how many homes; most frequent first.
    failures: tuple[tuple[str, str, int], ...] = ()
    # Not sent yet, and nobody is sending it: cancelling spares these.
    can_stop: int = 0
    # What Carrier had when the event was cancelled, or the home said no: how taking it back stands.
    recalls: dict[Recall, int] = field(default_factory=dict)
    # Said no here after the request had left: only the wall control can stop it.
    said_no_late: int = 0
    # Real time of the first request and of the last acceptance.
    first_sent_at: datetime | None = None
    last_accepted_at: datetime | None = None
    # Where these figures were kept, not counted: of a closed event.
    kept: Kept | None = field(default=None, compare=False)
    # Real time these figures were counted, of an event that may still change; None: just now.
    counted_at: datetime | None = field(default=None, compare=False)

    def _sum(self, states: Iterable[Delivery]) -> int:
        return sum(self.delivery.get(state, 0) for state in states)

    @property
    def accepted(self) -> int:
        """Carrier has it: accepted, or seen in its list."""
        return self._sum(SENT)

    @property
    def confirmed(self) -> int:
        return self.delivery.get(Delivery.CONFIRMED, 0)

    @property
    def unsure(self) -> int:
        return self.delivery.get(Delivery.UNSURE, 0)

    @property
    def in_flight(self) -> int:
        return self.delivery.get(Delivery.SENDING, 0)

    @property
    def open(self) -> int:
        """Rows somebody must still act on."""
        return self._sum(OPEN)

    @property
    def failed(self) -> int:
        return self._sum(FAILURES)

    @property
    def may_resend(self) -> int:
        """Failed on our side; some of them may be sent again (operations.reopen_failed)."""
        return self.delivery.get(Delivery.FAILED, 0)

    @property
    def settled(self) -> int:
        return self.targeted - self.open

    @property
    def recalled(self) -> int:
        """A home's list at Carrier shows that it was taken back."""
        return self.recalls.get(Recall.RECALLED, 0)

    @property
    def cannot_recall(self) -> int:
        return self.recalls.get(Recall.CANNOT, 0)

    @property
    def recalling(self) -> int:
        """Of a cancelled event: at Carrier, and not known yet whether it can be taken back."""
        return self.accepted - self.recalled - self.cannot_recall

    @property
    def participating(self) -> int:
        """Taking part now, or took part."""
        return sum(
            self.participation.get(state, 0)
            for state in (Participation.ACTIVE, Participation.COMPLETED)
        )

    @property
    def opted_out(self) -> int:
        return sum(self.participation.get(state, 0) for state in OPTED_OUT)

    @property
    def opted_out_before(self) -> int:
        return self.participation.get(Participation.OPTED_OUT_BEFORE, 0)

    @property
    def opted_out_during(self) -> int:
        return self.participation.get(Participation.OPTED_OUT_DURING, 0)

    @property
    def unreachable(self) -> int:
        return self.participation.get(Participation.UNREACHABLE, 0)

    @property
    def opted_out_percent(self) -> float | None:
        return 100 * self.opted_out / self.targeted if self.targeted else None

    @property
    def left_out_total(self) -> int:
        return sum(self.left_out.values())

    @property
    def delivery_bar(self) -> "tuple[Segment, ...]":
        return stacked(self.delivery, Delivery)

    @property
    def participation_bar(self) -> "tuple[Segment, ...]":
        return stacked(self.participation, Participation)

    @property
    def systems_per_s(self) -> float | None:
        """Acceptances per real second between the first request and the last acceptance."""
        if self.first_sent_at is None or self.last_accepted_at is None:
            return None
        seconds = (self.last_accepted_at - self.first_sent_at).total_seconds()
        return self.accepted / seconds if seconds > 0 and self.accepted else None


# Skipped after the plan: these homes were targeted and said no, or left, before their turn.
_LATER = (Reason.OPTED_OUT, Reason.WITHDRAWN)

# Failures with reasons of their own that a page lists; the rest is one line.
_KINDS = 20
_REST = "other reasons"


def of(groups: Iterable[tuple[Any, ...]]) -> Tally:
    """The figures of rows that were counted in the columns of _COUNTS, without the event."""
    left_out, delivery, participation = Counter[Reason](), Counter[Delivery](), Counter[Any]()
    failures, recalls = Counter[tuple[str, str]](), Counter[Recall]()
    can_stop = said_no_late = 0
    first, last = [], []
    for state, part, why, trouble, said_no, recall, number, sent_at, accepted_at in groups:
        what, reason = Delivery(state), Reason(why)
        if what == Delivery.WITHHELD or (what == Delivery.SKIPPED and reason not in _LATER):
            left_out[reason] += number
            continue
        delivery[what] += number
        participation[Participation(part)] += number
        recalls[Recall(recall)] += number
        if what in FAILURES:
            failures[(what.label, trouble)] += number
        if said_no and what != Delivery.SKIPPED and Participation(part) not in OPTED_OUT:
            said_no_late += number
        if what == Delivery.PLANNED and not said_no:
            can_stop += number
        first += [sent_at] * (sent_at is not None)
        last += [accepted_at] * (accepted_at is not None)
    return Tally(
        targeted=delivery.total(),
        left_out=dict(sorted(left_out.items())),
        delivery=dict(delivery),
        participation=dict(participation),
        failures=_most(failures),
        can_stop=can_stop,
        recalls=dict(recalls),
        said_no_late=said_no_late,
        first_sent_at=min(first, default=None),
        last_accepted_at=max(last, default=None),
    )


def _most(failures: Counter[tuple[str, str]]) -> tuple[tuple[str, str, int], ...]:
    """The most frequent failures with their reasons; what is beyond them by state alone."""
    first, rest = failures.most_common()[:_KINDS], failures.most_common()[_KINDS:]
    others = Counter[tuple[str, str]]()
    for (label, _), number in rest:
        others[(label, _REST)] += number
    return tuple((*name, number) for name, number in [*first, *others.most_common()])


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a stacked bar; ``x`` and ``width`` in percent."""

    choice: Delivery | Participation
    count: int
    x: float
    width: float

    @property
    def percent(self) -> int:
        return round(self.width)


def stacked(counts: dict, order: type[Delivery] | type[Participation]) -> tuple[Segment, ...]:
    """Counts by state as pieces of one bar, in the order the states are written down."""
    total = sum(counts.values())
    pieces, x = [], 0.0
    for choice in order:
        count = counts.get(choice, 0)
        if count:
            width = 100 * count / total
            pieces.append(Segment(choice, count, round(x, 3), round(width, 3)))
            x += width
    return tuple(pieces)
