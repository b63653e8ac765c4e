"""The list of systems and the page of one."""

from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from dr_events.queries import charts
from dr_events.queries import systems as query
from people.access import console_page


@console_page
def console_systems(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "").replace("\0", "").strip()[:100]
    state = request.GET.get("state", "")
    after = request.GET.get("after", "")
    found, further = query.find(
        text=text, state=state, after=int(after) if after.isdecimal() and len(after) < 18 else 0
    )
    context = {
        "systems": found,
        "further": further,
        "text": text,
        "state": state,
        "filters": query.FILTERS,
        "is_first_page": not after,
    }
    return render(request, "console/systems.html", context)


@console_page
def console_system(request: HttpRequest, system_id: int) -> HttpResponse:
    page = query.system_page(system_id)
    if page is None:
        raise Http404("There is no system with this number.")
    chart = None
    if page.read_during:
        points = [(reading.at, None, reading.indoor_f, None) for reading in page.readings]
        chart = charts.line_chart(points, page.read_during, ZoneInfo(page.zone), height=200)
    return render(request, "console/system.html", {"page": page, "chart": chart})
