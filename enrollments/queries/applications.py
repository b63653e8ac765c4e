"""Applications as the console shows them: what waits for a decision."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q, QuerySet

from enrollments.models import Application, CarrierGrant, Customer
from enrollments.queries.homes import SystemCard, cards, still_there
from enrollments.rules.matching import Match, match, normal_account, slips
from enrollments.states import (
    LIVE_APPLICATIONS,
    OF_ACCOUNT,
    OPEN_APPLICATIONS,
    Acts,
    ApplicationState,
    GrantState,
    Holdup,
)

PAGE = 25
# How many customers are shown beside what was typed.
MOST_NEAR = 5
# Rows read at once while a download is written.
AT_ONCE = 500
HEADER = (
    "email", "program", "state", "who_must_act", "why", "what_we_wrote", "account",
    "account_as_typed", "postal_code_as_typed", "applied_at_utc", "changed_at_utc",
)  # fmt: skip


def waiting_for_us() -> int:
    """How many applications somebody at the utility must decide."""
    return Application.objects.filter(state=ApplicationState.NEEDS_ACTION, who=Acts.UTILITY).count()


# --- the queue ----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Candidate:
    """A customer near to what was typed. ``taken``: somebody else's application has it."""

    application_id: int
    id: int
    account: str
    postal_code: str
    name: str
    street: str
    city: str
    email: str
    match: Match
    has_same_email: bool
    taken: bool

    @property
    def key(self) -> str:
        """Names this customer beside this application."""
        return f"{self.application_id}-{self.id}"


@dataclass(frozen=True, slots=True)
class Row:
    """One application as somebody at the utility sees it."""

    id: int
    email: str
    program: str
    state: ApplicationState
    who: Acts | None
    why: Holdup | None
    reason: str
    account: str
    typed_account: str
    typed_postal: str
    applied_at: datetime
    changed_at: datetime
    seen: str
    near: tuple[Candidate, ...] = field(default=())
    # Where none can take part: all there are, each with its obstacle.
    systems: tuple[SystemCard, ...] = field(default=())
    # And the serials Carrier lists for them that somebody else connected first.
    held: tuple[str, ...] = field(default=())

    @property
    def is_to_decide(self) -> bool:
        return self.who == Acts.UTILITY

    @property
    def has_typed(self) -> bool:
        """An account was typed that somebody can match, as they can while the homeowner was asked
        to check it and calls instead."""
        return self.why in OF_ACCOUNT

    @property
    def is_open(self) -> bool:
        """It can be turned down, whoever must act."""
        return self.state in OPEN_APPLICATIONS


def seen(application: Application) -> str:
    """Names an application as it is now: a decision about an earlier one is refused."""
    return application.changed_at.isoformat()


def find(
    *,
    state: str = "",
    who: str = "",
    program: str = "",
    text: str = "",
    after: int = 0,
    limit: int = PAGE,
) -> tuple[list[Row], int]:
    """A page of applications, longest waiting first, and the id to go on ``after`` (0: no more)."""
    found = _matching(state=state, who=who, program=program, text=text).filter(id__gt=after)
    rows = list(found[: limit + 1])
    shown = rows[:limit]
    return _rows(shown), shown[-1].pk if len(rows) > limit else 0


def every(
    *, state: str = "", who: str = "", program: str = "", text: str = ""
) -> Iterator[tuple[object, ...]]:
    """All of them for a download, with the columns of HEADER, read a few at a time."""
    found = _matching(state=state, who=who, program=program, text=text)
    after = 0
    while ones := list(found.filter(id__gt=after)[:AT_ONCE]):
        after = ones[-1].pk
        for one in ones:
            yield (
                one.user.email,
                one.program.name,
                one.state,
                one.who,
                one.why,
                one.reason,
                one.customer.account if one.customer else "",
                one.typed_account,
                one.typed_postal,
                one.applied_at.isoformat(),
                one.changed_at.isoformat(),
            )


def _matching(*, state: str, who: str, program: str, text: str) -> QuerySet[Application]:
    found: QuerySet[Application] = Application.objects.select_related("user", "program", "customer")
    if state in ApplicationState.values:
        found = found.filter(state=state)
    if who in Acts.values:
        found = found.filter(who=who)
    if program:
        found = found.filter(program__slug=program)
    if text:
        found = _about(found, text)
    return found.order_by("id")


