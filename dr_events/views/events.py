"""Events: the list, the board, what people decide about one, its results."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseStopPolling

from base import clock
from base.refusal import Refused
from base.spreadsheet import csv_response
from base.typed import number
from dr_events import dispatch, operations
from dr_events.queries import (
    candidates,
    charts,
    export,
    groups,
    holds,
    intervals,
    limits_left,
    pages,
    sample,
)
from dr_events.rules.expected import expected
from dr_events.states import EventState, OptOutVia
from people.access import actor_of, approver_act, console_page, operator_act
from people.operations import Actor, record


def _page(event_id: int, *, exact: bool = True) -> pages.EventPage:
    page = pages.event_page(event_id, now=clock.now(), exact=exact)
    if page is None:
        raise Http404("There is no event with this number.")
    return page


@console_page
def console_events(request: HttpRequest) -> HttpResponse:
    before = number(request.GET.get("before", ""))
    operations.keep_tally(now=clock.now())
    found, further = pages.events(now=clock.now(), before=before)
    context = {"pages": found, "further": further, "is_first_page": not before}
    return render(request, "events/list.html", context)


@console_page
def event(request: HttpRequest, event_id: int) -> HttpResponse:
    return _whole(request, _page(event_id))


def _whole(request: HttpRequest, page: pages.EventPage, **more: Any) -> HttpResponse:
    context = _board(request, page) | {"groups": groups.names(page.event.groups)}
    return render(request, "events/event.html", context | more)


@console_page
def event_board(request: HttpRequest, event_id: int) -> HttpResponse:
    """The part of the board that asks for itself; 286 tells htmx to stop asking."""
    page = _page(event_id)
    response = render(request, "events/_board.html", _board(request, page))
    if not page.is_live:
        response.status_code = HttpResponseStopPolling.status_code
    return response


def _board(request: HttpRequest, page: pages.EventPage) -> dict[str, Any]:
    event = page.event
    planned = event.send_at is not None
    preview = None if planned else candidates.preview(event)
    return {
        "page": page,
        "event": event,
        "zone": event.program.time_zone,
        "holds": holds.holds(real_now=timezone.now()),
        "me": actor_of(request).name,
        "preview": preview,
        "expected": expected(preview.targeted) if preview and preview.targeted else None,
        "used": preview and limits_left.left_of_program(event.program, at=event.starts_at),
        "opt_outs": pages.latest_opt_outs(event) if planned else [],
        "usual": pages.usual(event),
    }


@console_page
def event_indoors(request: HttpRequest, event_id: int) -> HttpResponse:
    """A fragment that asks for itself: how warm it is in the homes and how the equipment runs, from
    two hours before the event to four after it, and how old that is."""
    event = pages.event_alone(event_id)
    if event is None:
        raise Http404("There is no event with this number.")
    now = clock.now()
    some = sample.some_of(event.pk)
    course = intervals.course(event, some=some)
    zone = event.program.time_zone
    context = {
        "event": event,
        "zone": zone,
        "is_live": event.state == EventState.SCHEDULED or intervals.is_looked_at(event, now),
        "last": course.items[-1] if course.items else None,
        "age": charts.age(course.looked_at, event, now),
        "some": some,
        "drawn": charts.drawings(course, event, ZoneInfo(zone), heights=(220, 160)),
    }
    return render(request, "events/_indoors.html", context)


def _decide(
    request: HttpRequest, event_id: int, act: Callable[[Actor], object], done: str
) -> HttpResponse:
    """One decision about one event: done, or the sentence why not."""
    _page(event_id)
    try:
        result = act(actor_of(request))
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, done.format(result))
    return redirect("event", event_id)


def said(event_id: int) -> str:
    """What became of an event that was just saved or handed on."""
    match pages.state_of(event_id):
        case EventState.DRAFT:
            return "Saved as a draft. Nothing is sent until it is submitted."
        case EventState.SUBMITTED:
            return "Submitted. A second person must approve it."
        case _:
            return "Scheduled: the list of homes is fixed."


@operator_act
@require_POST
def event_submit(request: HttpRequest, event_id: int) -> HttpResponse:
    """``seen``, the draft's version, travels with the form."""
    seen = number(request.POST.get("seen", ""))

    def hand_on(actor: Actor) -> str:
        dispatch.submit(event_id=event_id, seen=seen, actor=actor, now=clock.now())
        return said(event_id)

    return _decide(request, event_id, hand_on, "{}")


