"""Inviting somebody: the row first, committed, then the mail."""

import logging
from datetime import datetime
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from people import operations
from people.operations import Actor
from people.states import Role

log = logging.getLogger(__name__)


def invite(*, email: str, role: Role, actor: Actor, now: datetime) -> bool:
    """Offer this address a role by mail; false when the mail server did not take it, and the
    invitation is taken back then. Raises Refused."""
    made, token = operations.invite(
        email=email, role=role, actor=actor, now=now, real_now=timezone.now()
    )
    context = {
        "utility": settings.UTILITY_NAME,
        "role": role.label.lower(),
        "link": settings.BASE_URL + reverse("invitation", args=[token]),
        "email": made.email,
        "by": actor.user.email if actor.user else actor.name,
    }
    text = render_to_string("people/invitation.txt", context)
    subject = f"{settings.UTILITY_NAME} invites you to its console"
    try:
        send_mail(subject, text, settings.DEFAULT_FROM_EMAIL, [made.email])
    except (SMTPException, OSError) as error:
        log.warning("invitation %s was not mailed: %s", made.pk, type(error).__name__)
        operations.withdraw_invitation(invitation_id=made.pk, actor=actor, now=now)
        return False
    return True
