"""The activity log: who did what, when, from where."""

from collections.abc import Iterator
from datetime import UTC, datetime

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from base import clock
from base.spreadsheet import csv_response
from base.typed import number
from people.access import actor_of, service_act
from people.forms import AuditForm
from people.operations import record
from people.queries import audit as query

HEADER = (
    "position",
    "at_utc",
    "actor",
    "who",
    "act",
    "subject",
    "changes_and_facts",
    "address",
    "sha256",
)


@service_act
@require_safe
def audit(request: HttpRequest) -> HttpResponse:
    form = _form(request)
    before = number(request.GET.get("before", ""))
    lines, further = query.find(_wanted(form), before=before)
    asked = request.GET.copy()
    asked.pop("before", None)
    context = {
        "form": form,
        "lines": lines,
        "further": further,
        "is_first_page": not before,
        "is_filtered": any(asked.values()),
        "asked": asked.urlencode(),
        "head": query.head(),
        "zone": settings.UTILITY_TIME_ZONE,
    }
    return render(request, "console/audit.html", context)


@service_act
@require_safe
def audit_csv(request: HttpRequest) -> HttpResponseBase:
    """The same entries as a table; of a filter that makes no sense, none. It leaves the house, so
    the log knows of it from the next download on."""
    form, newest = _form(request), query.newest()
    record(
        actor=actor_of(request),
        verb="export-activity",
        subject="activity",
        now=clock.now(),
        filter=request.GET.urlencode(),
    )
    return csv_response("activity.csv", HEADER, _rows(_wanted(form), newest))


def _form(request: HttpRequest) -> AuditForm:
    # A NUL byte means nothing to PostgreSQL, and it says so loudly.
    asked = request.GET.copy()
    for name in asked:
        asked[name] = str(asked[name]).replace("\0", "")
    form = AuditForm(asked, verbs=query.verbs())
    form.full_clean()
    return form


def _wanted(form: AuditForm) -> query.Wanted | None:
    return form.wanted() if form.is_valid() else None


def _rows(wanted: query.Wanted | None, newest: int) -> Iterator[tuple[object, ...]]:
    for line in query.every(wanted, newest=newest):
        yield (
            line.position,
            _utc(line.at),
            line.actor,
            line.who,
            line.verb,
            line.subject,
            "; ".join(str(fact) for fact in line.facts),
            line.address,
            line.hash,
        )


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
