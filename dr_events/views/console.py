"""Today, and the emergency stop."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from base import clock
from base.refusal import Refused
from dr_events import operations
from dr_events.queries import today as query
from dr_events.queries.holds import Held
from people.access import actor_of, console_page, operator_act

WORD = "STOP"
_RELEASES = {
    str(Held.STOPPED): operations.release_stop,
    str(Held.BROKEN): operations.close_circuit,
    str(Held.RESTORED): operations.release_restored,
}


@console_page
def console(request: HttpRequest) -> HttpResponse:
    now = clock.now()
    operations.keep_tally(now=now)
    today = query.today(now=now, real_now=timezone.now())
    context = {
        "today": today,
        # The way here from every other page of the console: the form stands open.
        "wants_stop": "stop" in request.GET,
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
    """Hold everything back. The word must be typed: a slip of the hand stops no season."""
    if request.POST.get("confirm", "").strip() != WORD:
        messages.error(request, f"Nothing was stopped: type {WORD} in capitals to confirm.")
        return redirect("console")
    why = request.POST.get("why", "").strip()
    if not why:
        messages.error(request, "Nothing was stopped: say why, others will ask.")
        return redirect("console")
    operations.emergency_stop(why=why, actor=actor_of(request), now=clock.now())
    messages.warning(request, "Stopped. Nothing more is sent until a second person releases it.")
    if request.POST.get("cancel_events"):
        count = operations.cancel_under_way(actor=actor_of(request), now=clock.now())
        messages.warning(request, f"Events cancelled: {count}.")
    return redirect("console")


@operator_act
@require_POST
def console_release(request: HttpRequest) -> HttpResponse:
    """Let go of what holds sending back; ``what`` names it (queries.holds.Held)."""
    release = _RELEASES.get(request.POST.get("what", ""))
    if release is None:
        return HttpResponseBadRequest("Nothing is held back by that name.")
    try:
        release(actor=actor_of(request), now=clock.now())
        messages.success(request, "Released. Sending goes on where it was due.")
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect("console")
