"""Systems join and leave a program."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from base import bell
from base.refusal import Refused
from enrollments import queries, rules
from enrollments.models import Consent, Enrollment, Program, Replacement, System, Terms
from enrollments.operations import applications
from enrollments.operations.notices import tell
from enrollments.operations.pausing import must_say_why
from enrollments.operations.permission import Forgotten, forget_tokens
from enrollments.operations.turns import take_turns, unless_busy
from enrollments.states import (
    LIVE_ENROLLMENTS,
    ConsentAct,
    EnrollmentState,
    NoticeKind,
    ReplacementState,
)
from people.models import User
from people.operations import Actor, record


@dataclass(frozen=True, slots=True)
class Left:
    """A withdrawal that counted. ``forgotten`` is the permission at Carrier that ended with it."""

    forgotten: Forgotten | None


@transaction.atomic
def enroll(
    *, user: User, program: Program, system_ids: Sequence[int], actor: Actor, now: datetime
) -> list[Enrollment]:
    """The chosen systems join the program, with one consent row each.

    Raises Refused, and enrols nothing, when any of them is not the user's, is not eligible or is
    in a program already, or when the terms were not agreed to.
    """
    take_turns(user)
    consent = queries.agreed(user, program)
    sentence = queries.not_yet(user, program)
    if sentence or consent is None:
        raise Refused(sentence)
    if not queries.fits(user, program):
        raise Refused("Please answer the program's questions first.")
    if not system_ids:
        raise Refused("Choose at least one system.")
    systems = list(
        System.objects.select_for_update(of=("self",))
        .filter(id__in=system_ids, grant__in=queries.grants_of(user))
        .select_related("grant")
    )
    if len(systems) != len(set(system_ids)):
        raise Refused("One of these systems is not connected to your account.")
    for system in systems:
        reason = queries.obstacle(system)
        if reason:
            raise Refused(f"{system.name}: {rules.REMEDIES[reason]}")
    if Enrollment.objects.filter(system__in=systems, state__in=LIVE_ENROLLMENTS).exists():
        raise Refused("One of these systems is enrolled already.")
    made = Enrollment.objects.bulk_create(
        [
            Enrollment(system=system, program=program, user=user, enrolled_at=now, changed_at=now)
            for system in systems
        ]
    )
    answers = queries.answers_standing(user, program)
    write_consents(user, systems, consent.terms, ConsentAct.GIVEN, actor, now, answers=answers)
    record(
        actor=actor,
        verb="enroll",
        subject=f"program:{program.pk}",
        now=now,
        systems=[system.serial for system in systems],
    )
    applications.joined(user=user, program=program, actor=actor, now=now)
    tell(user=user, kind=NoticeKind.ENROLLED, subject=f"enrollment:{made[0].pk}", now=now)
    return made


def write_consents(
    user: User,
    systems: Sequence[System],
    terms: Terms,
    act: ConsentAct,
    actor: Actor,
    now: datetime,
    *,
    answers: Sequence[int] = (),
) -> None:
    """One row a system; ``answers``: what it rests on (queries.answers_standing)."""
    Consent.objects.bulk_create(
        Consent(
            user=user,
            terms=terms,
            act=act,
            at=now,
            address=actor.address,
            system=system,
            scopes=system.grant.scopes,
            answers=list(answers),
        )
        for system in systems
    )


def withdraw(*, enrollment_id: int, actor: Actor, now: datetime, why: str = "") -> Left | None:
    """The home leaves the program; None when it was not in it. Deliveries not yet sent are never
    sent: the claim asks. With the last system on a permission its tokens are destroyed.

    Raises Refused, and changes nothing, while somebody else is writing the same rows
    (``unless_busy``), or when somebody of the utility does not say ``why``.
    """
    must_say_why(actor, why)
    with unless_busy():
        return _withdraw(enrollment_id, actor, now, why)


def _withdraw(enrollment_id: int, actor: Actor, now: datetime, why: str) -> Left | None:
    user = User.objects.filter(enrollments=enrollment_id).first()
    if user is None:
        return None
    take_turns(user, to_leave=True)
    moved = Enrollment.objects.pick(id=enrollment_id).move(
        sorted(LIVE_ENROLLMENTS), EnrollmentState.WITHDRAWN, changed_at=now
    )
    if not moved:
        return None
    # Nobody has to say any more whether its wall control was replaced.
    Replacement.objects.filter(enrollment=enrollment_id).move(
        ReplacementState.OPEN, ReplacementState.MOOT
    )
    enrollment = Enrollment.objects.select_related("system__grant", "user").get(id=enrollment_id)
    given = (
        Consent.objects.filter(
            user=enrollment.user, system=enrollment.system, terms__program=enrollment.program_id
        )
        .select_related("terms")
        .latest("at", "id")
    )
    write_consents(
        enrollment.user, [enrollment.system], given.terms, ConsentAct.WITHDRAWN, actor, now
    )
    _withdraw_agreement_if_last(enrollment, given.terms, actor, now)
    detail = {"why": why} if why else {}
    record(actor=actor, verb="withdraw", subject=f"enrollment:{enrollment_id}", now=now, **detail)
    tell(
        user=enrollment.user,
        kind=NoticeKind.WITHDRAWN,
        subject=f"enrollment:{enrollment_id}",
        now=now,
    )
    bell.ring()
    return Left(_forget_tokens_if_last(enrollment, actor, now))


def _withdraw_agreement_if_last(
    enrollment: Enrollment, terms: Terms, actor: Actor, now: datetime
) -> None:
    """With the last system the agreement itself ends; joining again means reading it again."""
    others = Enrollment.objects.filter(
        user=enrollment.user, program=enrollment.program_id, state__in=LIVE_ENROLLMENTS
    )
    if not others.exists():
        Consent.objects.create(
            user=enrollment.user,
            terms=terms,
            act=ConsentAct.WITHDRAWN,
            at=now,
            address=actor.address,
            scopes=enrollment.system.grant.scopes,
        )
        applications.left(user=enrollment.user, program=enrollment.program, actor=actor, now=now)


def _forget_tokens_if_last(enrollment: Enrollment, actor: Actor, now: datetime) -> Forgotten | None:
    """What nobody needs any more is not kept. The permission must be this person's: the wall
    control may be connected to the account of its next owner by now."""
    grant = enrollment.system.grant
    if grant.user_id != enrollment.user_id or queries.others_on_grant(enrollment).exists():
        return None
    return forget_tokens(grant_id=grant.pk, actor=actor, now=now)
