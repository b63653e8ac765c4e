"""Secrets of partners' clients: at most two are good at a time, the newest and the one before."""

from datetime import datetime, timedelta

from allauth.idp.oidc.adapter import get_adapter
from allauth.idp.oidc.models import Client, Token
from django.contrib.auth.hashers import check_password
from django.db import transaction

from base import clock
from base.refusal import Refused
from partners.models import PartnerClient
from partners.operations.clients import Credentials, client_named
from partners.operations.guards import for_the_utility
from people.operations import Actor, record

# How long the old secret goes on beside a new one: time to change it on every machine.
OVERLAP = timedelta(hours=72)


def secret_mark(own: PartnerClient | None) -> str:
    """Names the newest secret by when it was made: a form that was filled in before is refused."""
    return own.secret_made_at.isoformat() if own and own.secret_made_at else "none"


def is_overlapping(own: PartnerClient | None, real_now: datetime) -> bool:
    """Is the secret before the newest good still?"""
    ends_at = own.old_secret_ends_at if own else None
    return ends_at is not None and ends_at > real_now


@transaction.atomic
def rotate(
    *,
    client_id: str,
    at_once: bool = False,
    end_tokens: bool = False,
    actor: Actor,
    now: datetime,
    real_now: datetime,
    seen: str | None = None,
) -> Credentials:
    """A new secret. The old one goes on for OVERLAP, or ends ``at_once``.

    ``end_tokens`` is for a secret that leaked: it ends at once, and so do the tokens issued so
    far. ``seen`` is ``secret_mark`` as the form showed it; None: whichever is the newest. Raises
    Refused, also while an older one goes on and the newest is in use: only two are good at a time,
    so a third would cut off machines. A newest that nobody has used was lost: it is replaced, and
    the one before goes on for OVERLAP again.
    """
    for_the_utility(actor, "change the secrets of partners")
    client = client_named(client_id)
    own, _ = PartnerClient.objects.get_or_create(client=client)
    if seen is not None and seen != secret_mark(own):  # the button was pressed twice
        raise Refused(
            "A new secret was made after this page was opened, and this time nothing was changed. "
            "If nobody has it, make another one.",
            code="stale",
        )
    made = Credentials(client.pk, get_adapter().generate_client_secret())
    if at_once or end_tokens:
        _end_old(own)
    else:
        _go_on(own, client.secret, real_now)
    own.secret_made_at, own.secret_used_at = real_now, None
    own.save()
    client.set_secret(made.secret)
    client.save(update_fields=["secret"])
    if end_tokens:
        Token.objects.filter(client=client).delete()
    record(
        actor=actor,
        verb="partner-rotate",
        subject=f"client:{client_id}",
        now=now,
        at_once=at_once or end_tokens,
        ended_tokens=end_tokens,
    )
    return made


@transaction.atomic
def end_old_secret(*, client_id: str, actor: Actor, now: datetime) -> None:
    """The change is done everywhere: the old secret ends before its time. Raises Refused."""
    for_the_utility(actor, "change the secrets of partners")
    client = client_named(client_id)
    own = PartnerClient.objects.filter(client=client).first()
    if own is None or not own.old_secret:
        raise Refused("This client has no old secret.")
    _end_old(own)
    own.save()
    record(actor=actor, verb="partner-end-old-secret", subject=f"client:{client_id}", now=now)


def _go_on(own: PartnerClient, newest: str, real_now: datetime) -> None:
    """The old secret, or the newest where there is none, is good for OVERLAP from now: the partner
    begins to change it today. Raises Refused where both are in use."""
    if not is_overlapping(own, real_now):
        own.old_secret, own.old_secret_used_at = newest, own.secret_used_at
    elif own.secret_used_at:
        raise Refused(
            "The secret was changed lately and the one before still goes on. End the old secret "
            "first, when it is in use nowhere.",
            code="wrong-state",
        )
    own.old_secret_ends_at = real_now + OVERLAP


def _end_old(own: PartnerClient) -> None:
    own.old_secret, own.old_secret_ends_at, own.old_secret_used_at = "", None, None


def check_secret(client: Client, given: str) -> bool:
    """Whether this is one of the client's secrets, newest first; notes when it was used.

    Takes the place of the identity provider's own test, which knows one secret only (apps.py).
    """
    real_now = clock.real_now()
    own = PartnerClient.objects.filter(client_id=client.pk)
    if own.filter(suspended_at__isnull=False).exists():
        return False
    if check_password(given, client.secret):
        own.update(secret_used_at=real_now)
        return True
    old = own.filter(old_secret_ends_at__gt=real_now).values_list("old_secret", flat=True).first()
    if old and check_password(given, old):
        own.update(old_secret_used_at=real_now)
        return True
    return False
