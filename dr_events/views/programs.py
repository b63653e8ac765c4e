"""Programs: what each promises its homes, and how that is changed."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from base import clock
from base.refusal import Refused
from dr_events import operations
from dr_events.forms import CreditForm, ProgramForm
from dr_events.queries import programs as query
from dr_events.rules.credit import Basis, Credit, in_words
from dr_events.rules.presets import PRESETS, preset
from enrollments.models import Program
from people.access import actor_of, approver_act, console_page, me

_NO_CREDIT = Credit(Basis.EVENTS, 0, 0, 0)


@console_page
def console_programs(request: HttpRequest) -> HttpResponse:
    return render(request, "console/programs.html", {"programs": query.rows()})


def _page(slug: str) -> query.ProgramPage:
    page = query.page(slug)
    if page is None:
        raise Http404("There is no program with this address.")
    return page


@console_page
def console_program(request: HttpRequest, slug: str) -> HttpResponse:
    return render(request, "console/program.html", {"page": _page(slug)})


def _named(slug: str) -> Program:
    program = query.named(slug)
    if program is None:
        raise Http404("There is no program with this address.")
    return program


@approver_act
def program_edit(request: HttpRequest, slug: str) -> HttpResponse:
    """``seen`` travels with the form: it names the program as it was shown."""
    program = _named(slug)
    seen = request.POST.get("seen") or operations.mark(program)
    if request.method != "POST":
        return _form(request, ProgramForm(instance=program), program, seen)
    form = ProgramForm(request.POST, instance=_named(slug))
    if form.is_valid():
        try:
            changed = operations.change_program(
                slug=slug,
                seen=seen,
                values=form.cleaned_data,
                actor=actor_of(request),
                now=clock.now(),
            )
        except Refused as refused:
            form.add_error(refused.field or None, str(refused))
        else:
            messages.success(request, _said(form, changed))
            return redirect("console_program", slug)
    return _form(request, form, program, seen)


def _said(form: ProgramForm, changed: list[str]) -> str:
    if not changed:
        return "Nothing was different, so nothing was changed."
    return f"Changed: {', '.join(str(form.fields[name].label) for name in changed)}."


@approver_act
@require_POST
def program_touches(request: HttpRequest, slug: str) -> HttpResponse:
    """A fragment: the planned events that what is typed would touch."""
    program = _named(slug)
    form = ProgramForm(request.POST, instance=_named(slug))
    context = {"form": form, "program": program, "fragment": True}
    return render(request, "console/_touched.html", context | _touched(program, form))


def _touched(program: Program, form: ProgramForm) -> dict[str, Any]:
    """What _touched.html needs; ``touched`` is None while what is typed is no program."""
    if not form.is_bound or not form.is_valid():
        return {"touched": None}
    found, unseen = operations.touched(program, form.cleaned_data, now=clock.now())
    return {"touched": found, "unseen": unseen}


@approver_act
def program_new(request: HttpRequest) -> HttpResponse:
    """``like`` names the public program it starts from, its credit rule included."""
    like = preset(request.GET.get("like", ""))
    if request.method != "POST":
        form = ProgramForm(initial=dict(like.values) if like else {})
        rule = CreditForm(credit=like.credit if like else _NO_CREDIT, optional=True)
        return _form(request, form, None, "", like=like, rule=rule)
    form, rule = ProgramForm(request.POST), CreditForm(request.POST, optional=True)
    if form.is_valid() & rule.is_valid():
        try:
            program = operations.add_program(
                values=form.cleaned_data,
                credit=rule.credit() if in_words(rule.credit()) else None,
                actor=actor_of(request),
                now=clock.now(),
            )
        except Refused as refused:
            form.add_error(refused.field or None, str(refused))
        else:
            messages.success(
                request, "The program is made. Publish its terms, then homes can join."
            )
            return redirect("program_terms", program.slug)
    return _form(request, form, None, "", like=like, rule=rule)


def _form(
    request: HttpRequest, form: ProgramForm, program: Program | None, seen: str, **more: Any
) -> HttpResponse:
    context = {
        "form": form,
        "program": program,
        "seen": seen,
        "presets": PRESETS,
    }
    touches = _touched(program, form) if program else {}
    return render(request, "console/program_form.html", context | touches | more)


@console_page
def program_terms(request: HttpRequest, slug: str) -> HttpResponse:
    """The text homes agree to, with its history; an approver publishes the next version."""
    if request.method == "POST":
        return _publish(request, slug)
    page = _page(slug)
    return render(request, "console/program_terms.html", {"page": page, "typed": None})


def _publish(request: HttpRequest, slug: str) -> HttpResponse:
    if not me(request).may_approve:
        raise PermissionDenied
    _named(slug)
    after, text = request.POST.get("after", ""), request.POST.get("text", "").replace("\0", "")
    try:
        terms = operations.publish_terms(
            slug=slug,
            text=text,
            after=int(after) if after.isdecimal() and len(after) < 9 else -1,
            actor=actor_of(request),
            now=clock.now(),
        )
    except Refused as refused:
        context = {"page": _page(slug), "typed": text, "problem": str(refused)}
        return render(request, "console/program_terms.html", context)
    messages.success(request, f"Version {terms.version} is published.")
    return redirect("program_terms", slug)
