"""A homeowner's account ends and leaves a row without a person."""

from datetime import datetime

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.hashers import make_password
from django.db import transaction

from base.refusal import Refused
from people.models import User
from people.operations.acting import Actor, record


def address_after(user: User) -> str:
    """What stands in place of the e-mail address. No mail can reach it (RFC 2606)."""
    return f"gone-{user.pk}@removed.invalid"


@transaction.atomic
def erase_account(*, user: User, actor: Actor, now: datetime) -> None:
    """Name, addresses, password, second factor and devices are gone; the number of the account
    stays, because results and the activity log name it. Raises Refused for people of the utility.
    """
    if user.is_operator:
        raise Refused(
            "This account belongs to the utility. An administrator can shut it out; it is not "
            "deleted here.",
            code="not-a-homeowner",
        )
    for session in UserSession.objects.filter(user=user):
        session.end()
    EmailAddress.objects.filter(user=user).delete()
    Authenticator.objects.filter(user=user).delete()
    User.objects.filter(pk=user.pk).update(
        email=address_after(user),
        first_name="",
        last_name="",
        password=make_password(None),
        is_active=False,
        last_login=None,
    )
    record(actor=actor, verb="erase-account", subject=f"user:{user.pk}", now=now)
