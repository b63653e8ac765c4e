"""The people of the utility, for administrators: invited, given a role, shut out."""

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from base import clock
from base.refusal import Refused
from people import inviting, operations
from people.access import actor_of, manager_page, me
from people.forms import InvitationForm, RoleForm
from people.operations import Actor
from people.queries import team as query
from people.states import ROLE_SENTENCES, Role


def _list(request: HttpRequest, form: InvitationForm) -> HttpResponse:
    context = {
        "people": query.people(),
        "invitations": query.invitations(),
        "form": form,
        "roles": [(role.label, sentence) for role, sentence in ROLE_SENTENCES.items()],
        "zone": settings.UTILITY_TIME_ZONE,
        "real_now": timezone.now(),
        "mfa_required": settings.MFA_REQUIRED,
    }
    return render(request, "people/list.html", context)


@manager_page
@require_http_methods(["GET", "HEAD", "POST"])
def people(request: HttpRequest) -> HttpResponse:
    """GET lists; POST invites."""
    if request.method != "POST":
        return _list(request, InvitationForm(initial={"role": Role.VIEWER}))
    form = InvitationForm(request.POST)
    if not form.is_valid():
        return _list(request, form)
    try:
        sent = inviting.invite(
            email=form.cleaned_data["email"],
            role=Role(form.cleaned_data["role"]),
            actor=actor_of(request),
            now=clock.now(),
        )
    except Refused as refused:
        form.refuse(refused)
        return _list(request, form)
    if sent:
        messages.success(request, "The invitation is on its way. It is good for three days.")
    else:
        messages.error(
            request,
            "The mail server did not take the invitation. Nobody can use it; invite again later.",
        )
    return redirect("people")


@manager_page
@require_POST
def withdraw_invitation(request: HttpRequest, invitation_id: int) -> HttpResponse:
    return _decide(
        request,
        lambda actor: operations.withdraw_invitation(
            invitation_id=invitation_id, actor=actor, now=clock.now()
        ),
        "Taken back: its link opens nothing any more.",
    )


@manager_page
@require_safe
def person(request: HttpRequest, user_id: int) -> HttpResponse:
    return _person(request, user_id)


def _person(request: HttpRequest, user_id: int, form: RoleForm | None = None) -> HttpResponse:
    found = query.person(user_id, real_now=timezone.now())
    if found is None:
        raise Http404
    context = {
        "person": found,
        "is_me": found.id == me(request).pk,
        "form": form or RoleForm(initial={"role": found.role}),
        "roles": [(role.label, sentence) for role, sentence in ROLE_SENTENCES.items()],
        "zone": settings.UTILITY_TIME_ZONE,
    }
    return render(request, "people/person.html", context)


@manager_page
@require_POST
def person_role(request: HttpRequest, user_id: int) -> HttpResponse:
    """``seen``, the role it was, travels with the form."""
    role = request.POST.get("role", "")
    try:
        operations.change_role(
            user_id=user_id,
            seen=request.POST.get("seen", ""),
            role=Role(role) if role in Role.values else Role.HOMEOWNER,
            actor=actor_of(request),
            now=clock.now(),
        )
    except Refused as refused:
        if refused.code == "stale":
            form = RoleForm(request.POST)
            form.add_error("role", str(refused))
            return _person(request, user_id, form)
        messages.error(request, str(refused))
    else:
        messages.success(request, "The new role counts from now on.")
    return _back(user_id)


@manager_page
@require_POST
def person_deactivate(request: HttpRequest, user_id: int) -> HttpResponse:
    return _decide(
        request,
        lambda actor: operations.deactivate(user_id=user_id, actor=actor, now=clock.now()),
        "Shut out: every session is ended, none can begin.",
        user_id,
    )


@manager_page
@require_POST
def person_reactivate(request: HttpRequest, user_id: int) -> HttpResponse:
    return _decide(
        request,
        lambda actor: operations.reactivate(user_id=user_id, actor=actor, now=clock.now()),
        "This person may sign in again.",
        user_id,
    )


@manager_page
@require_POST
def person_reset_mfa(request: HttpRequest, user_id: int) -> HttpResponse:
    return _decide(
        request,
        lambda actor: operations.reset_second_factor(user_id=user_id, actor=actor, now=clock.now()),
        "Two-step sign-in is off for this person, and every session is ended. The next sign-in "
        "asks to set it up anew.",
        user_id,
    )


@manager_page
@require_POST
def person_end_session(request: HttpRequest, user_id: int, session_id: int) -> HttpResponse:
    return _decide(
        request,
        lambda actor: operations.end_session(session_id=session_id, actor=actor, now=clock.now()),
        "This device is signed out.",
        user_id,
    )


def _decide(
    request: HttpRequest, act: Callable[[Actor], object], done: str, user_id: int = 0
) -> HttpResponse:
    """One decision: done, or the sentence why not; then back to where it was made."""
    try:
        act(actor_of(request))
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, done)
    return _back(user_id)


def _back(user_id: int) -> HttpResponse:
    if user_id and query.person(user_id, real_now=timezone.now()):
        return redirect("person", user_id)
    return redirect("people")
