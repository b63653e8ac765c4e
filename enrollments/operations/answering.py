"""The homeowner answers what a program asks."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from base.refusal import Refused
from enrollments import queries
from enrollments.models import Answer, Enrollment, Program
from enrollments.operations import applications
from enrollments.operations.notices import tell
from enrollments.operations.pausing import pause
from enrollments.operations.turns import take_turns
from enrollments.states import LIVE_ENROLLMENTS, NoticeKind
from people.models import User
from people.operations import Actor, record


@transaction.atomic
def answer(
    *, user: User, program: Program, said: Mapping[int, bool], actor: Actor, now: datetime
) -> bool:
    """Keep an answer to each question of the program (``said``: question id -> yes); whether the
    home fits with them. Answering again is allowed and keeps the earlier answers too; the same
    answers once more are not written. The systems of a home that has joined and does not fit any
    more are paused at once, until somebody resumes them.

    Raises Refused, and keeps nothing, when something comes before for who has not joined, or the
    questions are not those that were shown.
    """
    take_turns(user)
    joined = queries.has_joined(user, program)
    if not joined and (sentence := queries.not_yet(user, program)):
        raise Refused(sentence)
    asked = queries.questions_of(program)
    if {question.pk for question in asked} != set(said):
        raise Refused(
            "The questions have changed since you opened this page. Please answer them again."
        )
    if queries.answers_of(user, asked) == dict(said):
        return queries.fits(user, program)
    Answer.objects.bulk_create(
        Answer(
            user=user,
            question=question,
            said=said[question.pk],
            at=now,
            address=actor.address,
        )
        for question in asked
    )
    # Which texts, not which answers: some are about somebody's health.
    texts = [f"{question.key}:{question.version}" for question in asked]
    record(actor=actor, verb="answer", subject=f"program:{program.pk}", now=now, questions=texts)
    fits = queries.fits(user, program)
    if not joined:
        applications.answered(user=user, program=program, fits=fits, actor=actor, now=now)
    elif not fits:
        _pause(user, program, actor, now)
    return fits


def _pause(user: User, program: Program, actor: Actor, now: datetime) -> None:
    mine = Enrollment.objects.filter(user=user, program=program, state__in=LIVE_ENROLLMENTS)
    paused = sum(
        pause(enrollment_id=enrollment_id, actor=actor, now=now, why="An answer does not fit.")
        for enrollment_id in mine.order_by("id").values_list("id", flat=True)
    )
    if paused:
        subject = f"misfit:{program.pk}:{int(now.timestamp())}"
        tell(user=user, kind=NoticeKind.MISFIT, subject=subject, now=now)
