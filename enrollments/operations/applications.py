"""The way of one person into one program, from the agreement to the last withdrawal."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from base.refusal import Refused
from enrollments import queries
from enrollments.models import Application, Customer, Program
from enrollments.operations.notices import tell
from enrollments.operations.turns import take_turns
from enrollments.queries.applications import is_taken
from enrollments.rules.matching import (
    ACCOUNT,
    TRIES_A_DAY,
    Match,
    match,
    normal_account,
    normal_postal,
)
from enrollments.states import (
    FROM_CARRIER,
    LIVE_APPLICATIONS,
    OPEN_APPLICATIONS,
    Acts,
    ApplicationState,
    Holdup,
    NoticeKind,
)
from people.models import ActivityEntry, User
from people.operations import Actor, record


def live(*, user: User, program: Program, now: datetime) -> Application:
    """The application that is on its way or has arrived; a new one where there is none. Call it
    inside the transaction of the act."""
    mine = Application.objects.filter(user=user, program=program, state__in=LIVE_APPLICATIONS)
    found = mine.first()
    if found is None:
        begun = Application(user=user, program=program, applied_at=now, changed_at=now)
        Application.objects.bulk_create([begun], ignore_conflicts=True)
        found = mine.get()
    return found


@transaction.atomic
def apply_again(*, user: User, program: Program, actor: Actor, now: datetime) -> Application:
    """A new application after one that was rejected. Raises Refused where none was, or the program
    takes nobody now."""
    take_turns(user)
    page = queries.ProgramPage(program, queries.current_terms(program))
    if page.why_closed:
        raise Refused(page.why_closed)
    if queries.journey(user, program).step != "rejected":
        raise Refused("You have an application already.")
    made = live(user=user, program=program, now=now)
    record(actor=actor, verb="apply-again", subject=f"application:{made.pk}", now=now)
    follow_carrier(user=user, actor=actor, now=now)
    return made


def move(
    application: Application,
    to: ApplicationState,
    *,
    actor: Actor,
    now: datetime,
    who: Acts | str = "",
    why: Holdup | str = "",
    reason: str = "",
    **changes: object,
) -> int:
    """Move one application and say so in the activity log; zero when somebody else was first."""
    mine = Application.objects.pick(pk=application.pk, who=application.who, why=application.why)
    moved = mine.move(
        application.state, to, who=who, why=why, reason=reason, changed_at=now, **changes
    )
    if moved:
        before = {"state": application.state, "who": application.who, "why": application.why}
        after = {"state": str(to), "who": str(who), "why": str(why)}
        record(
            actor=actor,
            verb="move-application",
            subject=f"application:{application.pk}",
            now=now,
            before=before,
            after=after,
            **({"reason": reason} if reason else {}),
        )
    return int(moved)


# --- what moves it --------------------------------------------------------------------------------
def answered(*, user: User, program: Program, fits: bool, actor: Actor, now: datetime) -> None:
    """The questions were answered: a misfit holds the application up, a fit lets it go on."""
    application = live(user=user, program=program, now=now)
    if application.state not in OPEN_APPLICATIONS:
        return
    if not fits and application.why != Holdup.ANSWER:
        move(
            application,
            ApplicationState.NEEDS_ACTION,
            actor=actor,
            now=now,
            who=Acts.HOMEOWNER,
            why=Holdup.ANSWER,
        )
    if fits and application.why == Holdup.ANSWER:
        move(application, ApplicationState.APPLIED, actor=actor, now=now)
        follow_carrier(user=user, actor=actor, now=now)


def follow_carrier(*, user: User, actor: Actor, now: datetime) -> None:
    """What the permission at Carrier and the last reading say holds this person's applications up,
    or no longer does. Call it inside the transaction of whatever changed there, and whenever
    something that came before is settled."""
    mine = Application.objects.filter(user=user)
    waiting = Q(state=ApplicationState.NEEDS_ACTION, why__in=sorted(FROM_CARRIER))
    on_the_way = list(mine.filter(Q(state=ApplicationState.APPLIED) | waiting))
    if not on_the_way:
        return
    who, why = queries.held_by_carrier(user)
    to = ApplicationState.NEEDS_ACTION if why else ApplicationState.APPLIED
    for application in on_the_way:
        if application.why == why:
            continue
        moved = move(application, to, actor=actor, now=now, who=who, why=why)
        if moved and why == Holdup.SYSTEM:
            # Once an application: who looks at the page day after day sees it there.
            subject = f"application:{application.pk}:systems"
            tell(user=user, kind=NoticeKind.ACTION_NEEDED, subject=subject, now=now)


def joined(*, user: User, program: Program, actor: Actor, now: datetime) -> None:
    """A system joined."""
    application = live(user=user, program=program, now=now)
    if application.state in OPEN_APPLICATIONS:
        move(application, ApplicationState.ACTIVE, actor=actor, now=now)


def left(*, user: User, program: Program, actor: Actor, now: datetime) -> None:
    """The last system left."""
    mine = Application.objects.filter(user=user, program=program, state=ApplicationState.ACTIVE)
    for application in mine:
        move(application, ApplicationState.WITHDRAWN, actor=actor, now=now)


# --- the account ----------------------------------------------------------------------------------
@transaction.atomic
def match_account(
    *, user: User, program: Program, account: str, postal: str, actor: Actor, now: datetime
) -> bool:
    """The homeowner names their utility account; whether it is theirs beyond doubt.

    If not, somebody at the utility looks at it, and nothing tells the homeowner how near it came or
    whether there is such an account at all: numbers must not be found out by trying. Raises Refused
    where nothing of the kind can be an account, and after TRIES_A_DAY tries in 24 hours.
    """
    take_turns(user)
    typed_account, typed_postal = normal_account(account), normal_postal(postal)
    if not ACCOUNT.fullmatch(typed_account):
        raise Refused("An account number has 4 to 32 digits or letters.", field="account")
    if not 3 <= len(typed_postal) <= 12 or not typed_postal.isalnum():
        raise Refused("Type the postal code of the home, such as 62701.", field="postal")
    if queries.agreed(user, program) is None:
        raise Refused("Please read and agree to the program terms first.")
    begun = live(user=user, program=program, now=now)
    # First the application, then the customer: who decides about it goes the same way.
    application = Application.objects.select_for_update(no_key=True).get(pk=begun.pk)
    if application.customer_id is not None:
        return True
    _count_try(application, actor, now)
    customer = _customer(typed_account, typed_postal, user)
    if customer:
        _matched(application, customer, actor, now)
        return True
    move(
        application,
        ApplicationState.NEEDS_ACTION,
        actor=actor,
        now=now,
        who=Acts.UTILITY,
        why=Holdup.ACCOUNT,
        typed_account=typed_account,
        typed_postal=typed_postal,
    )
    return False


def _count_try(application: Application, actor: Actor, now: datetime) -> None:
    # Neither number nor outcome: the log is kept for ever, and people get to read their own acts.
    tries = ActivityEntry.objects.filter(
        actor=actor.name, verb="match-account", at__gt=now - timedelta(days=1)
    )
    if tries.count() >= TRIES_A_DAY:
        raise Refused(
            f"You have tried {TRIES_A_DAY} times within a day. What you typed last is kept and "
            "looked at; you can try again tomorrow.",
            code="too-many-tries",
        )
    record(actor=actor, verb="match-account", subject=f"application:{application.pk}", now=now)


def _customer(account: str, postal: str, user: User) -> Customer | None:
    """The customer that is meant beyond doubt and that nobody else has; held until the end of this
    transaction, so that nobody else gets it meanwhile."""
    held = Customer.objects.select_for_update(no_key=True).filter(account=account).first()
    if held is None or is_taken(held, by_others_than=user.pk):
        return None
    found = match(
        account=held.account,
        postal=held.postal_code,
        typed_account=account,
        typed_postal=postal,
    )
    return held if found == Match.EXACT else None


def _matched(application: Application, customer: Customer, actor: Actor, now: datetime) -> None:
    changes: dict[str, Any] = {"customer": customer, "typed_account": "", "typed_postal": ""}
    if application.state == ApplicationState.NEEDS_ACTION:
        move(application, ApplicationState.APPLIED, actor=actor, now=now, **changes)
        follow_carrier(user=application.user, actor=actor, now=now)
    else:
        Application.objects.filter(pk=application.pk).update(changed_at=now, **changes)
        subject = f"application:{application.pk}"
        record(actor=actor, verb="account-matched", subject=subject, now=now)