@approver_act
@require_POST
def event_approve(request: HttpRequest, event_id: int) -> HttpResponse:
    seen = number(request.POST.get("seen", ""))
    return _decide(
        request,
        event_id,
        lambda actor: operations.approve(
            event_id=event_id, seen=seen, actor=actor, now=clock.now()
        ),
        "Approved: the event is scheduled.",
    )


@approver_act
@require_POST
def event_send_back(request: HttpRequest, event_id: int) -> HttpResponse:
    reason = request.POST.get("reason", "").replace("\0", "").strip()[:200]
    seen = number(request.POST.get("seen", ""))
    return _decide(
        request,
        event_id,
        lambda actor: operations.send_back(
            event_id=event_id, seen=seen, reason=reason, actor=actor, now=clock.now()
        ),
        "Sent back with your reason.",
    )


@operator_act
@require_POST
def event_cancel(request: HttpRequest, event_id: int) -> HttpResponse:
    """The event's name must be typed (docs/decisions/0007-typed-guards.md)."""
    _page(event_id)
    typed = request.POST.get("confirm", "")
    try:
        spared = operations.cancel(
            event_id=event_id, typed=typed, actor=actor_of(request), now=clock.now()
        )
    except Refused as refused:
        if refused.field == "confirm":
            return _whole(request, _page(event_id), typed=typed, not_cancelled=str(refused))
        messages.error(request, str(refused))
    else:
        messages.success(request, f"Cancelled. Homes that were spared: {spared}.")
    return redirect("event", event_id)


@operator_act
@require_POST
def event_resend(request: HttpRequest, event_id: int) -> HttpResponse:
    return _decide(
        request,
        event_id,
        lambda actor: operations.reopen_failed(event_id=event_id, actor=actor, now=clock.now()),
        "Sent again, to homes: {}.",
    )


@operator_act
@require_POST
def event_let_go(request: HttpRequest, event_id: int) -> HttpResponse:
    """One home called: it says no through the utility."""
    _page(event_id)
    serial = request.POST.get("serial", "").replace("\0", "").strip().upper()[:40]
    dispatch_id = pages.dispatch_of(event_id, serial)
    if dispatch_id is None:
        messages.error(request, f"No system {serial or 'without a serial'} is in this event.")
        return redirect("event", event_id)
    return _decide(
        request,
        event_id,
        lambda actor: _LET_GO[
            operations.opt_out(
                dispatch_id=dispatch_id, via=OptOutVia.OPERATOR, actor=actor, now=clock.now()
            )
        ],
        f"{serial}: {{}}",
    )


_LET_GO = {
    True: "let go. It was not sent there and never will be.",
    False: "its no is noted, but Carrier has the event: only the override at the wall control "
    "surely ends it there.",
}


@console_page
def event_results(request: HttpRequest, event_id: int) -> HttpResponse:
    operations.keep_tally(now=clock.now())
    page = _page(event_id, exact=False)
    some = sample.some_of(event_id, at_least=page.tally.targeted)
    course = intervals.course(page.event, some=some)
    context = {
        "page": page,
        "event": page.event,
        "zone": page.event.program.time_zone,
        "timing": charts.timing(page.event, page.tally, some=some),
        "course": course,
        "quality": course.quality,
        "some": some,
        "drawn": charts.drawings(course, page.event, page.zone),
    }
    return render(request, "events/results.html", context)


@console_page
def event_results_csv(request: HttpRequest, event_id: int) -> StreamingHttpResponse:
    """Serials and postal codes, no names. The activity log knows who took it along."""
    _page(event_id)
    record(
        actor=actor_of(request), verb="export-results", subject=f"event:{event_id}", now=clock.now()
    )
    return csv_response(f"event-{event_id}.csv", export.HEADER, export.rows(event_id))
