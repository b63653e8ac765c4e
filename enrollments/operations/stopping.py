"""A homeowner on the way in does not want to join any more."""

from datetime import datetime

from base.refusal import Refused
from enrollments import queries
from enrollments.models import Application, Consent, Program
from enrollments.operations.applications import move
from enrollments.operations.deciding import forget_what_nobody_needs
from enrollments.operations.permission import Forgotten
from enrollments.operations.turns import take_turns, unless_busy
from enrollments.states import OPEN_APPLICATIONS, ApplicationState, ConsentAct
from people.models import User
from people.operations import Actor, record


@unless_busy()
def stop_joining(*, user: User, program: Program, actor: Actor, now: datetime) -> list[Forgotten]:
    """The application ends, the agreement is withdrawn, and permissions nobody needs any more are
    destroyed; those, for Carrier to forget too. What was typed goes. Nothing when there was
    neither application nor agreement.

    Raises Refused, and changes nothing, once a system has joined: then it leaves (``withdraw``).
    """
    take_turns(user, to_leave=True)
    if queries.has_joined(user, program):
        raise Refused("You have joined this program. To leave it, go to your home page.")
    begun = Application.objects.filter(user=user, program=program, state__in=OPEN_APPLICATIONS)
    for application in begun.select_for_update(of=("self",)):
        move(
            application,
            ApplicationState.WITHDRAWN,
            actor=actor,
            now=now,
            typed_account="",
            typed_postal="",
        )
    consent = queries.agreed(user, program)
    if consent is None:
        return []
    Consent.objects.create(
        user=user,
        terms=consent.terms,
        act=ConsentAct.WITHDRAWN,
        at=now,
        address=actor.address,
        scopes=consent.scopes,
    )
    record(actor=actor, verb="stop-joining", subject=f"program:{program.pk}", now=now)
    return forget_what_nobody_needs(user, actor, now)
