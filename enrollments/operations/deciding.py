"""Somebody at the utility decides about applications: an account that did not match by itself, and
a no at any time before the first system joins."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from base.refusal import Refused
from enrollments import queries
from enrollments.models import Application, Customer, Enrollment
from enrollments.operations.applications import follow_carrier, move
from enrollments.operations.notices import tell
from enrollments.operations.permission import Forgotten, forget_tokens
from enrollments.operations.turns import take_turns, unless_busy
from enrollments.queries.applications import is_taken, seen
from enrollments.states import (
    LIVE_APPLICATIONS,
    LIVE_ENROLLMENTS,
    OF_ACCOUNT,
    OPEN_APPLICATIONS,
    Acts,
    ApplicationState,
    Holdup,
    NoticeKind,
)
from people.models import User
from people.operations import Actor

LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Choice:
    """One application somebody ticked, as it was shown to them (``queries.applications.seen``), and
    the customer they found for it."""

    application_id: int
    seen: str
    customer_id: int | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """How many were decided, and why the others were not: one sentence each. ``forgotten``: the
    permissions at Carrier that ended with it."""

    done: int
    refused: tuple[str, ...]
    forgotten: tuple[Forgotten, ...] = ()


def decide(
    *, act: str, choices: Sequence[Choice], reason: str = "", actor: Actor, now: datetime
) -> Decided:
    """``approve``, ``reject`` or ``ask`` for each of them; one that cannot be decided leaves the
    others alone. Raises Refused, and decides nothing, when nothing was chosen, the role does not
    allow it, or a reason is missing."""
    if actor.user is None or not actor.user.may_serve:
        raise Refused("Your role may not decide about applications.", code="role")
    if not choices:
        raise Refused("Tick at least one application.", field="application")
    reason = " ".join(reason.split())
    if act != "approve" and len(reason) < 10:
        raise Refused("Write what the homeowner is to know, in a sentence.", field="reason")
    if len(reason) > LONGEST_REASON:
        raise Refused(f"Keep it below {LONGEST_REASON} characters.", field="reason")
    done = 0
    refused: list[str] = []
    forgotten: list[Forgotten] = []
    for choice in choices:
        try:
            forgotten += _ACTS[act](choice, reason, actor, now)
            done += 1
        except Refused as no:
            refused.append(str(no))
    return Decided(done, tuple(refused), tuple(forgotten))


def _held(choice: Choice, doing: str = "") -> Application:
    """The application, held until the end of the transaction, as are its person's other acts: who
    is joining at this moment comes before or after. ``doing``: what is only done where an
    account is to be matched. Raises Refused when it is not to be decided, or not any more what was
    shown."""
    user = User.objects.filter(applications=choice.application_id).first()
    if user is None:
        raise Refused("There is no such application.")
    take_turns(user, to_leave=True)
    held = Application.objects.select_for_update(of=("self",)).select_related("user", "program")
    application = held.get(pk=choice.application_id)
    if application.state not in OPEN_APPLICATIONS or seen(application) != choice.seen:
        raise Refused(f"{user.email}: something changed since you opened the page. Look again.")
    if doing and application.why not in OF_ACCOUNT:
        raise Refused(f"{user.email}: it waits for no account, so there is nothing to {doing}.")
    return application


@transaction.atomic
def _approve(choice: Choice, reason: str, actor: Actor, now: datetime) -> list[Forgotten]:
    application = _held(choice, "approve")
    who = application.user.email
    if choice.customer_id is None:
        raise Refused(f"{who}: choose which customer it is.")
    rows = Customer.objects.select_for_update(no_key=True)
    customer = rows.filter(pk=choice.customer_id).first()
    if customer is None:
        raise Refused(f"{who}: there is no such customer.")
    if is_taken(customer, by_others_than=application.user_id):
        raise Refused(f"{who}: account {customer.account} belongs to somebody else's application.")
    move(
        application,
        ApplicationState.APPLIED,
        actor=actor,
        now=now,
        customer=customer,
        typed_account="",
        typed_postal="",
    )
    subject = f"application:{application.pk}"
    tell(user=application.user, kind=NoticeKind.APPROVED, subject=subject, now=now)
    follow_carrier(user=application.user, actor=actor, now=now)
    return []


@unless_busy()
def _reject(choice: Choice, reason: str, actor: Actor, now: datetime) -> list[Forgotten]:
    """Whoever must act now; who has joined already is not turned down but leaves (``withdraw``).
    What nobody needs any more is not kept: a permission that was given for this alone ends."""
    application = _held(choice)
    move(
        application,
        ApplicationState.REJECTED,
        actor=actor,
        now=now,
        reason=reason,
        typed_account="",
        typed_postal="",
    )
    subject = f"application:{application.pk}"
    tell(user=application.user, kind=NoticeKind.REJECTED, subject=subject, now=now)
    return forget_what_nobody_needs(application.user, actor, now)


def forget_what_nobody_needs(user: User, actor: Actor, now: datetime) -> list[Forgotten]:
    """End this person's permissions unless they are in a program, or on the way into one."""
    still_in = Enrollment.objects.filter(user=user, state__in=LIVE_ENROLLMENTS).exists()
    if still_in or Application.objects.filter(user=user, state__in=LIVE_APPLICATIONS).exists():
        return []
    mine = queries.grants_of(user).order_by("id").values_list("id", flat=True)
    ended = [forget_tokens(grant_id=grant_id, actor=actor, now=now) for grant_id in mine]
    return [one for one in ended if one is not None]


@transaction.atomic
def _ask(choice: Choice, reason: str, actor: Actor, now: datetime) -> list[Forgotten]:
    """Back to the homeowner, who can correct the number."""
    application = _held(choice, "ask about")
    move(
        application,
        ApplicationState.NEEDS_ACTION,
        actor=actor,
        now=now,
        who=Acts.HOMEOWNER,
        why=Holdup.ASKED,
        reason=reason,
    )
    # It may be asked more than once.
    subject = f"application:{application.pk}:{int(now.timestamp())}"
    tell(user=application.user, kind=NoticeKind.ACTION_NEEDED, subject=subject, now=now)
    return []


_ACTS: dict[str, Callable[[Choice, str, Actor, datetime], list[Forgotten]]] = {
    "approve": _approve,
    "reject": _reject,
    "ask": _ask,
}
