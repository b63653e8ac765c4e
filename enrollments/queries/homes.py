"""Reads about programs, homes and enrolment. Frozen dataclasses out, nothing written."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Count, F, Q, QuerySet

from enrollments import rules
from enrollments.models import (
    Answer,
    CarrierGrant,
    Consent,
    Enrollment,
    Program,
    Question,
    Replacement,
    System,
    Terms,
)
from enrollments.states import (
    LIVE_ENROLLMENTS,
    ConsentAct,
    EndReason,
    EnrollmentState,
    GrantState,
    Ineligible,
    ReplacementState,
)
from enrollments.tokens import key_of
from people.models import User


@dataclass(frozen=True, slots=True)
class ProgramPage:
    program: Program
    terms: Terms | None

    @property
    def why_closed(self) -> str:
        """A sentence for the visitor, empty when homes may enrol."""
        if self.terms is None:
            return "This program has no published terms yet, so nobody can join. Come back soon."
        if not self.program.is_open:
            return "This program takes no new homes at the moment."
        return ""


@dataclass(frozen=True, slots=True)
class SystemCard:
    """One system as its owner and an operator see it. Temperatures in °F."""

    id: int
    serial: str
    name: str
    location: str
    city: str
    equipment: str
    unit: str
    is_online: bool
    indoor_f: Decimal | None
    reported_at: datetime | None
    obstacle: Ineligible | None
    enrollment_id: int | None
    enrollment_state: EnrollmentState | None
    pause: rules.Pause | None
    program_name: str
    grant_state: GrantState
    owner: str

    @property
    def remedy(self) -> str:
        return rules.REMEDIES[self.obstacle] if self.obstacle else ""


@dataclass(frozen=True, slots=True)
class EnrollmentCounts:
    homes: int
    systems: int
    active: int
    paused: int
    withdrawn: int
    needs_relink: int
    offline: int


def open_programs() -> list[Program]:
    return list(Program.objects.filter(is_open=True).order_by("name"))


def program_page(slug: str) -> ProgramPage | None:
    program = Program.objects.filter(slug=slug).first()
    return ProgramPage(program, current_terms(program)) if program else None


def current_terms(program: Program) -> Terms | None:
    return Terms.objects.filter(program=program).order_by("-version").first()


def agreed(user: User, program: Program) -> Consent | None:
    """The consent to this program's terms that stands: the last act, if it was given."""
    last = (
        Consent.objects.filter(user=user, terms__program=program, system=None)
        .select_related("terms")
        .order_by("-at", "-id")
        .first()
    )
    return last if last and last.act == ConsentAct.GIVEN else None


def must_agree(user: User, program: Program) -> bool:
    """Does no agreement stand, or, for who has not joined yet, only one to an earlier text?"""
    consent = agreed(user, program)
    if consent is None:
        return True
    newest = current_terms(program)
    is_newest = newest is None or consent.terms_id == newest.pk
    return not is_newest and not has_joined(user, program)


def questions_of(program: Program) -> list[Question]:
    """The newest version of each question that is still asked, in order."""
    newest = Question.objects.filter(program=program).order_by("key", "-version").distinct("key")
    return sorted((q for q in newest if q.is_asked), key=lambda q: (q.position, q.pk))


def answers_of(user: User, questions: Sequence[Question]) -> dict[int, bool]:
    """The last answer to each of these texts, by question id; none where there is none."""
    kept = Answer.objects.filter(user=user, question__in=questions).order_by("at", "id")
    return dict(kept.values_list("question_id", "said"))


def answers_standing(user: User, program: Program) -> list[int]:
    """Ids of the last answer to each text the program asks now, in the order they were given."""
    kept = Answer.objects.filter(user=user, question__in=questions_of(program))
    last = kept.order_by("question", "-at", "-id").distinct("question")
    return sorted(last.values_list("id", flat=True))


def fits(user: User, program: Program) -> bool:
    """Is every question answered so that the home may join?"""
    asked = questions_of(program)
    return rules.all_fit({q.pk: q.fitting for q in asked}, answers_of(user, asked))


def misfits(user: User, program: Program) -> list[Question]:
    """Questions whose answer keeps a home out; what was not answered yet is none of them."""
    asked = questions_of(program)
    said = answers_of(user, asked)
    return [q for q in asked if q.pk in said and q.fitting not in (None, said[q.pk])]


def has_joined(user: User, program: Program) -> bool:
    """Is a system of this person in the program, resting or not?"""
    mine = Enrollment.objects.filter(user=user, program=program, state__in=LIVE_ENROLLMENTS)
    return mine.exists()


def grants_of(user: User) -> QuerySet[CarrierGrant]:
    return CarrierGrant.objects.filter(user=user).exclude(state=GrantState.REVOKED)


