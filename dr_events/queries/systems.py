"""What operators see of a system: the list, one home's facts, and what every event did there."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from dr_events.models import Attempt, Dispatch, Event, Reading
from dr_events.states import Delivery, Participation, Reason
from enrollments.models import CarrierGrant, Consent, Enrollment, System
from enrollments.queries import SystemCard, cards
from enrollments.states import ConsentAct, EnrollmentState, GrantState

# What an operator filters by: the states of an enrolment, and the two kinds of trouble.
FILTERS = (
    *((state.value, state.label) for state in EnrollmentState),
    ("NONE", "Not enrolled"),
    ("RELINK", "Permission to renew"),
    ("OFFLINE", "Offline"),
)


def find(
    *, text: str = "", state: str = "", after: int = 0, limit: int = 50
) -> tuple[list[SystemCard], int]:
    """A page of systems by name, and the id to go on ``after`` (0: this is the last page)."""
    found = System.objects.all()
    for word in text.split():
        found = found.filter(
            Q(serial__icontains=word)
            | Q(name__icontains=word)
            | Q(grant__user__email__icontains=word)
            | Q(location__postal__startswith=word)
            | Q(location__city__icontains=word)
        )
    found = _in_state(found, state)
    last = System.objects.filter(id=after).values_list("name", "id").first() if after else None
    if last:
        found = found.filter(Q(name__gt=last[0]) | Q(name=last[0], id__gt=last[1]))
    ids = list(found.order_by("name", "id").values_list("id", flat=True)[: limit + 1])
    shown = ids[:limit]
    return cards(System.objects.filter(id__in=shown)), shown[-1] if len(ids) > limit else 0


def _in_state(found: QuerySet[System], state: str) -> QuerySet[System]:
    if state in EnrollmentState.values:
        return found.filter(id__in=Enrollment.objects.filter(state=state).values("system"))
    if state == "NONE":
        return found.exclude(id__in=Enrollment.objects.values("system"))
    if state == "RELINK":
        return found.filter(grant__state=GrantState.NEEDS_RELINK)
    if state == "OFFLINE":
        return found.filter(is_online=False, read_at__isnull=False)
    return found


@dataclass(frozen=True, slots=True)
class Trouble:
    """A home an operator may have to call."""

    system_id: int
    serial: str
    name: str
    owner: str
    at: datetime | None
    why: str = ""


def to_relink(limit: int = 5) -> list[Trouble]:
    """Permissions at Carrier that only the homeowner can renew; one line per permission."""
    grants = (
        CarrierGrant.objects.filter(state=GrantState.NEEDS_RELINK)
        .order_by("id")
        .values_list(
            "systems__id",
            "systems__serial",
            "systems__name",
            "user__email",
            "synced_at",
            "sync_trouble",
        )[:limit]
    )
    return [
        Trouble(pk or 0, serial or "", name or "", owner, at, why)
        for pk, serial, name, owner, at, why in grants
    ]


def offline(limit: int = 5) -> list[Trouble]:
    """Systems Carrier could not reach when it was last asked, longest silence first."""
    rows = (
        System.objects.filter(is_online=False, read_at__isnull=False)
        .order_by("reported_at", "id")
        .values_list("id", "serial", "name", "grant__user__email", "reported_at")[:limit]
    )
    return [Trouble(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Membership:
    id: int
    program: str
    program_slug: str
    state: EnrollmentState
    enrolled_at: datetime
    changed_at: datetime


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


@dataclass(frozen=True, slots=True)
class Past:
    """One event at one home, with every request that was made for it."""

    event: Event
    dispatch: Dispatch
    tries: tuple[Attempt, ...]

    @property
    def delivery(self) -> Delivery:
        return Delivery(self.dispatch.delivery)

    @property
    def participation(self) -> Participation:
        return Participation(self.dispatch.participation)

    @property
    def reason(self) -> Reason:
        return Reason(self.dispatch.reason)


@dataclass(frozen=True, slots=True)
class SystemPage:
    card: SystemCard
    system: System
    memberships: tuple[Membership, ...]
    consents: tuple[ConsentLine, ...]
    past: tuple[Past, ...]
    # Of the latest event that has any, oldest first.
    readings: tuple[Reading, ...]
    read_during: Event | None

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
        return f"{own.get('response') or 'not said'}{f': {said}' if said else ''}"

    @property
    def zone(self) -> str:
        """The zone of the program the home is or was in."""
        return self.past[0].event.program.time_zone if self.past else "UTC"


def _degrees(value: float, unit: str) -> str:
    return f"{(value - 32) / 1.8:.3g} °C" if unit == "C" else f"{float(value):g} °F"


def _delta(value: float, unit: str) -> str:
    return f"{value / 1.8:.2g} °C" if unit == "C" else f"{float(value):g} °F"


def system_page(system_id: int) -> SystemPage | None:
    system = System.objects.select_related("grant__user", "location").filter(id=system_id).first()
    if system is None:
        return None
    card = cards(System.objects.filter(id=system_id))[0]
    memberships = _memberships(system)
    past = _past(system)
    readings, during = _readings(past)
    return SystemPage(card, system, memberships, _consents(system), past, readings, during)


def _memberships(system: System) -> tuple[Membership, ...]:
    rows = Enrollment.objects.filter(system=system).select_related("program").order_by("-id")
    return tuple(
        Membership(
            row.pk,
            row.program.name,
            row.program.slug,
            EnrollmentState(row.state),
            row.enrolled_at,
            row.changed_at,
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


def _past(system: System, limit: int = 20) -> tuple[Past, ...]:
    # By event first: dispatches are found by (event, system), there is no index on system alone.
    programs = Enrollment.objects.filter(system=system).values("program")
    recent = list(
        Event.objects.filter(program__in=programs, send_at__isnull=False)
        .order_by("-starts_at")
        .values_list("id", flat=True)[:200]
    )
    rows = list(
        Dispatch.objects.filter(event_id__in=recent, system=system)
        .select_related("event__program")
        .defer("event__message")
        .order_by("-event__starts_at")[:limit]
    )
    tries: dict[int, list[Attempt]] = defaultdict(list)
    for attempt in Attempt.objects.filter(dispatch__in=rows).order_by("ended_at", "id"):
        tries[attempt.dispatch_id].append(attempt)
    return tuple(Past(row.event, row, tuple(tries[row.pk])) for row in rows)


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
