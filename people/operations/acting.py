"""Who acts, and the line each act leaves in the activity log."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from base.refusal import Refused
from people.models import ActivityEntry, User


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person, a partner's client, or the product itself.

    ``address`` is the network address the act came from, where there is one. ``client_id`` and
    ``scopes`` are a partner's client's: which one, and what its token allows.
    """

    name: str
    user: User | None = None
    address: str | None = None
    client_id: str | None = None
    scopes: frozenset[str] = frozenset()

    @classmethod
    def person(cls, user: User, address: str | None = None) -> "Actor":
        return cls(name=f"user:{user.pk}", user=user, address=address)

    @classmethod
    def partner(
        cls, client_id: str, address: str | None = None, *, scopes: Iterable[str] = ()
    ) -> "Actor":
        name = f"client:{client_id}"
        return cls(name, address=address, client_id=client_id, scopes=frozenset(scopes))


SYSTEM = Actor(name="system")


def for_operators(actor: Actor, doing: str) -> None:
    """Refuses a person whose role may not operate. Whoever is no person has no role: a partner's
    client, the command line and Offpeak itself were checked at the door they came through."""
    if actor.user is not None and not actor.user.may_operate:
        raise Refused(f"Only an operator may {doing}.", code="role")


def for_people(actor: Actor, doing: str, *, approver: bool = False) -> None:
    """Refuses everybody but a person who may operate (``approver``: who may approve): these acts
    take somebody who looked."""
    user = actor.user
    if user is None or not (user.may_approve if approver else user.may_operate):
        who = "an approver" if approver else "an operator"
        raise Refused(f"Only {who} may {doing}.", code="role")


def record(*, actor: Actor, verb: str, subject: str, now: datetime, **detail: Any) -> None:
    """Add one line to the activity log. Call it inside the transaction of the act.

    ``detail`` must hold plain JSON values and never a secret.
    """
    ActivityEntry.objects.create(
        at=now,
        actor=actor.name,
        verb=verb,
        subject=subject,
        detail=detail,
        address=actor.address,
    )
