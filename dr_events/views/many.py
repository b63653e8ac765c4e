"""One act for several systems that were ticked in the list."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from base import clock
from base.refusal import Refused
from base.typed import number
from dr_events import dispatch
from dr_events.queries import groups, systems
from dr_events.views.systems import wanted_of
from enrollments import operations as enrolling
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
    """``system`` (ids), ``act`` (pause, resume, withdraw, group), ``why``, ``into`` (a group)."""
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
