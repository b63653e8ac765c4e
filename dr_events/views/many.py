"""One act for several systems: those that were ticked in the list, or all that match its filter."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from base import clock
from base.refusal import Refused
from base.typed import number
from dr_events import dispatch
from dr_events.queries import groups, systems
from dr_events.queries.names import names
from dr_events.views.systems import wanted_of
from enrollments import operations as enrolling
from enrollments.queries import bulk
from enrollments.states import BulkVerb
from people.access import actor_of, me, service_act
from people.operations import Actor

# As many as a page of the list shows.
AT_MOST = 50
# Leaving asks Carrier to forget a permission too. Somebody waits for the page: after so many real
# seconds the rest leaves without asking. Their tokens are destroyed here all the same.
ASK_CARRIER_FOR_S = 10.0
Act = Callable[[int, Actor, datetime, str], object]


def _pause(enrollment_id: int, actor: Actor, now: datetime, why: str) -> object:
    return enrolling.pause(enrollment_id=enrollment_id, actor=actor, now=now, why=why)


def _resume(enrollment_id: int, actor: Actor, now: datetime, why: str) -> object:
    return enrolling.resume(enrollment_id=enrollment_id, actor=actor, now=now, why=why)


def _leave(until: float) -> Act:
    def leave(enrollment_id: int, actor: Actor, now: datetime, why: str) -> object:
        asks = time.monotonic() < until
        act = dispatch.leave if asks else enrolling.withdraw
        return act(enrollment_id=enrollment_id, actor=actor, now=now, why=why)

    return leave


@service_act
@require_POST
def systems_many(request: HttpRequest) -> HttpResponse:
    """``system`` (ids) or ``all`` (the filter of the address), ``act`` (pause, resume, withdraw,
    group), ``why``, ``into`` (a group)."""
    if request.POST.get("all"):
        return _prepare(request)
    ids = [found for text in request.POST.getlist("system")[:AT_MOST] if (found := number(text))]
    act, why = request.POST.get("act", ""), request.POST.get("why", "").replace("\0", "").strip()
    if not ids:
        messages.error(request, "Nothing was done: tick at least one system.")
    elif act == "group":
        _into_group(request, ids)
    elif not why:
        messages.error(request, "Nothing was done: say why, it is kept in the activity log.")
    else:
        acts: dict[str, tuple[Act, str]] = {
            "pause": (_pause, "paused"),
            "resume": (_resume, "taking part again"),
            "withdraw": (_leave(time.monotonic() + ASK_CARRIER_FOR_S), "out of their program"),
        }
        if act in acts:
            _each(request, ids, *acts[act], why[:300])
    return redirect(f"{reverse('console_systems')}?{wanted_of(request).query}")


def _each(request: HttpRequest, ids: list[int], act: Act, word: str, why: str) -> None:
    actor, now, said = actor_of(request), clock.now(), Counter[str]()
    enrolled = systems.live_enrollments(ids)
    for enrollment_id in enrolled:
        try:
            said["done" if act(enrollment_id, actor, now, why) else "It was so already."] += 1
        except Refused as refused:
            said[str(refused)] += 1
    if done := said.pop("done", 0):
        messages.success(request, f"Systems {word}: {done}.")
    if missing := len(ids) - len(enrolled):
        said["They are in no program."] = missing
    for sentence, count in said.items():
        messages.warning(request, f"Not changed: {count}. {sentence}")


def _into_group(request: HttpRequest, ids: list[int]) -> None:
    """From today on, by hand."""
    group = groups.named(number(request.POST.get("into", "")))
    if group is None or not me(request).may_operate:
        messages.error(request, "Nothing was done: choose a group.")
        return
    now = clock.now()
    try:
        count = enrolling.add_members(
            group=group,
            serials=systems.serials(ids),
            since=groups.today_in(group.program, now),
            until=None,
            actor=actor_of(request),
            now=now,
        )
        messages.success(request, f"Systems in {group.name} by hand: {count} more or renewed.")
    except Refused as refused:
        messages.error(request, str(refused))


# --- all that match -------------------------------------------------------------------------------
def _prepare(request: HttpRequest) -> HttpResponse:
    """Fix what would be done and for whom, and show it."""
    wanted, now = systems.Wanted.of(request.GET), clock.now()
    act = request.POST.get("act", "").upper()
    group = groups.named(number(request.POST.get("into", "")))
    try:
        made = enrolling.prepare_bulk(
            act=act,
            why=request.POST.get("why", "").replace("\0", "").strip()[:300],
            group=group if act == BulkVerb.GROUP else None,
            wanted=wanted.query,
            systems=systems.all_ids(wanted, now=now),
            actor=actor_of(request),
            now=now,
        )
    except Refused as refused:
        messages.error(request, f"Nothing was done. {refused}")
        return redirect(f"{reverse('console_systems')}?{wanted.query}")
    return redirect("bulk_act", made.pk)


def _bulk(bulk_id: int) -> bulk.Bulk:
    found = bulk.bulk(bulk_id)
    if found is None:
        raise Http404("There is no such act.")
    return found


@service_act
@require_safe
def bulk_act(request: HttpRequest, bulk_id: int) -> HttpResponse:
    """What would be done, how far it is, or what came of it. It asks for itself while it runs."""
    one = _bulk(bulk_id)
    htmx = request.htmx  # type: ignore[attr-defined]
    if htmx and request.GET.get("seen") == one.mark:
        return HttpResponse(status=204)
    context = {
        "one": one,
        "zone": settings.UTILITY_TIME_ZONE,
        "wanted": systems.asked(one.filter),
        "by": names([one.asked_by]).get(one.asked_by, one.asked_by),
        "first": systems.named(one.first),
    }
    return render(request, "console/_bulk.html" if htmx else "console/bulk.html", context)


@service_act
@require_POST
def bulk_start(request: HttpRequest, bulk_id: int) -> HttpResponse:
    return _decide(request, bulk_id, enrolling.confirm_bulk)


@service_act
@require_POST
def bulk_stop(request: HttpRequest, bulk_id: int) -> HttpResponse:
    return _decide(request, bulk_id, enrolling.stop_bulk)


def _decide(request: HttpRequest, bulk_id: int, act: Callable[..., None]) -> HttpResponse:
    _bulk(bulk_id)
    try:
        act(bulk_id=bulk_id, actor=actor_of(request), now=clock.now())
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect("bulk_act", bulk_id)
