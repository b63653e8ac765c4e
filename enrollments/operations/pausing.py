"""A system rests: now or from a later day, until a day or until it is resumed.

A pause is the time from ``paused_from`` to ``paused_until``, its end not included. Whoever plans or
sends compares that time with the event's; the state follows when the pause begins and ends, for
those who count.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from base import bell
from base.refusal import Refused
from enrollments import queries
from enrollments.models import Enrollment
from enrollments.operations.turns import take_turns
from enrollments.states import EnrollmentState
from people.operations import SYSTEM, Actor, record

# Somebody who is away for longer leaves the program and joins again.
LONGEST = timedelta(days=366)


@transaction.atomic
def pause(
    *,
    enrollment_id: int,
    actor: Actor,
    now: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
    why: str = "",
) -> int:
    """No event touches this system from ``since`` (None: now) until ``until`` (None: until it is
    resumed). An earlier pause is replaced. Zero when nothing changed.

    Raises Refused for times that make no sense, and for any end or later beginning while an answer
    of the home does not fit. Somebody of the utility must say ``why``.
    """
    must_say_why(actor, why)
    if until is not None or (since is not None and since > now):
        _must_fit(enrollment_id)
    since = max(since or now, now)
    _check(since, until, now)
    mine = Enrollment.objects.select_for_update(of=("self",), no_key=True).filter(id=enrollment_id)
    found = mine.first()
    if found is None or _is_the_same(found, since, until, now):
        return 0
    begins = EnrollmentState.PAUSED if since <= now else EnrollmentState.ACTIVE
    moved = Enrollment.objects.pick(id=enrollment_id).move(
        [EnrollmentState.ACTIVE, EnrollmentState.PAUSED],
        begins,
        paused_from=since,
        paused_until=until,
        changed_at=now,
    )
    if moved:
        detail = {"why": why} if why else {}
        record(
            actor=actor,
            verb="pause",
            subject=f"enrollment:{enrollment_id}",
            now=now,
            since=since.isoformat(),
            until=until.isoformat() if until else None,
            **detail,
        )
        bell.ring()
    return int(moved)


def _check(since: datetime, until: datetime | None, now: datetime) -> None:
    if until is not None and until <= since:
        raise Refused("The pause would be over before it begins.", field="until", code="dates")
    if max(since, until or since) > now + LONGEST:
        raise Refused(
            "A pause ends within a year. To be away for longer, leave the program; you can join "
            "again at any time.",
            field="until" if until else "since",
            code="dates",
        )


def _is_the_same(found: Enrollment, since: datetime, until: datetime | None, now: datetime) -> bool:
    if found.state == EnrollmentState.PAUSED:
        return since <= now and found.paused_until == until
    return found.paused_from == since and found.paused_until == until


def must_say_why(actor: Actor, why: str) -> None:
    """Whoever works for the utility and acts for a home may do so, and leaves a reason. Raises
    Refused."""
    if actor.user is None or not actor.user.is_operator:
        return
    if not actor.user.may_serve:
        raise Refused("Your role may not act for a home.", code="role")
    if not why.strip():
        raise Refused("Say why; it is kept in the activity log.", field="why", code="no-reason")


@transaction.atomic
def resume(*, enrollment_id: int, actor: Actor, now: datetime, why: str = "") -> int:
    """Events again from now on; a pause that is only planned is called off. Zero when there is
    none. Raises Refused when somebody of the utility does not say ``why``, and while an answer of
    the home does not fit."""
    must_say_why(actor, why)
    _must_fit(enrollment_id)
    with_pause = Enrollment.objects.filter(
        Q(state=EnrollmentState.PAUSED) | Q(paused_from__isnull=False), id=enrollment_id
    )
    moved = with_pause.move(
        [EnrollmentState.ACTIVE, EnrollmentState.PAUSED],
        EnrollmentState.ACTIVE,
        paused_from=None,
        paused_until=None,
        changed_at=now,
    )
    if moved:
        detail = {"why": why} if why else {}
        record(actor=actor, verb="resume", subject=f"enrollment:{enrollment_id}", now=now, **detail)
    return int(moved)


def _must_fit(enrollment_id: int) -> None:
    """A home that told us of a medical need, say, gets no events before it told us otherwise."""
    found = Enrollment.objects.select_related("user", "program").filter(id=enrollment_id).first()
    if found is None:
        return
    take_turns(found.user, to_leave=True)
    if queries.misfits(found.user, found.program):
        raise Refused(
            "An answer of this home does not fit the program, so it stays paused. Has it changed? "
            "Then the homeowner answers the questions again first.",
            code="answer",
        )


def turning(now: datetime) -> Q:
    """Enrolments whose state has not followed their pause yet."""
    began = Q(state=EnrollmentState.ACTIVE, paused_from__lte=now)
    over = Q(state=EnrollmentState.PAUSED, paused_until__lte=now)
    return began | over


def pauses_turn(*, now: datetime) -> bool:
    return Enrollment.objects.filter(turning(now)).exists()


def turn_pauses(*, now: datetime, limit: int = 500) -> int:
    """Pauses that began or ended since somebody last looked show in the state; how many."""
    turned = Enrollment.objects.filter(turning(now)).order_by("id")[:limit]
    return sum(_turn(enrollment, now) for enrollment in turned)


@transaction.atomic
def _turn(enrollment: Enrollment, now: datetime) -> int:
    # Only what was looked at: a pause that was changed meanwhile is looked at again.
    same = Enrollment.objects.pick(
        id=enrollment.pk,
        paused_from=enrollment.paused_from,
        paused_until=enrollment.paused_until,
    )
    if enrollment.paused_until is not None and enrollment.paused_until <= now:
        verb, moved = (
            "pause-over",
            same.move(
                [EnrollmentState.ACTIVE, EnrollmentState.PAUSED],
                EnrollmentState.ACTIVE,
                paused_from=None,
                paused_until=None,
                changed_at=now,
            ),
        )
    else:
        verb, moved = (
            "pause-begins",
            same.move(EnrollmentState.ACTIVE, EnrollmentState.PAUSED, changed_at=now),
        )
    if moved:
        record(actor=SYSTEM, verb=verb, subject=f"enrollment:{enrollment.pk}", now=now)
    return int(moved)
