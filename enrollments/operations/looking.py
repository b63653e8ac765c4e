"""What an operator asked of Carrier, or changed there, for one home: on record, nothing else."""

from datetime import datetime

from django.db import transaction

from base.refusal import Refused
from enrollments.models import System
from people.operations import Actor, record

# How a homeowner can have agreed; kept in the activity log.
WAYS = {"phone": "On the phone", "mail": "In writing", "in-person": "Face to face"}


@transaction.atomic
def asked(*, system: System, document: str, actor: Actor, now: datetime) -> None:
    """Somebody looks at this home through the homeowner's permission. Raises Refused."""
    _check(actor)
    record(
        actor=actor,
        verb="ask-carrier",
        subject=f"system:{system.pk}",
        now=now,
        document=document,
    )


@transaction.atomic
def agreed(*, system: System, sentence: str, told_by: str, actor: Actor, now: datetime) -> None:
    """The homeowner wants demand response switched on and said so. Raises Refused."""
    _check(actor)
    if len(sentence.split()) < 3:
        raise Refused("Write down what the homeowner agreed to.", field="sentence")
    if told_by not in WAYS:
        raise Refused("Say how the homeowner agreed.", field="told_by")
    record(
        actor=actor,
        verb="agree-switch-on",
        subject=f"system:{system.pk}",
        now=now,
        homeowner=f"user:{system.grant.user_id}",
        sentence=sentence,
        told_by=WAYS[told_by],
    )


@transaction.atomic
def switched(*, system: System, was_on: bool, actor: Actor, now: datetime) -> None:
    record(
        actor=actor,
        verb="switch-on",
        subject=f"system:{system.pk}",
        now=now,
        before={"demand_response": "on" if was_on else "off"},
        after={"demand_response": "on"},
    )


@transaction.atomic
def not_switched(*, system: System, why: str, actor: Actor, now: datetime) -> None:
    record(actor=actor, verb="switch-on-failed", subject=f"system:{system.pk}", now=now, why=why)


def _check(actor: Actor) -> None:
    if actor.user is None or not actor.user.may_serve:
        raise Refused("Your role may not act for a home.", code="role")
