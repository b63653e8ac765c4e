"""Proof of consent, for the utility: a page to print, and the same as a file."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from base import clock
from enrollments.queries.proof import Proof, proof
from enrollments.rules import SCOPE_SENTENCES
from people.access import actor_of, me, service_act
from people.operations import record


@service_act
@require_safe
def proof_page(request: HttpRequest, system_id: int) -> HttpResponse:
    """To be read, printed, or saved as PDF."""
    now = clock.now()
    found = _taken(request, system_id, "page", now)
    context = {
        "system_id": system_id,
        "proof": found,
        "made_at": now,
        "zone": found.zone or settings.UTILITY_TIME_ZONE,
        "scopes": SCOPE_SENTENCES,
    }
    return _private(render(request, "console/proof.html", context))


@service_act
@require_safe
def proof_file(request: HttpRequest, system_id: int) -> HttpResponse:
    """The same for a program; moments are UTC."""
    now = clock.now()
    data: dict[str, Any] = {
        "made_at": now,
        "made_by": settings.UTILITY_NAME,
        "made_for": me(request).email,
        "scopes": SCOPE_SENTENCES,
        "system": asdict(_taken(request, system_id, "file", now)),
    }
    response = JsonResponse(data, json_dumps_params={"indent": 1, "ensure_ascii": False})
    name = f"consent-system-{system_id}-{now:%Y-%m-%d}.json"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return _private(response)


def _taken(request: HttpRequest, system_id: int, form: str, now: datetime) -> Proof:
    """It leaves the house, so the activity log knows who took whose."""
    found = proof(system_id)
    if found is None:
        raise Http404("There is no system with this number.")
    record(
        actor=actor_of(request),
        verb="export-consent",
        subject=f"system:{system_id}",
        now=now,
        form=form,
        people=[person.account for person in found.people],
    )
    return found


def _private(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response
