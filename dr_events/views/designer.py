"""The event designer: type, see who would get it, save or submit."""

import hashlib
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from base import clock
from base.refusal import Refused
from base.typed import number
from dr_events import dispatch, operations
from dr_events.forms import EventForm, suggestion
from dr_events.models import Event
from dr_events.queries import candidates, limits_left, pages, programs, templates
from dr_events.rules.expected import Expected, expected
from dr_events.rules.limits import words
from dr_events.states import EventState
from dr_events.views.events import said
from enrollments.models import Program
from people.access import actor_of, operator_act
from people.operations import Actor

# The same form pressed twice within this time is one event.
_SAME_FORM_S = 120
_WAIT_FOR_TWIN_S = 3.0


@operator_act
def event_new(request: HttpRequest) -> HttpResponse:
    offered = programs.every()
    if request.method != "POST":
        form = EventForm(programs=offered, initial=_initial(request, offered))
        return designer_page(request, form, preview=None)
    form = EventForm(request.POST, programs=offered)
    if request.POST.get("act") == "preview":
        return designer_page(request, form, preview=_preview(form))
    if not form.is_valid():
        return designer_page(request, form, preview=None)
    return _save(request, form)


@operator_act
def event_edit(request: HttpRequest, event_id: int) -> HttpResponse:
    """Change a draft. ``seen``, its version, travels with the form."""
    page = pages.event_page(event_id, now=clock.now())
    if page is None:
        raise Http404("There is no event with this number.")
    if page.event.state != EventState.DRAFT:
        messages.error(request, "Only a draft can be changed. Copy the event to start from it.")
        return redirect("event", event_id)
    offered = programs.every()
    if request.method != "POST":
        form = EventForm(programs=offered, initial=_copy(page))
        return designer_page(request, form, preview=None, draft=page.event)
    form = EventForm(request.POST, programs=offered)
    if request.POST.get("act") == "preview":
        return designer_page(request, form, preview=_preview(form), draft=page.event)
    if not form.is_valid() or form.chosen is None:
        return designer_page(request, form, preview=None, draft=page.event)
    return _revise(request, form, form.chosen, page.event)


def _revise(request: HttpRequest, form: EventForm, program: Program, event: Event) -> HttpResponse:
    seen = request.POST.get("seen", "")
    try:
        changed = operations.revise(
            event_id=event.pk,
            seen=int(seen) if seen.isdecimal() and len(seen) < 9 else -1,
            program=program,
            wish=form.wish(),
            actor=actor_of(request),
            now=clock.now(),
        )
    except operations.Invalid as invalid:
        form.refuse(invalid.problems)
        return designer_page(request, form, preview=None, draft=event)
    except Refused as refused:
        form.refuse([refused])
        stale = refused.code == "stale"
        return designer_page(request, form, preview=None, draft=event, stale=stale)
    if request.POST.get("act") != "submit":
        messages.success(request, "The draft is changed. Nothing is sent until it is submitted.")
        return redirect("event", event.pk)
    try:
        _submit_once(event.pk, changed.version, actor_of(request))
        messages.success(request, said(event.pk))
    except Refused as refused:
        messages.error(request, f"The draft is changed, but not handed on: {refused}")
    return redirect("event", event.pk)


@operator_act
@require_POST
def event_preview(request: HttpRequest) -> HttpResponse:
    """A fragment: who would get it, or what is wrong. Errors travel to their fields (oob)."""
    form = EventForm(request.POST, programs=programs.every())
    preview = _preview(form)
    return render(request, "events/_preview.html", _context(form, preview) | {"fragment": True})


def _save(request: HttpRequest, form: EventForm) -> HttpResponse:
    program, actor = form.chosen, actor_of(request)
    if program is None:
        return designer_page(request, form, preview=None)
    kept, preview = 0, None
    try:
        kept = _draft_once(program, form.wish(), actor)
        if request.POST.get("act") == "submit":
            _submit_once(kept, 1, actor)
    except operations.Invalid as invalid:
        form.refuse(invalid.problems)
    except Refused as refused:
        preview = _preview(form) if kept else None  # checks anew, so the refusal comes after it
        form.refuse([refused])
    else:
        messages.success(request, said(kept))
        return redirect("event", kept)
    return designer_page(request, form, preview=preview, kept=kept)


def _draft_once(program: Program, wish: operations.Draft, actor: Actor) -> int:
    """The draft of this form; pressing the button twice finds the first one again."""
    text = f"{actor.name}|{program.pk}|{wish}"
    key = f"event-form:{hashlib.sha256(text.encode()).hexdigest()}"
    known = _twin(key)
    if known and pages.state_of(known) not in (None, EventState.CANCELLED):
        return known
    if known:
        cache.delete(key)
    if not cache.add(key, 0, _SAME_FORM_S):
        raise Refused("This event is being saved already; look at the list of events.")
    try:
        event = operations.draft(program=program, wish=wish, actor=actor, now=clock.now())
    except BaseException:
        cache.delete(key)
        raise
    cache.set(key, event.pk, _SAME_FORM_S)
    return event.pk


