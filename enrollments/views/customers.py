"""The utility's customers: find one, and bring in the list."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from base import clock
from base.refusal import Refused
from base.spreadsheet import csv_response
from enrollments import operations
from enrollments.forms import UploadForm
from enrollments.queries import customers as query
from enrollments.rules.customers import MAX_BYTES, MAX_MB, NEEDED
from people.access import actor_of, approver_act, console_page, me


@console_page
@require_safe
def console_customers(request: HttpRequest) -> HttpResponse:
    return _page(request, UploadForm())


def _page(request: HttpRequest, form: UploadForm, status: int = 200) -> HttpResponse:
    """Everybody sees how many there are; who they are, only those who may act for a home."""
    context: dict[str, Any] = {
        "number": query.number(),
        "imports": query.imports(),
        "form": form,
        "needed": NEEDED,
        "max_mb": MAX_MB,
        "zone": settings.UTILITY_TIME_ZONE,
    }
    if me(request).may_serve:
        text = request.GET.get("q", "").replace("\0", "").strip()[:100]
        after = request.GET.get("after", "").replace("\0", "")[:32]
        found, further = query.find(text=text, after=after)
        context |= {"text": text, "found": found, "further": further, "is_first_page": not after}
    return render(request, "console/customers.html", context, status=status)


@approver_act
@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    form = UploadForm(request.POST, request.FILES)
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            made = operations.upload(
                file_name=file.name,
                body=file.read(MAX_BYTES + 1),
                actor=actor_of(request),
                now=clock.now(),
            )
        except Refused as no:
            form.add_error("file", str(no))
        else:
            return redirect("customer_import", made.pk)
    return _page(request, form, status=422)


def _import(import_id: int) -> query.Import:
    found = query.one_import(import_id)
    if found is None:
        raise Http404("There is no such import.")
    return found


@console_page
@require_safe
def customer_import(request: HttpRequest, import_id: int) -> HttpResponse:
    """Where a list stands. The page asks for itself while a worker has it."""
    found = _import(import_id)
    context = {"one": found, "zone": settings.UTILITY_TIME_ZONE}
    if request.htmx:  # type: ignore[attr-defined]
        if request.GET.get("seen") == found.mark:
            return HttpResponse(status=204)
        return render(request, "console/_customer_import.html", context)
    return render(request, "console/customer_import.html", context)


@approver_act
@require_POST
def write_import(request: HttpRequest, import_id: int) -> HttpResponse:
    return _act(request, import_id, operations.confirm_import)


@approver_act
@require_POST
def drop_import(request: HttpRequest, import_id: int) -> HttpResponse:
    return _act(request, import_id, operations.drop_import)


def _act(request: HttpRequest, import_id: int, act: Callable[..., None]) -> HttpResponse:
    _import(import_id)
    try:
        act(import_id=import_id, actor=actor_of(request), now=clock.now())
    except Refused as no:
        messages.error(request, str(no))
    return redirect("customer_import", import_id)


@console_page
@require_safe
def faults_csv(request: HttpRequest, import_id: int) -> HttpResponseBase:
    """What is wrong, line by line, for whoever mends the list."""
    faults = _import(import_id).faults
    rows = ([fault["line"], fault["column"], fault["sentence"]] for fault in faults)
    return csv_response("customer-faults.csv", ("line", "column", "what_is_wrong"), rows)
