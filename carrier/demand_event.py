"""A demand-response event for one system, in OpenADR's words; knows no wire.

The limits are those of contract section 4.6. They are the vendor's outer fence; a program's own,
tighter comfort limits are the portal's business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal, TypeAlias

Fingerprint: TypeAlias = "tuple[str, datetime | None, datetime | None, int | None, Decimal | None]"
"""Kind, start, end (aware UTC), level, price in cents/kWh: what is left to match without an id."""

MAX_DURATION = timedelta(hours=24)
MIN_DEADBAND_F = 2.0
LOWEST_F, HIGHEST_F = 50.0, 90.0  # factory minLimit and maxLimit, section 4.2

_EVENT_ID = re.compile(r"[0-9A-Za-z._:-]{1,64}")
_PRICE_STEP = Decimal("0.0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandEvent:
    """Raises ValueError, naming the member, for anything section 4.6 forbids.

    `start` is aware; `duration` and `start_randomization` are whole seconds; `price_cents` is
    cents per kWh; `offset_f` is a difference and `heat_f`, `cool_f` are temperatures in °F.
    `response` "customer" leaves the reaction to the wall control's own settings. Whether `start`
    is still ahead is not checked: a cancellation of a running event is a valid event too.
    """

    event_id: str
    modification: int
    kind: Literal["demand", "price"]
    level: int | None = None
    price_cents: Decimal | None = None
    start: datetime
    duration: timedelta
    start_randomization: timedelta = timedelta(0)
    response: Literal["customer", "offset", "absolute"] = "customer"
    offset_f: float | None = None
    heat_f: float | None = None
    cool_f: float | None = None
    priority: int | None = None
    test: bool = False
    message: str = ""
    cancelled: bool = False
    ven_id: str = ""
    vtn_id: str = ""

    def __post_init__(self) -> None:
        _need(_EVENT_ID.fullmatch(self.event_id), "event_id: 1 to 64 of A-Z a-z 0-9 . _ : -")
        _need(self.modification >= 0, "modification: 0 or more")
        _need(self.priority is None or self.priority >= 0, "priority: 0 or more")
        self._check_signal()
        self._check_times()
        self._check_response()
        _need(len(self.message) <= 160, "message: at most 160 characters")
        for name in ("message", "ven_id", "vtn_id"):
            said: str = getattr(self, name)
            _need(
                said.isprintable() and said == said.strip() and len(said) <= 160,
                f"{name}: one line of printable text",
            )

    def _check_signal(self) -> None:
        if self.kind == "demand":
            _need(self.level in (0, 1, 2, 3), "level: 0 to 3 for a demand event")
            _need(self.price_cents is None, "price_cents: not for a demand event")
            return
        _need(self.kind == "price", "kind: demand or price")
        _need(self.level is None, "level: not for a price event")
        price = self.price_cents
        # Four decimals below a million survive JSON's binary numbers unchanged.
        _need(
            price is not None
            and price.is_finite()
            and abs(price) < 1_000_000
            and price == price.quantize(_PRICE_STEP),
            "price_cents: a price with at most four decimals",
        )

    def _check_times(self) -> None:
        _need(self.start.tzinfo is not None, "start: needs a time zone")
        _need(not self.start.microsecond, "start: whole seconds")
        _need(timedelta(0) < self.duration <= MAX_DURATION, "duration: above 0, at most 24 h")
        _need(
            timedelta(0) <= self.start_randomization < self.duration,
            "start_randomization: 0 or more, shorter than the event",
        )
        for name in ("duration", "start_randomization"):
            length: timedelta = getattr(self, name)
            _need(not length.microseconds, f"{name}: whole seconds")

    def _check_response(self) -> None:
        _need(self.response in ("customer", "offset", "absolute"), "response: unknown")
        if self.response == "offset":
            _need(self.offset_f is not None and 1 <= self.offset_f <= 10, "offset_f: 1 to 10 °F")
        else:
            _need(self.offset_f is None, "offset_f: only with response offset")
        if self.response == "absolute":
            heat, cool = self.heat_f, self.cool_f
            _need(heat is not None and LOWEST_F <= heat <= HIGHEST_F, "heat_f: 50 to 90 °F")
            _need(cool is not None and LOWEST_F <= cool <= HIGHEST_F, "cool_f: 50 to 90 °F")
            if heat is not None and cool is not None:
                _need(cool - heat >= MIN_DEADBAND_F, "cool_f: at least 2 °F above heat_f")
        else:
            _need(self.heat_f is None and self.cool_f is None, "heat_f, cool_f: only if absolute")

    @property
    def end(self) -> datetime:
        """The event's end, aware, without randomization."""
        return self.start + self.duration

    @property
    def fingerprint(self) -> Fingerprint:
        """What a listing can be compared with where the server did not keep our id."""
        start, end = self.start.astimezone(UTC), self.end.astimezone(UTC)
        return (self.kind, start, end, self.level, self.price_cents)


def _need(ok: object, rule: str) -> None:
    if not ok:
        raise ValueError(rule)
