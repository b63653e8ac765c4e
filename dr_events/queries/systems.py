"""The list of systems an operator searches, and the homes somebody may have to call."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from enrollments.models import CarrierGrant, Enrollment, System
from enrollments.queries import SystemCard, cards
from enrollments.states import EnrollmentState, GrantState, ReplacementState

# What an operator filters by: the states of an enrolment, and the two kinds of trouble.
FILTERS = (
    *((state.value, state.label) for state in EnrollmentState),
    ("NONE", "Not enrolled"),
    ("REPLACED", "New wall control to confirm"),
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
    if state == "REPLACED":
        return found.filter(enrollments__replacements__state=ReplacementState.OPEN)
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
