"""What a program asks a home before it joins: what is asked, and how it is changed."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods, require_POST

from base import clock
from base.refusal import Refused
from base.typed import number
from enrollments import operations, queries
from enrollments.forms import QuestionForm
from enrollments.models import Program
from enrollments.queries import questions as query
from enrollments.rules.questions import SUGGESTED
from people.access import actor_of, approver_act, console_page, me


def _program(slug: str) -> Program:
    page = queries.program_page(slug)
    if page is None:
        raise Http404("There is no program with this address.")
    return page.program


@console_page
@require_http_methods(["GET", "HEAD", "POST"])
def program_questions(request: HttpRequest, slug: str) -> HttpResponse:
    """POST asks something new, or the same thing in other words (``key``, ``after``)."""
    program = _program(slug)
    if request.method != "POST":
        return _page(request, program, QuestionForm(initial=_start(request, program)))
    if not me(request).may_approve:
        raise PermissionDenied
    form = QuestionForm(request.POST)
    if not form.is_valid():
        return _page(request, program, form, status=422)
    key = form.cleaned_data["key"] or query.free_key(program, slugify(form.cleaned_data["text"]))
    try:
        operations.ask_question(
            program=program,
            key=key,
            after=form.cleaned_data["after"] or 0,
            wording=form.wording(),
            actor=actor_of(request),
            now=clock.now(),
        )
    except Refused as refused:
        form.add_error(refused.field or None, str(refused))
        return _page(request, program, form, status=422)
    messages.success(request, "Homes that join from now on are asked this.")
    return redirect("program_questions", slug)


def _start(request: HttpRequest, program: Program) -> dict[str, Any]:
    """The form for a question that exists (``key``), or one of those that are suggested."""
    key = request.GET.get("key", "")[:50]
    known = next((one for one in query.asked(program) if one.question.key == key), None)
    if known:
        asked = known.question
        return {
            "key": key,
            "after": asked.version,
            "text": asked.text,
            "fitting": "" if asked.fitting is None else "yes" if asked.fitting else "no",
            "remedy": asked.remedy,
        }
    suggested = SUGGESTED.get(key)
    if suggested is None:
        return {}
    return {"key": key, "text": suggested.text, "fitting": "no", "remedy": suggested.remedy}


def _page(
    request: HttpRequest, program: Program, form: QuestionForm, status: int = 200
) -> HttpResponse:
    asked = query.asked(program)
    keys = {one.question.key for one in asked}
    context = {
        "program": program,
        "asked": asked,
        "form": form,
        "suggested": [(key, one.text) for key, one in SUGGESTED.items() if key not in keys],
    }
    return render(request, "console/program_questions.html", context, status=status)


@approver_act
@require_POST
def question_stop(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """``after``, the version that was shown, travels with the form."""
    program, after = _program(slug), number(request.POST.get("after", ""))
    try:
        if operations.stop_asking(
            program=program, key=key, after=after, actor=actor_of(request), now=clock.now()
        ):
            messages.success(request, "It is asked no more. What was answered stays on record.")
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect("program_questions", slug)
