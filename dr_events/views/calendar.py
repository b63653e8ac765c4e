"""A home's events in the calendar of a phone.

The feed's address is a key like those in mails: it shows when events are, and does nothing.
"""

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from base import clock
from base.ical import Entry, calendar
from dr_events.queries import calendar as queries
from dr_events.queries import home
from enrollments import operations
from people.access import actor_of, homeowner_page, me


@homeowner_page
@require_http_methods(["GET", "HEAD", "POST"])
def my_calendar(request: HttpRequest) -> HttpResponse:
    """``act``: on (a new address, shown this once; an earlier one ends) or off."""
    user, actor, now, address = me(request), actor_of(request), clock.now(), ""
    if request.POST.get("act") == "off":
        if operations.close_calendar(user=user, actor=actor, now=now):
            messages.success(request, "The address is switched off.")
        return redirect("my_calendar")
    if request.method == "POST":
        token = operations.open_calendar(user=user, actor=actor, now=now)
        address = settings.BASE_URL + reverse("calendar_feed", args=[f"{token}.ics"])
    context = {
        "feed": queries.feed_of(user),
        "address": address,
        "webcal": address.replace("https://", "webcal://").replace("http://", "webcal://"),
    }
    response = render(request, "home/calendar.html", context)
    response["Cache-Control"] = "no-store"
    return response


@homeowner_page
@require_safe
def one_event(request: HttpRequest, dispatch_id: int) -> HttpResponse:
    """One event as a file; what is not mine answers like what is not there."""
    now = clock.now()
    event = home.my_event(me(request), dispatch_id, now=now)
    uid = queries.uid_of(event.event_id) if event else ""
    found = [entry for entry in queries.entries(me(request), now=now) if entry.uid == uid]
    if not found:
        raise Http404
    return _file(found)


@require_safe
def feed(request: HttpRequest, token: str) -> HttpResponse:
    owner = queries.owner_of(token.removesuffix(".ics"))
    if owner is None:
        response = render(request, "404.html", status=404)
        # A token that is one letter off is nearly a key: it belongs in no log.
        response._has_been_logged = True  # type: ignore[attr-defined]
    else:
        response = _file(queries.entries(owner, now=clock.now()))
    response["Cache-Control"] = "private, max-age=300"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _file(entries: list[Entry]) -> HttpResponse:
    body = calendar(f"{settings.UTILITY_NAME} energy events", entries)
    response = HttpResponse(body, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'inline; filename="energy-events.ics"'
    return response
