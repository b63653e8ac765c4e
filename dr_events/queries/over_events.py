"""The events of a season against each other: figures that were kept, and drawings of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from base.drawing import Drawing, drawing
from base.spreadsheet import utc_cell
from dr_events.queries.pages import EventPage
from dr_events.states import EventState

# Columns of the download, one row an event that is over or running.
HEADER = (
    "event", "state", "starts_at_utc", "ends_at_utc", "targeted", "took_part", "took_part_percent",
    "opted_out_before", "opted_out_during", "opted_out_percent", "unreachable", "failed",
    "accepted_p50_s", "accepted_p99_s", "accepted_since", "indoor_change_f", "indoor_change_homes",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class EventLine:
    """One event. ``p50_s`` and ``p99_s``: real seconds until Carrier had accepted, from ``since``;
    ``change_f``: how much warmer ``change_homes`` homes that took part were at the end than at the
    start, on average. None where nothing was kept."""

    page: EventPage
    p50_s: float | None = None
    p99_s: float | None = None
    since: str = ""
    change_f: float | None = None
    change_homes: int = 0

    def _percent(self, part: int) -> float | None:
        targeted = self.page.tally.targeted
        return 100 * part / targeted if targeted else None

    @property
    def took_part_percent(self) -> float | None:
        return self._percent(self.page.tally.participating)

    @property
    def opted_out_percent(self) -> float | None:
        return self.page.tally.opted_out_percent

    @property
    def is_over(self) -> bool:
        return self.page.event.state == EventState.COMPLETED


def lines(pages: Sequence[EventPage]) -> list[EventLine]:
    """The same events in the same order, with what was kept of them."""
    return [_line(page) for page in pages]


def _line(page: EventPage) -> EventLine:
    kept = page.tally.kept
    if kept is None or page.tally.open:
        return EventLine(page)
    since = "" if kept.p50_s is None else "release" if kept.at_once else "first request"
    return EventLine(page, kept.p50_s, kept.p99_s, since, kept.change_f, kept.change_homes)


# --- drawings -----------------------------------------------------------------------------------
Value = Callable[[EventLine], float | None]

_WHAT: tuple[tuple[str, str, str, str, tuple[tuple[str, Value], ...]], ...] = (
    (
        "took-part", "Took part", " %",
        "Homes seen active while the event ran, of those it was for.",
        (("Took part", lambda one: one.took_part_percent),),
    ),
    (
        "opted-out", "Opted out", " %",
        "Homes that said no here or at the wall control, of those the event was for.",
        (("Opted out", lambda one: one.opted_out_percent),),
    ),
    (
        "latency", "How fast the homes were told", " s",
        "Real time until Carrier had accepted, from the release, or from the first request where"
        " sending waited for its time.",
        (("Half of the homes (p50)", lambda one: one.p50_s),
         ("99 % of the homes (p99)", lambda one: one.p99_s)),
    ),
    (
        "warmth", "How much warmer the homes became", " °F",
        "Indoors, mean of homes that took part, about 500 where there are more: the last reading"
        " around the end less the first around the start. What they would have been without the"
        " event is not known.",
        (("Change", lambda one: one.change_f),),
    ),
)  # fmt: skip


def drawings(events: Sequence[EventLine]) -> list[Drawing]:
    """Of the completed events; those of which fewer than two values are known are left out."""
    over = [one for one in events if one.is_over]
    return [made for what in _WHAT if (made := _drawing(over, *what)) is not None]


def _drawing(
    events: Sequence[EventLine],
    key: str,
    name: str,
    unit: str,
    source: str,
    series: Sequence[tuple[str, Value]],
) -> Drawing | None:
    values = [(word, [value(one) for one in events]) for word, value in series]
    days = [_day(one) for one in events]
    return drawing(values, days, key=key, name=name, unit=unit, source=source, over="event")


def _day(one: EventLine) -> str:
    return f"{one.page.event.starts_at.astimezone(one.page.zone):%b %-d}"


# --- download -----------------------------------------------------------------------------------
def table(events: Sequence[EventLine]) -> Iterator[tuple[object, ...]]:
    """Values in the order of HEADER; moments as ISO 8601 in UTC, empty when unknown."""
    for one in events:
        event, rows = one.page.event, one.page.tally
        yield (
            event.name,
            one.page.phase.label,
            utc_cell(event.starts_at),
            utc_cell(event.ends_at),
            rows.targeted,
            rows.participating,
            _short(one.took_part_percent, 1),
            rows.opted_out_before,
            rows.opted_out_during,
            _short(one.opted_out_percent, 1),
            rows.unreachable,
            rows.failed,
            _short(one.p50_s, 3),
            _short(one.p99_s, 3),
            one.since,
            _short(one.change_f, 2),
            one.change_homes or "",
        )


def _short(value: float | None, digits: int) -> object:
    return "" if value is None else round(float(value), digits)
