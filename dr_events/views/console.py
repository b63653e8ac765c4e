"""Today, and the emergency stop."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from base import clock
from base.refusal import Refused
from dr_events import operations
from dr_events.forms import StopForm
from dr_events.queries import today as query
from dr_events.queries.holds import Held
from people.access import actor_of, console_page, operator_act

_RELEASES = {
    str(Held.STOPPED): operations.release_stop,
    str(Held.BROKEN): operations.close_circuit,
    str(Held.RESTORED): operations.release_restored,
}


@console_page
def console(request: HttpRequest) -> HttpResponse:
    return _today(request, StopForm())


def _today(request: HttpRequest, stop: StopForm) -> HttpResponse:
    now = clock.now()
    operations.keep_tally(now=now)
    today = query.today(now=now, real_now=timezone.now())
    context = {
        "today": today,
        "stop": stop,
        # The way here from every other page of the console: the form stands open.
        "wants_stop": "stop" in request.GET or stop.is_bound,
        "me": actor_of(request).name,
        "clock_zone": today.zone,
    }
    return render(request, "console/today.html", context)


@console_page
def console_now(request: HttpRequest) -> HttpResponse:
    """A fragment: the part of the page that asks for itself."""
    now = clock.now()
    operations.keep_tally(now=now)
    found = query.now_on(now=now, real_now=timezone.now())
    context = {"live": found, "me": actor_of(request).name, "clock_zone": found.zone}
    return render(request, "console/_now.html", context | {"programs": True})


@operator_act
@require_POST
def console_stop(request: HttpRequest) -> HttpResponse:
    """Hold everything back. What was typed stays on the page when something is missing."""
    form = StopForm(request.POST)
    if not form.is_valid():
        return _today(request, form)
    why, actor = form.cleaned_data["why"], actor_of(request)
    if operations.emergency_stop(why=why, actor=actor, now=clock.now()):
        messages.warning(
            request, "Stopped. Nothing more is sent until a second person releases it."
        )
    else:
        messages.warning(request, "It was stopped already; who stopped it, and why, stays.")
    if form.cleaned_data["cancel_events"]:
        count = operations.cancel_under_way(actor=actor, now=clock.now())
        messages.warning(request, f"Events cancelled: {count}.")
    return redirect("console")


@operator_act
@require_POST
def console_release(request: HttpRequest) -> HttpResponse:
    """Let go of what holds sending back; ``what`` names it (queries.holds.Held), ``seen`` since
    when, as the page showed it."""
    release = _RELEASES.get(request.POST.get("what", ""))
    if release is None:
        return HttpResponseBadRequest("Nothing is held back by that name.")
    try:
        release(seen=request.POST.get("seen", ""), actor=actor_of(request), now=clock.now())
        messages.success(request, "Released. Sending goes on where it was due.")
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect("console")
