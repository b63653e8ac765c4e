"""Applications, for the utility: how many stand where, and what waits for a decision."""

from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from base import clock
from base.refusal import Refused
from base.spreadsheet import csv_response
from base.typed import number
from enrollments import vendor_session
from enrollments.forms import DecisionForm
from enrollments.queries import applications as query
from enrollments.queries import funnel
from enrollments.states import Acts, ApplicationState
from people.access import actor_of, console_page, me, service_act
from people.operations import record

DONE = {
    "approve": ("approved", "The homeowner goes on, and is told by mail."),
    "reject": ("rejected", "The homeowner reads why, on the page and by mail."),
    "ask": ("sent back", "The homeowner is asked to check the number, on the page and by mail."),
}


@console_page
@require_http_methods(["GET", "HEAD", "POST"])
def console_applications(request: HttpRequest) -> HttpResponse:
    """GET lists; POST decides about those that were ticked."""
    return _decide(request) if request.method == "POST" else _page(request)


def _page(
    request: HttpRequest, *, form: DecisionForm | None = None, status: int = 200
) -> HttpResponse:
    """Everybody sees the figures; who applied, only those who may act for a home."""
    asked: dict[str, Any] = _asked(request)
    recent = request.GET.get("since") != "all"
    since = clock.now() - funnel.RECENT if recent else None
    context: dict[str, Any] = {
        "lines": funnel.funnel(since=since),
        "turned_back": funnel.turned_back(since=since),
        "recent": recent,
        "zone": settings.UTILITY_TIME_ZONE,
        "form": form,
    }
    if me(request).may_serve:
        after = number(request.GET.get("after", ""))
        rows, further = query.find(**asked, after=after)
        context |= {
            "rows": rows,
            "to_decide": any(row.has_typed for row in rows),
            "to_reject": any(row.is_open for row in rows),
            "further": further,
            "is_first_page": not after,
            "asked": asked,
            "filter": _address(asked),
            "query": f"{_address(asked)}&since={'' if recent else 'all'}",
            "is_filtered": any(asked.values()),
            "states": [(one.value, one.label) for one in ApplicationState],
            "acts": [(one.value, one.label) for one in Acts],
            "chosen": form.ticked() if form else [],
            "picked": form.picked() if form else None,
        }
    return render(request, "console/applications.html", context, status=status)


def _asked(request: HttpRequest) -> dict[str, str]:
    """The filter. Without one, what waits for the utility."""
    given = {
        name: request.GET.get(name, "").replace("\0", "").strip()[:100]
        for name in ("state", "who", "program")
    }
    text = request.GET.get("q", "").replace("\0", "").strip()[:100]
    if "who" not in request.GET and not any(given.values()) and not text:
        given["who"] = str(Acts.UTILITY)
    return given | {"text": text}


def _address(asked: dict[str, str]) -> str:
    """The filter as the end of an address."""
    return urlencode({"q" if name == "text" else name: value for name, value in asked.items()})


@service_act
@require_safe
def applications_csv(request: HttpRequest) -> StreamingHttpResponse:
    """What the list is filtered to. It leaves the house, so the activity log knows of it."""
    asked = _asked(request)
    record(
        actor=actor_of(request),
        verb="export-applications",
        subject="applications",
        now=clock.now(),
        filter=_address({name: value for name, value in asked.items() if value}),
    )
    return csv_response("applications.csv", query.HEADER, query.every(**asked))


def _decide(request: HttpRequest) -> HttpResponse:
    """One decision about all that were ticked; then back to the same page of the list."""
    if not me(request).may_serve:
        raise PermissionDenied
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return _page(request, form=form, status=422)
    act = form.cleaned_data["act"]
    try:
        decided = vendor_session.decide(
            act=act,
            choices=form.choices(),
            reason=form.cleaned_data["reason"],
            actor=actor_of(request),
            now=clock.now(),
        )
    except Refused as no:
        form.add_error(no.field if no.field in form.fields else None, str(no))
        return _page(request, form=form, status=422)
    word, what = DONE[act]
    if decided.done:
        messages.success(request, f"{decided.done} {word}. {what}")
    for sentence in decided.refused:
        messages.warning(request, f"Not {word}: {sentence}")
    return redirect(request.get_full_path())


@console_page
@require_safe
def applications_weeks(request: HttpRequest) -> HttpResponse:
    """The funnel week by week: a fragment of the page of applications, and a page without scripts.
    ``program`` is one of them; anything else stands for all."""
    programs = funnel.programs()
    slug = request.GET.get("program", "")
    program = next((one for one in programs if one.slug == slug), None)
    zone = program.time_zone if program else settings.UTILITY_TIME_ZONE
    weeks = funnel.weeks(program=program, zone=ZoneInfo(zone), now=clock.now())
    context = {
        "weeks": weeks,
        "drawings": funnel.drawings(weeks) if any(week.line.seen for week in weeks) else [],
        "programs": programs,
        "program": program,
        "zone": zone,
    }
    htmx = request.htmx  # type: ignore[attr-defined]
    page = "console/_applications_weeks.html" if htmx else "console/applications_weeks.html"
    return render(request, page, context)
