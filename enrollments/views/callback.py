"""The answer from Carrier: the homeowner comes back with a code, or without one."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from base import clock
from base.refusal import Refused
from enrollments import operations, vendor_session
from enrollments.models import Program
from people.access import actor_of
from people.models import User

# How the answer turned out, by the code of the refusal, as an HTTP status.
CALLBACK_STATUS = {
    "linked-elsewhere": 409,
    "code-refused": 409,
    "scopes-missing": 200,
    "closed": 409,
    "not-needed": 409,
    "busy": 503,
}


@require_GET
def connect_callback(request: HttpRequest) -> HttpResponse:
    """Carrier sends the homeowner back here. The address holds a code: it is never cached and
    never passed on to another site."""
    response = _callback(request)
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-store"
    return response


def _callback(request: HttpRequest) -> HttpResponse:
    user = request.user
    if not isinstance(user, User):
        return _no_connection(request, None, "state", status=400)
    attempt = operations.take_link_attempt(
        user=user,
        state=request.GET.get("state", ""),
        session=request.session.session_key or "",
        real_now=timezone.now(),
    )
    if attempt is None:
        return _no_connection(request, None, "state", status=400)
    error = request.GET.get("error")
    if error == "access_denied":
        return _no_connection(request, attempt.program, "denied", status=200)
    code = request.GET.get("code", "")
    if error is not None or not code:
        # What Carrier wrote beside it is for developers, and anybody could have written it.
        return _no_connection(request, attempt.program, "trouble", status=502)
    try:
        vendor_session.connect(
            user=user,
            program=attempt.program,
            code=code,
            verifier=attempt.verifier,
            actor=actor_of(request),
            now=clock.now(),
        )
    except operations.LinkedElsewhere as no:
        return _refused(request, attempt.program, "linked-elsewhere", str(no))
    except Refused as no:
        return _refused(request, attempt.program, no.code, str(no))
    return redirect("join", slug=attempt.program.slug)


def _refused(request: HttpRequest, to: Program, code: str, sentence: str) -> HttpResponse:
    status = CALLBACK_STATUS.get(code, 502)
    return _no_connection(request, to, code, status=status, sentence=sentence)


def _no_connection(
    request: HttpRequest, to: Program | None, what: str, *, status: int, sentence: str = ""
) -> HttpResponse:
    if to is not None:
        operations.not_linked(program=to, why=what, actor=actor_of(request), now=clock.now())
    context = {"what": what, "program": to, "sentence": sentence}
    return render(request, "enrollments/not_connected.html", context, status=status)
