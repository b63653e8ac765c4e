"""One system as an operator sees it: the home's facts, and what every event did there."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q

from dr_events.models import Attempt, Dispatch, Event, Reading
from dr_events.queries.earned import Earned, earned
from dr_events.rules import outcomes
from dr_events.states import Delivery, Participation, Reason
from enrollments.models import Consent, Enrollment, Replacement, System
from enrollments.queries import SystemCard, card_of, open_replacements, pause_of
from enrollments.queries.questions import paused_by_answers
from enrollments.rules import Pause
from enrollments.states import LIVE_ENROLLMENTS, ConsentAct, EndReason, EnrollmentState


@dataclass(frozen=True, slots=True)
class Membership:
    id: int
    program: str
    program_slug: str
    zone: str
    state: EnrollmentState
    enrolled_at: datetime
    changed_at: datetime
    pause: Pause | None
    ended_because: EndReason
    replacement: Replacement | None
    # Resting, and not to be resumed before the homeowner answers otherwise.
    is_misfit: bool


@dataclass(frozen=True, slots=True)
class ConsentLine:
    """One act of the ledger: ``text`` is the version that was agreed to."""

    act: ConsentAct
    at: datetime
    program: str
    version: int
    address: str | None
    scopes: tuple[str, ...]
    for_system: bool


_METHODS = {"POST": "Sent to Carrier", "GET": "Looked at Carrier's list"}
_OUTCOMES = {
    outcomes.NOT_SENT: "nothing left the building",
    outcomes.UNKNOWN: "no answer; it may have arrived",
    outcomes.REFUSED: "held back at the last moment",
}
_STATUSES = {
    400: "Carrier calls the request malformed",
    401: "Carrier did not accept the permission",
    403: "Carrier says the permission does not cover it",
    404: "Carrier does not know this system",
    405: "Carrier takes no such request",
    406: "Carrier cannot answer in this form",
    408: "Carrier waited too long for it",
    425: "Carrier asks to wait",
    429: "Carrier asks to wait",
    503: "Carrier asks to wait",
}


@dataclass(frozen=True, slots=True)
class Try:
    """One request and what came of it, in words. ``ended_at`` is real time."""

    what: str
    result: str
    status: int | None
    elapsed_ms: float
    ended_at: datetime
    said: str

    @classmethod
    def of(cls, attempt: Attempt) -> "Try":
        return cls(
            _METHODS.get(attempt.method, attempt.method),
            _result(attempt.outcome, attempt.http_status),
            attempt.http_status,
            attempt.elapsed_ms,
            attempt.ended_at,
            attempt.excerpt,
        )


def _result(outcome: str, status: int | None) -> str:
    if outcome in _OUTCOMES or status is None:
        return _OUTCOMES.get(outcome, "no answer")
    if 200 <= status < 300:
        return "Carrier took it"
    if status >= 500 and status not in _STATUSES:
        return "Carrier failed; whether it counts was looked up"
    return _STATUSES.get(status, "Carrier refused it")


@dataclass(frozen=True, slots=True)
class Past:
    """One event at one home, with every request that was made for it."""

    event: Event
    dispatch: Dispatch
    tries: tuple[Try, ...]

    @property
    def sent(self) -> str:
        """The body of the request, as it was frozen; it holds no secret."""
        return bytes(self.event.message or b"").decode(errors="replace") if self.tries else ""

    @property
    def delivery(self) -> Delivery:
        return Delivery(self.dispatch.delivery)

    @property
    def participation(self) -> Participation:
        return Participation(self.dispatch.participation)

    @property
    def reason(self) -> Reason:
        return Reason(self.dispatch.reason)


_RESPONSES = {"offset": "moves the setpoint", "absolute": "goes to set temperatures"}


@dataclass(frozen=True, slots=True)
class SystemPage:
    card: SystemCard
    system: System
    memberships: tuple[Membership, ...]
    consents: tuple[ConsentLine, ...]
    past: tuple[Past, ...]
    # The event to go on before for earlier ones; 0 where these are the last.
    earlier: int
    # Of the latest event that has any, oldest first.
    readings: tuple[Reading, ...]
    read_during: Event | None
    # None where its program has no rule, or nothing counts for this system.
    earned: Earned | None

    @property
    def own_settings(self) -> str:
        """What the wall control is set to do in an event that leaves it to the home."""
        own = self.system.dr_settings
        unit = self.system.unit
        words = [
            f"by {_delta(own['offset_f'], unit)}" if own.get("offset_f") else "",
            f"cool to {_degrees(own['cool_f'], unit)}" if own.get("cool_f") else "",
            f"heat to {_degrees(own['heat_f'], unit)}" if own.get("heat_f") else "",
        ]
        said = ", ".join(word for word in words if word)
        how = _RESPONSES.get(own.get("response") or "", own.get("response") or "not said")
        return f"{how}{f': {said}' if said else ''}"

    @property
    def membership(self) -> Membership | None:
        """The place it has in a program now."""
        return next((one for one in self.memberships if one.state in LIVE_ENROLLMENTS), None)

    @property
    def counted(self) -> Membership | None:
        """The place whose program says what the home earns: the one it has, or had last. What was
        replaced counts for the wall control in its place."""
        own = [one for one in self.memberships if one.ended_because != EndReason.REPLACED]
        return self.membership or next(iter(own), None)

    @property
    def zone(self) -> str:
        """The zone of the program the home is or was in."""
        return self.memberships[0].zone if self.memberships else "UTC"


def _degrees(value: float, unit: str) -> str:
    return f"{(value - 32) / 1.8:.3g} °C" if unit == "C" else f"{float(value):g} °F"


def _delta(value: float, unit: str) -> str:
    return f"{value / 1.8:.2g} °C" if unit == "C" else f"{float(value):g} °F"


# Events of a system on one page.
PAST = 20


def system_page(system_id: int, *, now: datetime, before: int = 0) -> SystemPage | None:
    """``before``: an event's id; only events that began before it are shown."""
    rows = list(
        Enrollment.objects.filter(system=system_id)
        .select_related("program", "system__grant__user", "system__location")
        .annotate(is_misfit=Exists(paused_by_answers().filter(id=OuterRef("pk"))))
        .order_by("-id")
    )
    system = rows[0].system if rows else _never_enrolled(system_id)
    if system is None:
        return None
    card = card_of(system, next((row for row in rows if row.state in LIVE_ENROLLMENTS), None))
    past, earlier = _past(system, before)
    readings, during = _readings(past)
    page = SystemPage(
        card, system, _memberships(rows), _consents(system), past, earlier, readings, during, None
    )
    if not page.counted:
        return page
    program = next(row.program for row in rows if row.pk == page.counted.id)
    return replace(page, earned=earned(program, [system_id], now=now).get(system_id))