def _about(found: QuerySet[Application], text: str) -> QuerySet[Application]:
    account = normal_account(text)
    wanted = Q(user__email__icontains=text)
    if account:
        wanted |= Q(typed_account=account) | Q(customer__account=account)
    return found.filter(wanted)


def _rows(applications: Sequence[Application]) -> list[Row]:
    near = _near([one for one in applications if one.why in OF_ACCOUNT])
    without = [one for one in applications if one.why == Holdup.SYSTEM]
    blocked, held = _systems(without), _held_elsewhere(without)
    return [
        Row(
            id=one.pk,
            email=one.user.email,
            program=one.program.name,
            state=ApplicationState(one.state),
            who=Acts(one.who) if one.who else None,
            why=Holdup(one.why) if one.why else None,
            reason=one.reason,
            account=one.customer.account if one.customer else "",
            typed_account=one.typed_account,
            typed_postal=one.typed_postal,
            applied_at=one.applied_at,
            changed_at=one.changed_at,
            seen=seen(one),
            near=tuple(near[one.pk]),
            systems=tuple(blocked[one.user.email]),
            held=tuple(held[one.user_id]),
        )
        for one in applications
    ]


def _systems(applications: Sequence[Application]) -> dict[str, list[SystemCard]]:
    """The systems of those people, by their address; nothing is asked where nobody waits."""
    found: dict[str, list[SystemCard]] = defaultdict(list)
    if applications:
        theirs = still_there().filter(grant__user__in=[one.user_id for one in applications])
        for card in cards(theirs.exclude(grant__state=GrantState.REVOKED)):
            found[card.owner].append(card)
    return found


def _held_elsewhere(applications: Sequence[Application]) -> dict[int, list[str]]:
    """User id -> serials Carrier lists for them that another person's permission holds."""
    found: dict[int, list[str]] = defaultdict(list)
    if applications:
        theirs = CarrierGrant.objects.filter(user__in=[one.user_id for one in applications])
        for user, serials in theirs.values_list("user", "held_elsewhere"):
            found[user] += serials
    return found


def _near(applications: Iterable[Application]) -> dict[int, list[Candidate]]:
    """The customers nearest to what each of them typed, the best first; two questions for all."""
    meant = {one.pk: {one.typed_account} | slips(one.typed_account) for one in applications}
    wanted = set().union(*meant.values())
    customers = {one.account: one for one in Customer.objects.filter(account__in=wanted)}
    users = _taken_by([one.pk for one in customers.values()])
    near: dict[int, list[Candidate]] = defaultdict(list)
    for one in applications:
        found = [customers[account] for account in meant[one.pk] & customers.keys()]
        candidates = [_candidate(customer, one, users[customer.pk]) for customer in found]
        order = list(Match)
        near[one.pk] = sorted(
            (one for one in candidates if one.match != Match.NONE),
            key=lambda one: (order.index(one.match), one.account),
        )[:MOST_NEAR]
    return near


def _taken_by(customers: Sequence[int]) -> dict[int, set[int]]:
    """Customer id -> the people whose live applications have this account."""
    users: dict[int, set[int]] = defaultdict(set)
    taken = Application.objects.filter(customer__in=customers, state__in=LIVE_APPLICATIONS)
    for customer, user in taken.values_list("customer", "user"):
        users[customer].add(user)
    return users


def _candidate(customer: Customer, application: Application, users: set[int]) -> Candidate:
    return Candidate(
        application_id=application.pk,
        id=customer.pk,
        account=customer.account,
        postal_code=customer.postal_code,
        name=customer.name,
        street=customer.street,
        city=customer.city,
        email=masked(customer.email),
        match=match(
            account=customer.account,
            postal=customer.postal_code,
            typed_account=application.typed_account,
            typed_postal=application.typed_postal,
        ),
        has_same_email=customer.email == application.user.email,
        taken=bool(users - {application.user_id}),
    )


def masked(email: str) -> str:
    """``h…@home.example``: enough to recognise, not enough to write to."""
    name, at, host = email.partition("@")
    return f"{name[:1]}…@{host}" if at else ""


def is_taken(customer: Customer, *, by_others_than: int) -> bool:
    """Has the live application of another person this account?"""
    taken = Application.objects.filter(customer=customer, state__in=LIVE_APPLICATIONS)
    return taken.exclude(user_id=by_others_than).exists()
