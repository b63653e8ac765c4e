"""The homeowner's own pages: what is planned for my home, and how to say no."""

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from base import clock
from base.refusal import Refused
from base.templatetags.offpeak import when
from dr_events import dispatch, operations
from dr_events.queries import home as queries
from dr_events.queries.home import Mine
from dr_events.queries.home_event import HomeEvent
from dr_events.queries.work import can_recall
from dr_events.states import OptOutVia
from enrollments import operations as enrolling
from enrollments.forms import PauseForm
from people.access import actor_of, homeowner_page, me

AT_CARRIER = " One event is already at Carrier; press Override on the wall control to stop it."


def _event(request: HttpRequest, dispatch_id: int) -> HomeEvent:
    """Somebody else's event answers exactly as one that does not exist."""
    found = queries.my_event(me(request), dispatch_id, now=clock.now())
    if found is None:
        raise Http404
    return found


def _enrollment(request: HttpRequest, enrollment_id: int) -> Mine:
    found = queries.my_enrollment(me(request), enrollment_id, now=clock.now())
    if found is None:
        raise Http404
    return found


@homeowner_page
@require_safe
def my_home(request: HttpRequest) -> HttpResponse:
    page = queries.home_page(me(request), now=clock.now())
    zones = [home.zone for home in page.enrolled] + [event.zone for event in page.past]
    return render(request, "home/home.html", {"page": page, "zone": zones[0] if zones else ""})


@homeowner_page
@require_http_methods(["GET", "HEAD", "POST"])
def opt_out(request: HttpRequest, dispatch_id: int) -> HttpResponse:
    """GET shows what saying no does now, POST says it: a mail scanner that opens links says
    nothing."""
    event = _event(request, dispatch_id)
    if request.method != "POST":
        return render(request, "home/opt_out.html", {"event": event, "zone": event.zone})
    try:
        in_time = operations.opt_out(
            dispatch_id=dispatch_id,
            via=OptOutVia.HOME_PAGE,
            actor=actor_of(request),
            now=clock.now(),
        )
    except Refused as no:
        event = _event(request, dispatch_id)
        context = {"event": event, "zone": event.zone, "problem": str(no)}
        return render(request, "home/opt_out.html", context, status=409)
    if in_time:
        messages.success(request, f"You said no to {event.name}. Nothing is sent to your home.")
    elif can_recall():
        messages.warning(
            request,
            f"We noted your no to {event.name} and ask Carrier to take it back; this page tells "
            "when it has. To be sure, press Override on your wall control.",
        )
    else:
        messages.warning(
            request,
            f"We noted your no to {event.name}, but Carrier already has it. To stop it, press "
            "Override on your wall control.",
        )
    return redirect("my_home")


@homeowner_page
@require_http_methods(["GET", "HEAD", "POST"])
def opt_in(request: HttpRequest, dispatch_id: int) -> HttpResponse:
    """Take a no back while nothing is sent: GET asks, POST does."""
    event, problem = _event(request, dispatch_id), ""
    if request.method == "POST":
        try:
            operations.opt_back_in(
                dispatch_id=dispatch_id, actor=actor_of(request), now=clock.now()
            )
        except Refused as no:
            event, problem = _event(request, dispatch_id), str(no)
        else:
            messages.success(request, f"{event.system} takes part in {event.name} again.")
            return redirect("my_home")
    context = {"event": event, "zone": event.zone, "problem": problem}
    return render(request, "home/opt_in.html", context, status=409 if problem else 200)


@homeowner_page
@require_http_methods(["GET", "HEAD", "POST"])
def pause_system(request: HttpRequest, enrollment_id: int) -> HttpResponse:
    """From a day until a day, or until it is resumed."""
    mine = _enrollment(request, enrollment_id)
    posted = request.POST if request.method == "POST" else None
    form = PauseForm(posted, zone=mine.zone, now=clock.now())
    if posted is not None and form.is_valid():
        since, until = form.moments()
        try:
            enrolling.pause(
                enrollment_id=enrollment_id,
                actor=actor_of(request),
                now=clock.now(),
                since=since,
                until=until,
            )
        except Refused as no:
            form.refuse(no)
        else:
            _say_paused(request, _enrollment(request, enrollment_id))
            return redirect("my_home")
    context = {"mine": mine, "form": form, "zone": mine.zone}
    return render(request, "home/pause.html", context, status=422 if form.errors else 200)


def _say_paused(request: HttpRequest, mine: Mine) -> None:
    if mine.pause is None:  # it left the program meanwhile
        return
    begins = "is paused" if mine.pause.holds(clock.now()) else "will be paused"
    since = "" if mine.pause.holds(clock.now()) else f" from {when(mine.pause.since, mine.zone)}"
    last = mine.pause.last_minute
    until = f"until {when(last, mine.zone)}" if last else "until you resume it"
    text = f"{mine.system} {begins}{since}. It gets no events {until}."
    if mine.at_carrier:
        text += AT_CARRIER
    messages.success(request, text)


@homeowner_page
@require_POST
def resume_system(request: HttpRequest, enrollment_id: int) -> HttpResponse:
    mine = _enrollment(request, enrollment_id)
    try:
        if enrolling.resume(enrollment_id=enrollment_id, actor=actor_of(request), now=clock.now()):
            messages.success(request, f"{mine.system} takes part again.")
    except Refused as no:
        messages.error(request, str(no))
    return redirect("my_home")


@homeowner_page
@require_http_methods(["GET", "HEAD", "POST"])
def withdraw_system(request: HttpRequest, enrollment_id: int) -> HttpResponse:
    """Asks once, then it counts at once; with the last system the tokens are destroyed."""
    mine = _enrollment(request, enrollment_id)
    if request.method != "POST":
        return render(request, "home/withdraw.html", {"mine": mine})
    try:
        left = dispatch.leave(enrollment_id=enrollment_id, actor=actor_of(request), now=clock.now())
    except Refused as no:
        messages.error(request, str(no))
        return redirect("withdraw_system", enrollment_id=enrollment_id)
    if left is not None:
        text = f"{mine.system} has left {mine.program}. It gets no more events."
        if left.forgotten is not None:
            text += " Our permission at Carrier is destroyed."
        if mine.at_carrier:
            text += AT_CARRIER
        messages.success(request, text)
    return redirect("my_home")


@homeowner_page
@require_POST
def replaced(request: HttpRequest, enrollment_id: int) -> HttpResponse:
    """Did a new wall control take this one's place? ``answer``: yes or no."""
    mine = _enrollment(request, enrollment_id)
    act: Callable[..., object] = enrolling.deny_replacement
    done = f"{mine.system} stays enrolled as it was."
    if request.POST.get("answer") == "yes":
        act = enrolling.confirm_replacement
        done = f"{mine.program} goes on with your new wall control."
    try:
        if act(enrollment_id=enrollment_id, actor=actor_of(request), now=clock.now()):
            messages.success(request, done)
    except Refused as no:
        messages.error(request, str(no))
    return redirect("my_home")
