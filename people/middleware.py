"""Nobody works here with a password alone, and nobody at a desk that somebody else left."""

import time
from collections.abc import Callable

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from people.models import User

SENTENCE = (
    "Set up two-step sign-in first: everybody who works here needs it, because a password "
    "alone can be guessed or read over a shoulder."
)


DESK = "desk"  # in the session: since when, and when somebody was last at work
NOTE_EVERY_S = 60  # seconds; a session need not be written for every page


class SecondFactor:
    """Sends staff without a second factor to the page where they set one up, wherever they go.

    A middleware and not a decorator: a page somebody forgets to guard is guarded too, and so is
    the back office. Open stay the account pages (to sign out, and to set it up). Homeowners choose
    for themselves.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.MFA_REQUIRED and _is_missing(request):
            return _to_the_setup(request)
        return self.get_response(request)


class Desk:
    """Signs staff out who left their desk, and all of them after half a day: STAFF_IDLE_S and
    STAFF_SESSION_S, in seconds of real time.

    A board asks for itself for as long as it is open; that is nobody's presence. The page then says
    so itself: see static/live.js.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        user = request.user
        if isinstance(user, User) and (user.is_operator or user.is_staff):
            now = time.time()
            since, seen = request.session.get(DESK, (now, 0.0))
            if now - since > settings.STAFF_SESSION_S or 0 < seen < now - settings.STAFF_IDLE_S:
                logout(request)  # the view asks whoever is there to sign in
            elif now - seen > NOTE_EVERY_S and not _asks_for_itself(request):
                request.session[DESK] = (since, now)
        return self.get_response(request)


def _asks_for_itself(request: HttpRequest) -> bool:
    return bool(request.htmx) and request.method == "GET"  # type: ignore[attr-defined]


def _is_missing(request: HttpRequest) -> bool:
    user = request.user
    if not isinstance(user, User) or not (user.is_operator or user.is_staff):
        return False
    is_account_page = request.path.startswith("/accounts/")
    return not is_account_page and not is_mfa_enabled(user)


def _to_the_setup(request: HttpRequest) -> HttpResponse:
    setup = reverse("mfa_activate_totp")
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponseClientRedirect(setup)
    messages.warning(request, SENTENCE)
    return redirect(setup)
