"""Nobody works here with a password alone."""

from collections.abc import Callable

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
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