def _never_enrolled(system_id: int) -> System | None:
    return System.objects.select_related("grant__user", "location").filter(id=system_id).first()


def _memberships(rows: Sequence[Any]) -> tuple[Membership, ...]:
    """``rows``: enrolments with ``is_misfit``."""
    asked = open_replacements([row.pk for row in rows]) if rows else {}
    return tuple(
        Membership(
            row.pk,
            row.program.name,
            row.program.slug,
            row.program.time_zone,
            EnrollmentState(row.state),
            row.enrolled_at,
            row.changed_at,
            pause_of(row),
            EndReason(row.ended_because),
            asked.get(row.pk),
            row.is_misfit,
        )
        for row in rows
    )


def _consents(system: System) -> tuple[ConsentLine, ...]:
    rows = (
        Consent.objects.filter(Q(system=system) | Q(system=None, user=system.grant.user_id))
        .select_related("terms__program")
        .order_by("-at", "-id")[:20]
    )
    return tuple(
        ConsentLine(
            ConsentAct(row.act),
            row.at,
            row.terms.program.name,
            row.terms.version,
            row.address,
            tuple(row.scopes),
            row.system_id is not None,
        )
        for row in rows
    )


def _past(system: System, before: int) -> tuple[tuple[Past, ...], int]:
    """A page of events, latest first, and the event to go on ``before``."""
    # By event first: dispatches are found by (event, system), there is no index on system alone.
    programs = Enrollment.objects.filter(system=system).values("program")
    events = Event.objects.filter(program__in=programs, send_at__isnull=False)
    if before:
        began = Event.objects.filter(id=before).values("starts_at")[:1]
        events = events.filter(Q(starts_at__lt=began) | Q(starts_at=began, id__lt=before))
    recent = events.order_by("-starts_at", "-id").values("id")[:200]
    found = list(
        Dispatch.objects.filter(event_id__in=recent, system=system)
        .select_related("event__program")
        .order_by("-event__starts_at", "-event_id")[: PAST + 1]
    )
    rows = found[:PAST]
    tries: dict[int, list[Try]] = defaultdict(list)
    for attempt in Attempt.objects.filter(dispatch__in=rows).order_by("ended_at", "id"):
        tries[attempt.dispatch_id].append(Try.of(attempt))
    past = tuple(Past(row.event, row, tuple(tries[row.pk])) for row in rows)
    return past, rows[-1].event_id if len(found) > PAST else 0


def _readings(past: Sequence[Past]) -> tuple[tuple[Reading, ...], Event | None]:
    by_dispatch: dict[int, list[Reading]] = defaultdict(list)
    for reading in Reading.objects.filter(dispatch__in=[row.dispatch for row in past[:5]]).order_by(
        "at"
    ):
        by_dispatch[reading.dispatch_id].append(reading)
    for row in past:
        if found := by_dispatch.get(row.dispatch.pk):
            return tuple(found), row.event
    return (), None