def obstacle(system: System) -> Ineligible | None:
    """What stands between this system and taking part. Needs ``grant`` loaded."""
    return rules.why_not(
        rules.SystemFacts(
            was_read=system.read_at is not None,
            has_outdoor_unit=system.has_outdoor_unit,
            dr_enabled=system.dr_enabled,
            is_online=system.is_online,
            scopes=frozenset(system.grant.scopes),
        )
    )


def cards(systems: QuerySet[System]) -> list[SystemCard]:
    rows = list(systems.select_related("grant__user", "location").order_by("name", "id"))
    live = {
        enrollment.system_id: enrollment
        for enrollment in Enrollment.objects.filter(
            system__in=rows, state__in=LIVE_ENROLLMENTS
        ).select_related("program")
    }
    return [card_of(system, live.get(system.pk)) for system in rows]


def pause_of(enrollment: Enrollment) -> rules.Pause | None:
    return rules.pause_of(enrollment.state, enrollment.paused_from, enrollment.paused_until)


def card_of(system: System, enrollment: Enrollment | None) -> SystemCard:
    """``enrollment``: the live one, with its program. Needs owner, grant and location loaded."""
    equipment = " ".join(part for part in (system.brand, system.model) if part)
    return SystemCard(
        id=system.pk,
        serial=system.serial,
        name=system.name or system.serial,
        location=system.location.name,
        city=system.location.city,
        equipment=equipment,
        unit=system.unit,
        is_online=system.is_online,
        indoor_f=system.indoor_f,
        reported_at=system.reported_at,
        obstacle=obstacle(system),
        enrollment_id=enrollment.pk if enrollment else None,
        enrollment_state=EnrollmentState(enrollment.state) if enrollment else None,
        pause=pause_of(enrollment) if enrollment else None,
        program_name=enrollment.program.name if enrollment else "",
        grant_state=GrantState(system.grant.state),
        owner=system.grant.user.email,
    )


def still_there() -> QuerySet[System]:
    """All but those whose place another wall control has taken, until they report again."""
    replaced = Enrollment.objects.filter(ended_because=EndReason.REPLACED).values("system")
    return System.objects.exclude(id__in=replaced, is_online=False)


def systems_of(user: User) -> list[SystemCard]:
    return cards(still_there().filter(grant__in=grants_of(user)))


def open_replacements(enrollments: Sequence[int]) -> dict[int, Replacement]:
    """New wall controls somebody must say something about, by enrolment id; with ``system`` and
    its ``location``."""
    asked = Replacement.objects.filter(enrollment__in=enrollments, state=ReplacementState.OPEN)
    return {one.enrollment_id: one for one in asked.select_related("system__location")}


def counts(program: Program | None = None) -> EnrollmentCounts:
    enrolled = Enrollment.objects.all()
    if program:
        enrolled = enrolled.filter(program=program)
    by_state = {
        row["state"]: row["n"]
        for row in enrolled.values("state").annotate(n=Count("id")).order_by()
    }
    systems = System.objects.aggregate(
        n=Count("id"), offline=Count("id", filter=Q(is_online=False, read_at__isnull=False))
    )
    grants = CarrierGrant.objects.exclude(state=GrantState.REVOKED).aggregate(
        homes=Count("user", distinct=True),
        relink=Count("id", filter=Q(state=GrantState.NEEDS_RELINK)),
    )
    return EnrollmentCounts(
        homes=grants["homes"],
        systems=systems["n"],
        active=by_state.get(EnrollmentState.ACTIVE, 0),
        paused=by_state.get(EnrollmentState.PAUSED, 0),
        withdrawn=by_state.get(EnrollmentState.WITHDRAWN, 0),
        needs_relink=grants["relink"],
        offline=systems["offline"],
    )


def keys_in_use() -> Counter[str]:
    """How many stored tokens each key still holds."""
    columns = CarrierGrant.objects.exclude(access_sealed=None).values_list(
        "access_sealed", "refresh_sealed"
    )
    return Counter(
        key_of(bytes(sealed)) for row in columns.iterator() for sealed in row if sealed is not None
    )


def grants_due_for_sync(*, real_now: datetime, limit: int = 100) -> list[int]:
    """Homes to read now; those somebody waits for come first."""
    return list(
        CarrierGrant.objects.filter(sync_due_at__lte=real_now, state=GrantState.ACTIVE)
        .order_by(F("reading_asked_at").asc(nulls_last=True), "sync_due_at")
        .values_list("id", flat=True)[:limit]
    )


def others_on_grant(enrollment: Enrollment) -> QuerySet[Enrollment]:
    """Other live enrolments of this person that need the same permission at Carrier."""
    return Enrollment.objects.filter(
        user=enrollment.user_id,
        system__grant=enrollment.system.grant_id,
        state__in=LIVE_ENROLLMENTS,
    ).exclude(pk=enrollment.pk)
