"""Programs: what each promises its homes."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from dr_events.queries import programs as query
from people.access import console_page


@console_page
def console_programs(request: HttpRequest) -> HttpResponse:
    return render(request, "console/programs.html", {"programs": query.rows()})


@console_page
def console_program(request: HttpRequest, slug: str) -> HttpResponse:
    page = query.page(slug)
    if page is None:
        raise Http404("There is no program with this address.")
    return render(request, "console/program.html", {"page": page})
