"""The list of systems: what an operator searches and filters it by."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet

from dr_events.queries.groups import member_ids, named
from enrollments.models import CarrierGrant, Enrollment, Location, System
from enrollments.queries import SystemCard, cards
from enrollments.queries.questions import paused_by_answers
from enrollments.states import LIVE_ENROLLMENTS, EnrollmentState, GrantState, ReplacementState

# What an operator filters by: the states of an enrolment, and what somebody must see to.
STATES = (
    *((state.value, state.label) for state in EnrollmentState),
    ("NONE", "Not enrolled"),
    ("REPLACED", "New wall control to confirm"),
    ("MISFIT", "Paused by an answer"),
    ("RELINK", "Permission to renew"),
    ("OFFLINE", "Offline"),
)
# Rows read at once while a download is written.
AT_ONCE = 500
HEADER = (
    "serial", "system", "brand_model", "owner", "city", "program", "enrollment", "permission",
    "online", "obstacle", "reported_at_utc",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for; everything empty: all systems. ``by_owner``: the text may be somebody's
    address too."""

    text: str = ""
    state: str = ""
    program: str = ""
    group: int = 0
    by_owner: bool = True

    @property
    def query(self) -> str:
        """The same as an address has it."""
        asked = {("q" if name == "text" else name): value for name, value in asdict(self).items()}
        del asked["by_owner"]
        return urlencode({name: value for name, value in asked.items() if value})


def states_for(wanted: Wanted) -> list[tuple[str, str]]:
    """What this operator may filter by."""
    return [(key, label) for key, label in STATES if key != "MISFIT" or wanted.by_owner]


def find(
    wanted: Wanted, *, today: date, after: int = 0, limit: int = 50
) -> tuple[list[SystemCard], int]:
    """A page of systems by name, and the id to go on ``after`` (0: this is the last page).
    ``today``: the day a group is asked for."""
    ids = _ids(wanted, today, after, limit + 1)
    shown = ids[:limit]
    return cards(System.objects.filter(id__in=shown)), shown[-1] if len(ids) > limit else 0


def every(wanted: Wanted, *, today: date) -> Iterator[tuple[object, ...]]:
    """All of them for a download, read a few at a time."""
    after = 0
    while ids := _ids(wanted, today, after, AT_ONCE):
        after = ids[-1]
        for card in cards(System.objects.filter(id__in=ids)):
            yield (
                card.serial,
                card.name,
                card.equipment,
                card.owner,
                card.city,
                card.program_name,
                card.enrollment_state or "",
                card.grant_state,
                "yes" if card.is_online else "no",
                card.obstacle or "",
                card.reported_at.isoformat() if card.reported_at else "",
            )


def _ids(wanted: Wanted, today: date, after: int, limit: int) -> list[int]:
    found = System.objects.all()
    for word in wanted.text.split():
        found = found.filter(id__in=_with(word, wanted.by_owner))
    found = _in_state(found, wanted)
    if wanted.group:
        group = named(wanted.group)
        found = found.filter(id__in=member_ids(group, today)) if group else found.none()
    last = System.objects.filter(id=after).values_list("name", "id").first() if after else None
    if last:
        found = found.filter(Q(name__gt=last[0]) | Q(name=last[0], id__gt=last[1]))
    return list(found.order_by("name", "id").values_list("id", flat=True)[:limit])


def _with(word: str, by_owner: bool) -> QuerySet[Any]:
    """Systems a word is about. Each branch has an index of its own (trigrams): one condition over
    three tables could use none of them."""
    own = System.objects.filter(Q(serial__icontains=word) | Q(name__icontains=word))
    owners = CarrierGrant.objects.filter(user__email__icontains=word)
    places = Location.objects.filter(Q(city__icontains=word) | Q(postal__startswith=word))
    others = [System.objects.filter(location__in=places.values("id"))]
    if by_owner:
        others.append(System.objects.filter(grant__in=owners.values("id")))
    return own.values("id").union(*(found.values("id") for found in others))


def _in_state(found: QuerySet[System], wanted: Wanted) -> QuerySet[System]:
    homes = Enrollment.objects.all()
    if wanted.program:
        homes = homes.filter(program__slug=wanted.program)
    if wanted.state in EnrollmentState.values:
        return found.filter(id__in=homes.filter(state=wanted.state).values("system"))
    if wanted.program and wanted.state != "NONE":
        found = found.filter(id__in=homes.filter(state__in=LIVE_ENROLLMENTS).values("system"))
    if wanted.state == "NONE":
        return found.exclude(id__in=homes.values("system"))
    if wanted.state == "REPLACED":
        return found.filter(enrollments__replacements__state=ReplacementState.OPEN)
    if wanted.state == "MISFIT":
        # May be about somebody's health: not for those who may not act for a home.
        resting = paused_by_answers() if wanted.by_owner else Enrollment.objects.none()
        return found.filter(id__in=resting.values("system"))
    if wanted.state == "RELINK":
        return found.filter(grant__state=GrantState.NEEDS_RELINK)
    if wanted.state == "OFFLINE":
        return found.filter(is_online=False, read_at__isnull=False)
    return found


def live_enrollments(system_ids: Sequence[int]) -> list[int]:
    """The enrolments these systems have now, in the order of the systems."""
    live = Enrollment.objects.filter(system_id__in=system_ids, state__in=LIVE_ENROLLMENTS)
    return list(live.order_by("system_id").values_list("id", flat=True))


def serials(system_ids: Sequence[int]) -> list[str]:
    return list(System.objects.filter(id__in=system_ids).values_list("serial", flat=True))
