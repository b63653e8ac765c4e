"""Results by part of the homes: a fragment of the results page, and a page without scripts."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from base import clock
from dr_events.queries import pages
from dr_events.queries.pages import Phase
from dr_events.queries.parts import By, breakdown
from people.access import console_page

_CLOSED = (Phase.COMPLETED, Phase.CANCELLED)


@console_page
def event_breakdown(request: HttpRequest, event_id: int) -> HttpResponse:
    """``by`` is one of By; anything else is the first of them."""
    page = pages.event_page(event_id, now=clock.now())
    if page is None:
        raise Http404("There is no event with this number.")
    asked = request.GET.get("by", "")
    by = By(asked) if asked in By.values else By.POSTAL
    final = page.phase in _CLOSED and not page.tally.open
    context = {
        "event": page.event,
        "by": by,
        "ways": By.choices,
        "parts": breakdown(page.event, by, is_final=final),
    }
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "events/_breakdown.html", context)
    return render(request, "events/parts.html", context)
