"""The homeowner answers what a program asks."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from base.refusal import Refused
from enrollments import queries
from enrollments.models import Answer, Program
from enrollments.operations import applications
from enrollments.operations.turns import take_turns
from people.models import User
from people.operations import Actor, record


@transaction.atomic
def answer(
    *, user: User, program: Program, said: Mapping[int, bool], actor: Actor, now: datetime
) -> bool:
    """Keep an answer to each question of the program (``said``: question id -> yes); whether the
    home fits with them. Answering again is allowed and keeps the earlier answers too.

    Raises Refused, and keeps nothing, when the questions are not those that were shown.
    """
    take_turns(user)
    asked = queries.questions_of(program)
    if {question.pk for question in asked} != set(said):
        raise Refused(
            "The questions have changed since you opened this page. Please answer them again."
        )
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
    applications.answered(user=user, program=program, fits=fits, actor=actor, now=now)
    return fits
