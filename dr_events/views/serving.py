"""What the utility does for one home whose owner asks for it: pause, resume, leave."""

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from base import clock
from base.refusal import Refused
from dr_events import dispatch
from dr_events.queries import one_system as query
from dr_events.queries.one_system import Membership
from enrollments import operations as enrolling
from enrollments.forms import ServicePauseForm
from people.access import actor_of, service_act

NOT_IN = "This system is in no program any more; nothing was changed."


def _membership(system_id: int) -> Membership | None:
    """The place of this system in a program; None when it has none now."""
    page = query.system_page(system_id, now=clock.now())
    if page is None:
        raise Http404("There is no system with this number.")
    return page.membership


def _why(request: HttpRequest) -> str:
    return request.POST.get("why", "").replace("\0", "").strip()[:300]


@service_act
@require_POST
def system_pause(request: HttpRequest, system_id: int) -> HttpResponse:
    mine = _membership(system_id)
    if mine is None:
        return _answered(request, system_id, NOT_IN)
    now = clock.now()
    form = ServicePauseForm(request.POST, zone=mine.zone, now=now)
    if not form.is_valid():
        return _answered(request, system_id, str(next(iter(form.errors.values()))[0]))
    try:
        why = form.cleaned_data["why"]
        since, until = form.moments()
        acts = enrolling.pause(
            enrollment_id=mine.id,
            actor=actor_of(request),
            now=now,
            since=since,
            until=until,
            why=why,
        )
    except Refused as no:
        return _answered(request, system_id, str(no))
    return _answered(request, system_id, "" if acts else "It is paused so already.", "Paused.")


@service_act
@require_POST
def system_resume(request: HttpRequest, system_id: int) -> HttpResponse:
    mine = _membership(system_id)
    if mine is None:
        return _answered(request, system_id, NOT_IN)
    try:
        resumed = enrolling.resume(
            enrollment_id=mine.id, actor=actor_of(request), now=clock.now(), why=_why(request)
        )
    except Refused as no:
        return _answered(request, system_id, str(no))
    problem = "" if resumed else "It was not paused."
    return _answered(request, system_id, problem, "It takes part again.")


@service_act
@require_POST
def system_withdraw(request: HttpRequest, system_id: int) -> HttpResponse:
    """The home leaves; with its last system the tokens are destroyed, as when it leaves itself."""
    mine = _membership(system_id)
    if mine is None:
        return _answered(request, system_id, NOT_IN)
    try:
        left = dispatch.leave(
            enrollment_id=mine.id, actor=actor_of(request), now=clock.now(), why=_why(request)
        )
    except Refused as no:
        return _answered(request, system_id, str(no))
    done = f"It has left {mine.program}. The homeowner gets a receipt by mail."
    return _answered(request, system_id, "" if left else NOT_IN, done)


@service_act
@require_POST
def system_replaced(request: HttpRequest, system_id: int) -> HttpResponse:
    """The homeowner says whether the new wall control took this one's place."""
    mine = _membership(system_id)
    if mine is None:
        return _answered(request, system_id, NOT_IN)
    act: Callable[..., object] = enrolling.deny_replacement
    done = "It stays enrolled as it was."
    if request.POST.get("answer") == "yes":
        act, done = enrolling.confirm_replacement, f"{mine.program} goes on with the new one."
    try:
        acts = act(
            enrollment_id=mine.id, actor=actor_of(request), now=clock.now(), why=_why(request)
        )
    except Refused as no:
        return _answered(request, system_id, str(no))
    problem = "" if acts else "Nothing is asked about this system any more."
    return _answered(request, system_id, problem, done)


def _answered(request: HttpRequest, system_id: int, problem: str, done: str = "") -> HttpResponse:
    if problem:
        messages.error(request, problem)
    else:
        messages.success(request, done)
    return redirect("console_system", system_id)
