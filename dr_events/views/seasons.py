"""A season: events side by side, what each home earned, and the rule it is counted by."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from base import clock
from base.refusal import Refused
from base.spreadsheet import csv_response
from base.typed import number
from dr_events import operations
from dr_events.forms import CreditForm
from dr_events.queries import over_events, programs
from dr_events.queries import seasons as query
from dr_events.rules.credit import mark
from people.access import actor_of, console_page, me, service_act
from people.operations import record

_HEADER = (
    "serial",
    "system",
    "owner",
    "events_asked",
    "events_taken_part",
    "hours_asked",
    "hours_taken_part",
    "share_percent",
    "credit_usd",
)


def _season(request: HttpRequest, slug: str) -> query.SeasonPage:
    program = programs.named(slug)
    if program is None:
        raise Http404("There is no program with this address.")
    year = number(request.GET.get("year", ""))
    return query.season(program, year=year if 2000 <= year < 2200 else None, now=clock.now())


@console_page
def season(request: HttpRequest, slug: str) -> HttpResponse:
    operations.keep_tally(now=clock.now())
    page = _season(request, slug)
    form = CreditForm(credit=page.credit)
    if request.method == "POST":
        if not me(request).may_approve:
            raise PermissionDenied
        form = CreditForm(request.POST, credit=page.credit)
        if form.is_valid() and _kept(request, slug, form):
            return redirect("season", slug)
    after = number(request.GET.get("after", ""))
    events = over_events.lines(page.events)
    found, further = query.homes(page.program, page.credit, page.completed, after=after)
    context = {
        "page": page,
        "events": events,
        "drawings": over_events.drawings(events),
        "form": form,
        "homes": found,
        "further": further,
        "is_first_page": not after,
        "zone": page.program.time_zone,
        "seen": mark(page.credit),
    }
    return render(request, "console/program_season.html", context)


def _kept(request: HttpRequest, slug: str, form: CreditForm) -> bool:
    try:
        operations.set_credit(
            slug=slug,
            credit=form.credit(),
            seen=request.POST.get("seen", ""),
            actor=actor_of(request),
            now=clock.now(),
        )
    except Refused as refused:
        form.add_error(None, str(refused))
        return False
    messages.success(request, "The rule is saved; credits below are counted by it.")
    return True


@console_page
@require_safe
def season_csv(request: HttpRequest, slug: str) -> StreamingHttpResponse:
    """The events side by side; no home is in it. The activity log knows who took it along."""
    page = _season(request, slug)
    record(
        actor=actor_of(request),
        verb="export-season",
        subject=f"program:{page.program.pk}",
        now=clock.now(),
        season=page.begins.year,
    )
    rows = over_events.table(over_events.lines(page.events))
    return csv_response(f"season-{slug}-{page.begins.year}.csv", over_events.HEADER, rows)


@service_act
def credits_csv(request: HttpRequest, slug: str) -> StreamingHttpResponse:
    """It leaves the house with its homes' owners, so the activity log knows of it."""
    page = _season(request, slug)
    record(
        actor=actor_of(request),
        verb="export-credits",
        subject=f"program:{page.program.pk}",
        now=clock.now(),
        season=page.begins.year,
    )
    homes = query.every_home(page.program, page.credit, page.completed)
    return csv_response(f"credits-{slug}.csv", _HEADER, map(_cells, homes))


def _cells(home: query.HomeSeason) -> tuple[object, ...]:
    return (
        home.serial,
        home.name,
        home.owner,
        home.season.asked,
        home.season.took_part,
        f"{home.season.asked_h:.2f}",
        f"{home.season.took_part_h:.2f}",
        "" if home.share is None else f"{home.share:.1f}",
        "" if home.cents is None else f"{home.cents / 100:.2f}",
    )