def _twin(key: str) -> int:
    """The event this form became a moment ago; waits while its twin is being saved."""
    until = time.monotonic() + _WAIT_FOR_TWIN_S
    while (known := cache.get(key)) == 0 and time.monotonic() < until:
        time.sleep(0.1)
    return known or 0


def _submit_once(event_id: int, seen: int, actor: Actor) -> None:
    """``seen`` is the version that was saved: a new draft is the first."""
    if pages.state_of(event_id) != EventState.DRAFT:
        return  # the first press has submitted it
    try:
        dispatch.submit(event_id=event_id, seen=seen, actor=actor, now=clock.now())
    except Refused as refused:
        if refused.code != "wrong-state":
            raise


@dataclass(frozen=True, slots=True)
class Shown:
    """What the preview says: either figures, or nothing because something is wrong."""

    wish: operations.Draft
    program: Program
    who: candidates.Preview | None
    usual: pages.Usual | None
    used: list[limits_left.Left]
    send_at: datetime

    @property
    def length(self) -> str:
        return words(self.wish.ends_at - self.wish.starts_at)

    @property
    def most_length(self) -> str:
        return words(timedelta(minutes=self.program.max_event_minutes))

    @property
    def expected(self) -> Expected | None:
        return expected(self.who.targeted) if self.who and self.who.targeted else None

    @property
    def notice(self) -> str:
        return words(self.wish.starts_at - clock.now())


def _preview(form: EventForm) -> Shown | None:
    """Checks the form as the plan would and counts homes. Blank fields are no mistake yet."""
    form.full_clean()
    form.forgive_blanks()
    program, now = form.chosen, clock.now()
    if program is None or not {"starts_at", "ends_at"} <= form.cleaned_data.keys():
        return None
    if form.errors:
        return None
    wish = form.wish()
    try:
        operations.check(program, wish, now=now)
    except operations.Invalid as invalid:
        form.refuse(invalid.problems)
    send_at = max(now, wish.starts_at - timedelta(minutes=program.send_lead_minutes))
    planned = operations.unsaved(program, wish)
    who = None if form.errors else candidates.preview(planned)
    used = limits_left.left_of_program(program, at=wish.starts_at)
    return Shown(wish, program, who, pages.usual(planned), used, send_at)


def _initial(request: HttpRequest, offered: list[Program]) -> dict[str, Any]:
    """What the empty form suggests; ``copy`` starts from another event, ``template`` from a kept
    design."""
    kept = templates.template(number(request.GET.get("template", "")))
    if kept:
        found = suggestion(kept.program, clock.now())
        return kept.values | {"program": kept.program.slug, "date": found[0] if found else None}
    copied = request.GET.get("copy", "")
    page = (
        pages.event_page(int(copied), now=clock.now())
        if copied.isdecimal() and len(copied) < 18
        else None
    )
    if page:
        return _copy(page) | _next_day(page)
    slug = request.GET.get("program", "")
    program = next((one for one in offered if one.slug == slug), next(iter(offered), None))
    found = suggestion(program, clock.now()) if program else None
    if program is None or found is None:
        return {"program": slug}
    start = {"program": program.slug, "date": found[0], "start": found[1], "end": found[2]}
    return start | {"groups": request.GET.getlist("group")}


def _next_day(page: pages.EventPage) -> dict[str, Any]:
    """Another date where the copied event's has passed: the next one the program allows."""
    if page.event.starts_at > page.now:
        return {}
    found = suggestion(page.event.program, page.now)
    return {"date": found[0]} if found else {}


def _copy(page: pages.EventPage) -> dict[str, Any]:
    event = page.event
    start, end = event.starts_at.astimezone(page.zone), event.ends_at.astimezone(page.zone)
    return {
        "program": event.program.slug,
        "name": event.name,
        "date": start.date(),
        "start": start.time(),
        "end": end.time(),
        "response": event.response,
        "offset_f": event.offset_f,
        "cool_f": event.cool_f,
        "heat_f": event.heat_f,
        "price_cents": event.price_cents,
        "is_test": event.is_test,
        "randomize_minutes": event.randomize_start_s // 60 or None,
        "note": event.note,
        "postal_codes": ", ".join(event.postal_codes),
        "groups": event.groups,
        "share_percent": event.share_percent if event.share_percent < 100 else None,
        "control_percent": event.control_percent or None,
    }


def _context(
    form: EventForm, preview: Shown | None, kept: int = 0, draft: Event | None = None
) -> dict[str, Any]:
    program = form.chosen
    return {
        "draft": draft,
        "form": form,
        "program": program,
        "limits": programs.limits(program) if program else (),
        "preview": preview,
        "kept": kept,
        "zone": program.time_zone if program else "UTC",
    }


def designer_page(
    request: HttpRequest,
    form: EventForm,
    *,
    preview: Shown | None,
    kept: int = 0,
    draft: Event | None = None,
    stale: bool = False,
) -> HttpResponse:
    """``stale``: somebody else changed the draft; saved again, this form takes its place."""
    context = _context(form, preview, kept, draft) | {"stale": stale}
    context["templates"] = [] if draft else templates.kept()
    return render(request, "events/new.html", context)
