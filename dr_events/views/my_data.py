"""What is held about a homeowner: to take along, and to have it deleted."""

from allauth.account.decorators import reauthentication_required
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from base import clock
from base.refusal import Refused
from dr_events import dispatch
from dr_events.queries import home as queries
from dr_events.queries.my_data import everything
from people.access import actor_of, homeowner_page, me
from people.operations import record


@homeowner_page
@require_safe
def my_data(request: HttpRequest) -> HttpResponse:
    return render(request, "home/data.html")


@homeowner_page
@require_POST
def download(request: HttpRequest) -> HttpResponse:
    now = clock.now()
    data = everything(me(request), now=now)
    record(actor=actor_of(request), verb="export-data", subject=f"user:{me(request).pk}", now=now)
    response = JsonResponse(data, json_dumps_params={"indent": 1, "ensure_ascii": False})
    response["Content-Disposition"] = f'attachment; filename="my-data-{now:%Y-%m-%d}.json"'
    response["Cache-Control"] = "no-store"
    return response


@homeowner_page
@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required
def delete(request: HttpRequest) -> HttpResponse:
    """Asks once, of somebody who gave their password just now; it cannot be undone."""
    user, now, problem = me(request), clock.now(), ""
    if request.method == "POST":
        if request.POST.get("confirm") != "DELETE":
            problem = "Write DELETE in capital letters, or go back."
        else:
            try:
                dispatch.erase(user=user, actor=actor_of(request), now=now)
            except Refused as no:
                problem = str(no)
            else:
                logout(request)
                return render(request, "home/data_deleted.html")
    context = {"problem": problem, "at_carrier": queries.at_carrier(user, now=now)}
    return render(request, "home/data_delete.html", context, status=422 if problem else 200)
