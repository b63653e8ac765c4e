"""What an address in a mail can do: say no to one event, or stop mail about events. Nothing else.

GET shows and POST acts, because mail programs and scanners open every link they find. POST needs
neither a session nor a CSRF token, by design: the token in the address is the whole authority, so
a forged request gains nothing from the browser it is sent from. What the token did
can be undone by a signed-in person only: mail at any time, a no while nothing of the event is sent.

A token that is wrong, altered, too old or for something else always gets the same page with the
same status, and no warning with its path in a log: it may be a good one with a letter too many.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

from base import clock
from base.refusal import Refused
from dr_events import operations
from dr_events.queries import notices as queries
from dr_events.queries.home_event import HomeEvent
from dr_events.states import OptOutVia
from enrollments import operations as outbox
from enrollments.models import MailLink
from enrollments.states import LinkPurpose
from people.access import address_of
from people.operations import Actor


@csrf_exempt
def say_no(request: HttpRequest, token: str) -> HttpResponse:
    """One event, every system of this home."""
    link = queries.link_of(token, LinkPurpose.SAY_NO, now=clock.now())
    lines = _lines(link)
    if link is not None and request.method == "POST":
        try:
            for line in lines:
                _opt_out(request, link, line)
        except Refused:  # it ended this very moment
            link = None
        lines = _lines(link)
    if not lines:
        return _gone(request)
    context = {
        "event": lines[0],
        "lines": lines,
        "zone": lines[0].zone,
        "may_opt_out": any(line.may_opt_out for line in lines),
        "said_no": all(line.said_no for line in lines),
    }
    return _discreet(render(request, "home/say_no.html", context))


def _lines(link: MailLink | None) -> list[HomeEvent]:
    return queries.lines_of(link.user, link.subject, now=clock.now()) if link else []


def _opt_out(request: HttpRequest, link: MailLink, line: HomeEvent) -> None:
    if line.may_opt_out:
        operations.opt_out(
            dispatch_id=line.dispatch_id,
            via=OptOutVia.MAIL,
            actor=Actor.person(link.user, address_of(request)),
            now=clock.now(),
        )


@csrf_exempt
def stop_mail(request: HttpRequest, token: str) -> HttpResponse:
    """RFC 8058: a mail program may POST here by itself when its user presses Unsubscribe."""
    link = queries.link_of(token, LinkPurpose.STOP_MAIL, now=clock.now())
    if link is None:
        return _gone(request)
    if request.method == "POST":
        actor = Actor.person(link.user, address_of(request))
        outbox.stop_event_mail(user=link.user, actor=actor, now=clock.now())
    context = {"is_stopped": queries.wants_no_event_mail(link.user)}
    return _discreet(render(request, "home/stop_mail.html", context))


def _gone(request: HttpRequest) -> HttpResponse:
    return _discreet(render(request, "home/link_gone.html"))


def _discreet(response: HttpResponse) -> HttpResponse:
    """The address is a key: kept by no cache, found by no search, passed on to no other site."""
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    return response
