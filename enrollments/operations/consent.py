"""The homeowner agrees to the terms."""

from datetime import datetime

from django.db import transaction

from base.refusal import Refused
from enrollments import queries, rules
from enrollments.models import Consent, Program
from enrollments.operations import applications
from enrollments.operations.turns import take_turns
from enrollments.states import ConsentAct
from people.models import User
from people.operations import Actor, record


@transaction.atomic
def agree(*, user: User, program: Program, version: int, actor: Actor, now: datetime) -> Consent:
    """The homeowner agrees to the text they were shown; their application begins.

    Raises Refused when the program is closed or the text has changed since it was shown.
    """
    take_turns(user)
    page = queries.ProgramPage(program, queries.current_terms(program))
    if page.why_closed or page.terms is None:
        raise Refused(page.why_closed)
    if page.terms.version != version:
        raise Refused("The terms have changed since you opened this page. Please read them again.")
    applications.live(user=user, program=program, now=now)
    applications.follow_carrier(user=user, actor=actor, now=now)
    record(
        actor=actor, verb="agree", subject=f"program:{program.pk}", now=now, terms_version=version
    )
    return Consent.objects.create(
        user=user,
        terms=page.terms,
        act=ConsentAct.GIVEN,
        at=now,
        address=actor.address,
        scopes=list(rules.ASKED_SCOPES),
        answers=queries.answers_standing(user, program),
    )
