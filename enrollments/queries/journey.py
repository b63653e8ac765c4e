"""Where a homeowner stands on the way into a program."""

from collections.abc import Sequence
from dataclasses import dataclass

from enrollments.models import Application, CarrierGrant, Program
from enrollments.queries.homes import (
    SystemCard,
    cards,
    fits,
    grants_of,
    must_agree,
    obstacle,
    still_there,
)
from enrollments.states import Acts, ApplicationState, GrantState, Holdup
from people.models import User


@dataclass(frozen=True, slots=True)
class Journey:
    """Where a homeowner stands on the way into a program; every device continues here.

    ``step`` is one of consent · account · rejected · questions · connect · relink · reading ·
    choose · done.
    """

    step: str
    grant: CarrierGrant | None
    systems: tuple[SystemCard, ...]
    application: Application | None


def grant_shown(user: User) -> CarrierGrant | None:
    """The permission the way in goes by: the one given last."""
    return grants_of(user).order_by("-linked_at").first()


def journey(user: User, program: Program) -> Journey:
    grant = grant_shown(user)
    systems = tuple(cards(still_there().filter(grant=grant))) if grant else ()
    application = latest_application(user, program)
    return Journey(_step(user, program, grant, systems, application), grant, systems, application)


def _step(
    user: User,
    program: Program,
    grant: CarrierGrant | None,
    systems: Sequence[SystemCard],
    application: Application | None,
) -> str:
    if any(card.enrollment_id and card.program_name == program.name for card in systems):
        return "done"
    if application and application.state == ApplicationState.REJECTED:
        return "rejected"
    if must_agree(user, program):
        return "consent"
    if _account_is_missing(program, application):
        return "account"
    if not fits(user, program):
        return "questions"
    if grant is None:
        return "connect"
    if grant.state == GrantState.NEEDS_RELINK:
        return "relink"
    return "choose" if grant.synced_at else "reading"


def held_by_carrier(user: User) -> tuple[Acts | str, Holdup | str]:
    """Who must act, and why, before a system of this person can join: by their permission and its
    last reading. Twice empty when nothing there is in the way, or nothing is known yet."""
    grant = grant_shown(user)
    if grant is None:
        return "", ""
    if grant.state == GrantState.NEEDS_RELINK:
        return Acts.HOMEOWNER, Holdup.PERMISSION
    if grant.is_being_read and not grant.sync_failures:
        return "", ""
    if grant.synced_at is None:
        return Acts.CARRIER, Holdup.UNREAD
    systems = still_there().filter(grant=grant).select_related("grant")
    if all(obstacle(system) for system in systems):
        return Acts.HOMEOWNER, Holdup.SYSTEM
    return "", ""


def latest_application(user: User, program: Program) -> Application | None:
    """The newest one, however it ended; earlier ones are history."""
    return Application.objects.filter(user=user, program=program).order_by("-id").first()


_STANDS = {
    Acts.HOMEOWNER: "Before you go on, something needs you.",
    Acts.UTILITY: "We look at your utility account and write to you.",
    Acts.CARRIER: "Carrier could not be read yet; we keep trying.",
}


def stands(user: User, program: Program) -> str:
    """A sentence for whoever is on the way: what it waits for, or that it goes on."""
    application = latest_application(user, program)
    if application and application.state == ApplicationState.REJECTED:
        return "We could not accept your application; see why."
    if application and application.why == Holdup.SYSTEM:
        return "None of your systems can take part yet; see why, and what helps."
    if application and application.who:
        return _STANDS[Acts(application.who)]
    return "You can go on where you stopped."


def _account_is_missing(program: Program, application: Application | None) -> bool:
    """Whoever joined before the program asked for an account is not asked for one."""
    if not program.needs_account:
        return False
    if application is None:
        return True
    return application.customer_id is None and application.state != ApplicationState.ACTIVE


def not_yet(user: User, program: Program) -> str:
    """A sentence on what comes before Carrier and the systems; empty when nothing does."""
    application = latest_application(user, program)
    if application and application.state == ApplicationState.REJECTED:
        return "Your application was turned down. Please apply again first."
    if must_agree(user, program):
        return "Please read and agree to the program terms first."
    if _account_is_missing(program, application):
        return "Please tell us your utility account first."
    return ""
