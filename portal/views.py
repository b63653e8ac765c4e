"""The front door itself: home by role, and is the house in order."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from enrollments.views.joining import landing
from people.models import User


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The console for the utility's people, their own page for homeowners, else the programs."""
    user = request.user
    if not isinstance(user, User):
        return landing(request)
    return redirect("console" if user.is_operator else "my_home")


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers."""
    return JsonResponse({"ok": True})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """This process can do its work: the database answers. The broker is not asked: pages and
    dispatch go on without it."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"ok": False, "database": "unreachable"}, status=503)
    return JsonResponse({"ok": True})
