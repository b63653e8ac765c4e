"""Signing in and second factors of the utility's people: in the activity log and at the desk."""

import time
from typing import Any

from allauth.account.signals import user_logged_in
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_removed
from django.contrib.auth import signals as auth
from django.dispatch import receiver
from django.http import HttpRequest

from base import clock
from people.access import address_of
from people.middleware import DESK
from people.models import User
from people.operations import Actor, record


def _record(verb: str, request: HttpRequest, user: User, **detail: Any) -> None:
    if user.is_operator:
        actor = Actor.person(user, address_of(request))
        record(actor=actor, verb=verb, subject=f"user:{user.pk}", now=clock.now(), **detail)


@receiver(user_logged_in)
def signed_in(request: HttpRequest, user: User, **_: Any) -> None:
    _record("sign-in", request, user)


@receiver(auth.user_logged_in)
def at_the_desk(request: HttpRequest, user: User, **_: Any) -> None:
    """From now on: see people.middleware.Desk."""
    if user.is_operator or user.is_staff:
        request.session[DESK] = (time.time(), time.time())


@receiver(authenticator_added)
def second_factor_added(
    request: HttpRequest, user: User, authenticator: Authenticator, **_: Any
) -> None:
    _record("add-second-factor", request, user, kind=authenticator.type)


@receiver(authenticator_removed)
def second_factor_removed(
    request: HttpRequest, user: User, authenticator: Authenticator, **_: Any
) -> None:
    _record("remove-second-factor", request, user, kind=authenticator.type)
