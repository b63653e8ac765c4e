"""Who acts, and the line each act leaves in the activity log."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from people.models import ActivityEntry, User


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person, a partner's client, or the product itself.

    ``address`` is the network address the act came from, where there is one.
    """

    name: str
    user: User | None = None
    address: str | None = None

    @classmethod
    def person(cls, user: User, address: str | None = None) -> "Actor":
        return cls(name=f"user:{user.pk}", user=user, address=address)

    @classmethod
    def partner(cls, client_id: str, address: str | None = None) -> "Actor":
        return cls(name=f"client:{client_id}", address=address)


SYSTEM = Actor(name="system")


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
