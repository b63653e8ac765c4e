"""What concerns one's own account: accepting an invitation, the devices one is signed in at."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from base import clock
from base.refusal import Refused
from people import operations
from people.access import actor_of, address_of, me, signed_in_page
from people.forms import AccountForm
from people.queries import team as query
from people.states import ROLE_SENTENCES, Role


@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows, however often a mail scanner looks; POST makes the account, once. A token that is
    wrong, used or too old: always the same page."""
    found = query.invitation(token, real_now=timezone.now())
    if found is None:
        return _discreet(render(request, "people/invitation_gone.html"))
    form = AccountForm(request.POST or None, email=found.email)
    if request.method == "POST" and form.is_valid():
        try:
            operations.accept(
                token=token,
                **form.cleaned_data,
                address=address_of(request),
                now=clock.now(),
                real_now=timezone.now(),
            )
        except Refused as refused:
            form.refuse(refused)
        else:
            logout(request)  # whoever was signed in on this device is somebody else
            messages.success(request, "Your account is ready. Sign in with your new password.")
            return _discreet(redirect("account_login"))
    role = Role(found.role)
    context = {
        "form": form,
        "email": found.email,
        "role": role,
        "sentence": ROLE_SENTENCES[role],
        "mfa_required": settings.MFA_REQUIRED,
    }
    return _discreet(render(request, "people/invitation.html", context))


def _discreet(response: HttpResponse) -> HttpResponse:
    """The address is a key: kept by no cache, passed on to no other site."""
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    return response


@signed_in_page
@require_safe
def devices(request: HttpRequest) -> HttpResponse:
    found = query.devices(
        me(request), real_now=timezone.now(), this_session=request.session.session_key or ""
    )
    context = {"devices": found, "zone": settings.UTILITY_TIME_ZONE}
    return render(request, "people/devices.html", context)


@signed_in_page
@require_POST
def end_device(request: HttpRequest, session_id: int) -> HttpResponse:
    """Sign one of my own devices out; somebody else's answers as one that is over."""
    mine = {device.id for device in query.devices(me(request), real_now=timezone.now())}
    if session_id in mine:
        operations.end_session(session_id=session_id, actor=actor_of(request), now=clock.now())
        messages.success(request, "This device is signed out.")
    else:
        messages.warning(request, "This device was signed out already.")
    return redirect("devices")
