"""A wall control was replaced: seen at a reading, said by people, followed by the enrolment."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from base import bell
from base.refusal import Refused
from enrollments import queries, rules
from enrollments.models import (
    CarrierGrant,
    Consent,
    Enrollment,
    Membership,
    Replacement,
    System,
)
from enrollments.operations.enrolling import write_consents
from enrollments.operations.notices import tell
from enrollments.operations.pausing import must_say_why
from enrollments.operations.turns import take_turns, unless_busy
from enrollments.states import (
    LIVE_ENROLLMENTS,
    ConsentAct,
    EndReason,
    EnrollmentState,
    NoticeKind,
    ReplacementState,
)
from people.operations import SYSTEM, Actor, record


def notice_replacements(*, grant: CarrierGrant, listed: Collection[str], now: datetime) -> int:
    """Ask about each enrolled system that a complete reading no longer lists while it lists one at
    the same place that came after it: in this reading, or in an earlier one beside it. How many
    questions are new. An old one that is listed again ends its question. Call it inside the
    transaction of the reading."""
    open_ones = Replacement.objects.filter(enrollment__system__grant=grant)
    open_ones.filter(enrollment__system__serial__in=listed).move(
        ReplacementState.OPEN, ReplacementState.MOOT
    )
    missing = (
        Enrollment.objects.filter(system__grant=grant, state__in=LIVE_ENROLLMENTS)
        .exclude(system__serial__in=listed)
        .exclude(replacements__state=ReplacementState.OPEN)
        .select_related("system", "user")
        .order_by("system__name", "id")
    )
    left = list(missing)
    asked = 0
    for system in _newcomers(grant, listed) if left else ():
        here = [one for one in left if _may_replace(system, one)]
        same = [one for one in here if one.system.name == system.name]
        for old in (same or here)[:1]:
            left.remove(old)
            _ask(old, system, now)
            asked += 1
    return asked


def _newcomers(grant: CarrierGrant, listed: Collection[str]) -> list[System]:
    """Listed, in no program, and not taken for somebody's replacement already."""
    taken = Replacement.objects.filter(state=ReplacementState.OPEN).values("system")
    found = System.objects.filter(grant=grant, serial__in=listed, first_read_at__isnull=False)
    free = found.exclude(enrollments__state__in=LIVE_ENROLLMENTS).exclude(id__in=taken)
    return list(free.order_by("name", "id").prefetch_related("replaces"))


def _may_replace(system: System, old: Enrollment) -> bool:
    """At its place, come after it joined, and nobody has said that it is something else."""
    answered = {
        one.enrollment_id
        for one in system.replaces.all()
        if one.state in (ReplacementState.DENIED, ReplacementState.CONFIRMED)
    }
    return (
        old.system.location_id == system.location_id
        and system.first_read_at is not None
        and system.first_read_at >= old.enrolled_at
        and old.pk not in answered
    )


def _ask(old: Enrollment, system: System, now: datetime) -> None:
    asked, made = Replacement.objects.get_or_create(
        enrollment=old, system=system, defaults={"seen_at": now}
    )
    if not made:  # the old one had been back for a while
        Replacement.objects.pick(pk=asked.pk).move(
            ReplacementState.MOOT, ReplacementState.OPEN, seen_at=now
        )
    record(
        actor=SYSTEM,
        verb="replacement-seen",
        subject=f"enrollment:{old.pk}",
        now=now,
        old=old.system.serial,
        new=system.serial,
    )
    subject = f"replacement:{asked.pk}:{int(now.timestamp())}"
    tell(user=old.user, kind=NoticeKind.REPLACED, subject=subject, now=now)


@unless_busy()
def confirm_replacement(
    *, enrollment_id: int, actor: Actor, now: datetime, why: str = ""
) -> Enrollment | None:
    """The new wall control took the old one's place: the enrolment goes on there, with the same
    terms and the same pause, and the old one ends. None when nothing was open.

    Raises Refused, and changes nothing, when the new one cannot take part or joined by itself,
    when somebody of the utility does not say ``why``, or while somebody else writes the same rows.
    """
    must_say_why(actor, why)
    asked = Replacement.objects.filter(enrollment=enrollment_id, state=ReplacementState.OPEN)
    found = asked.select_related("enrollment__user", "system__grant").first()
    if found is None:
        return None
    old, system = found.enrollment, found.system
    take_turns(old.user)
    _check(system)
    if not asked.move(ReplacementState.OPEN, ReplacementState.CONFIRMED):
        return None
    ended = Enrollment.objects.pick(id=old.pk).move(
        sorted(LIVE_ENROLLMENTS),
        EnrollmentState.WITHDRAWN,
        ended_because=EndReason.REPLACED,
        changed_at=now,
    )
    if not ended:
        raise Refused("This system has left the program meanwhile.", code="not-enrolled")
    made = Enrollment.objects.create(
        system=system,
        program_id=old.program_id,
        user=old.user,
        state=old.state,
        paused_from=old.paused_from,
        paused_until=old.paused_until,
        enrolled_at=now,
        changed_at=now,
    )
    _keep_consent(old, system, actor, now)
    System.objects.filter(pk=old.system_id).update(is_online=False)
    # Groups made by hand meant the home, not its old wall control.
    Membership.objects.filter(system=old.system_id).update(system=system)
    record(
        actor=actor,
        verb="confirm-replacement",
        subject=f"enrollment:{old.pk}",
        now=now,
        new_enrollment=made.pk,
        serial=system.serial,
        **({"why": why} if why else {}),
    )
    tell(user=old.user, kind=NoticeKind.ENROLLED, subject=f"enrollment:{made.pk}", now=now)
    bell.ring()
    return made


def _check(system: System) -> None:
    reason = queries.obstacle(system)
    if reason:
        raise Refused(f"{system.name or system.serial}: {rules.REMEDIES[reason]}")
    if Enrollment.objects.filter(system=system, state__in=LIVE_ENROLLMENTS).exists():
        raise Refused("The new wall control has joined a program already.", code="enrolled")


def _keep_consent(old: Enrollment, system: System, actor: Actor, now: datetime) -> None:
    """The agreement stands; the ledger says for which system it holds from now on."""
    of_old = Consent.objects.filter(
        user=old.user_id, system=old.system_id, terms__program=old.program_id
    )
    given = of_old.select_related("terms").latest("at", "id")
    before = System.objects.select_related("grant").get(pk=old.system_id)
    write_consents(old.user, [before], given.terms, ConsentAct.WITHDRAWN, actor, now)
    write_consents(
        old.user, [system], given.terms, ConsentAct.GIVEN, actor, now, answers=given.answers
    )


@transaction.atomic
def deny_replacement(*, enrollment_id: int, actor: Actor, now: datetime, why: str = "") -> int:
    """The new wall control is something else: nothing changes, and nobody is asked about the two
    again. Zero when nothing was open. Raises Refused like ``confirm_replacement``."""
    must_say_why(actor, why)
    asked = Replacement.objects.filter(enrollment=enrollment_id)
    moved = asked.move(ReplacementState.OPEN, ReplacementState.DENIED)
    if moved:
        record(
            actor=actor,
            verb="deny-replacement",
            subject=f"enrollment:{enrollment_id}",
            now=now,
            **({"why": why} if why else {}),
        )
    return int(moved)
