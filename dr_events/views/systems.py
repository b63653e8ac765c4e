"""The list of systems, the page of one, and what is asked of Carrier about it."""

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from base import clock
from base.refusal import Refused
from base.spreadsheet import csv_response
from base.typed import number
from dr_events.queries import charts, groups, programs
from dr_events.queries import one_system as page_query
from dr_events.queries import systems as query
from enrollments.asking import window
from enrollments.asking.documents import BY_KEY, DOCUMENTS, Document
from enrollments.forms import ServicePauseForm
from enrollments.operations.looking import WAYS
from people.access import actor_of, console_page, me, service_act
from people.operations import record


@console_page
def console_systems(request: HttpRequest) -> HttpResponse:
    wanted, after = wanted_of(request), number(request.GET.get("after", ""))
    found, further = query.find(wanted, now=clock.now(), after=after)
    outdoor_units, firmwares = query.described()
    context = {
        "systems": found,
        "further": further,
        "wanted": wanted,
        "states": query.states_for(wanted),
        "programs": programs.every(),
        "groups": groups.every(),
        "outdoor_units": outdoor_units,
        "firmwares": firmwares,
        "unseen": query.UNSEEN_DAYS,
        "is_first_page": not after,
    }
    return render(request, "console/systems.html", context)


def wanted_of(request: HttpRequest) -> query.Wanted:
    return query.Wanted.of(request.GET, by_owner=me(request).may_serve)


@service_act
def systems_csv(request: HttpRequest) -> StreamingHttpResponse:
    """What the list is filtered to. It leaves the house, so the activity log knows of it."""
    wanted = wanted_of(request)
    record(
        actor=actor_of(request),
        verb="export-systems",
        subject="systems",
        now=clock.now(),
        filter=wanted.query,
    )
    return csv_response("systems.csv", query.HEADER, query.every(wanted, now=clock.now()))


@console_page
def console_system(request: HttpRequest, system_id: int) -> HttpResponse:
    """``before``, an event, goes back to earlier ones."""
    return _whole(request, _page(system_id, number(request.GET.get("before", ""))))


def _page(system_id: int, before: int = 0) -> page_query.SystemPage:
    page = page_query.system_page(system_id, now=clock.now(), before=before)
    if page is None:
        raise Http404("There is no system with this number.")
    return page


def _document(key: str) -> Document:
    if key not in BY_KEY:
        raise Http404("Carrier has no such document.")
    return BY_KEY[key]


@service_act
@require_POST
def system_ask(request: HttpRequest, system_id: int, key: str) -> HttpResponse:
    """Fetch one document from Carrier now: the fragment below its button."""
    page, document = _page(system_id), _document(key)
    answer = window.ask(
        system=page.system, document=document, actor=actor_of(request), now=clock.now()
    )
    return _answered(request, page, {"answer": answer})


@service_act
@require_POST
def system_fresh(request: HttpRequest, system_id: int, key: str) -> HttpResponse:
    """Have the unit send a new reading."""
    page, document = _page(system_id), _document(key)
    try:
        said = window.ask_for_fresh(
            system=page.system, document=document, actor=actor_of(request), now=clock.now()
        )
        return _answered(request, page, {"said": said, "document": document})
    except Refused as refused:
        return _answered(request, page, {"trouble": str(refused), "document": document})


@service_act
@require_POST
def system_switch_on(request: HttpRequest, system_id: int) -> HttpResponse:
    """Demand response on at the wall control, as the homeowner wishes."""
    page = _page(system_id)
    try:
        said = window.switch_on(
            system=page.system,
            sentence=request.POST.get("sentence", "").replace("\0", "").strip()[:500],
            told_by=request.POST.get("told_by", ""),
            actor=actor_of(request),
            now=clock.now(),
        )
        messages.success(request, said)
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect("console_system", system_id)


def _answered(
    request: HttpRequest, page: page_query.SystemPage, answer: dict[str, Any]
) -> HttpResponse:
    """The fragment alone, or the whole page with it for a browser without scripts."""
    answer |= {"zone": page.zone, "unit": page.system.unit, "system_id": page.system.pk}
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "console/system_answer.html", answer)
    return _whole(request, page, answer)


def _whole(
    request: HttpRequest, page: page_query.SystemPage, answer: dict[str, Any] | None = None
) -> HttpResponse:
    read = page.read_during
    documents = [(one, window.why_not(page.system, one.scope)) for one in DOCUMENTS]
    context = {
        "page": page,
        "drawn": read and charts.of_home(page.readings, read, ZoneInfo(page.zone)),
        "documents": documents,
        "refusals": list(dict.fromkeys(refusal for _, refusal in documents if refusal)),
        "why_not_switch": window.why_not(page.system, window.WRITE_SCOPE),
        "ways": WAYS.items(),
        "pause_form": ServicePauseForm(zone=page.zone, now=clock.now(), auto_id="pause-%s"),
    }
    return render(request, "console/system.html", context | (answer or {}))
