"""A homeowner's answers to what a program asks: given on the way in, changed at any time."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from base import clock
from base.refusal import Refused
from enrollments import operations, queries
from enrollments.forms import AnswerForm
from enrollments.models import Program
from people.access import actor_of, homeowner_page, me
from people.models import User


def shown_questions(user: User, program: Program, form: Any) -> list[dict[str, Any]]:
    """Each question with the answer to show, ``yes`` or ``no``, and what is wrong with it."""
    asked = queries.questions_of(program)
    kept = queries.answers_of(user, asked)
    shown = {f"question-{key}": "yes" if said else "no" for key, said in kept.items()}
    shown |= dict(form.data.items()) if form else {}
    return [
        {
            "question": question,
            "name": f"question-{question.pk}",
            "shown": shown.get(f"question-{question.pk}", ""),
            "misfit": question.pk in kept and question.fitting not in (None, kept[question.pk]),
            "error": form.errors.get(f"question-{question.pk}", [""])[0] if form else "",
        }
        for question in asked
    ]


@homeowner_page
@require_http_methods(["GET", "HEAD", "POST"])
def join_answers(request: HttpRequest, slug: str) -> HttpResponse:
    """Answer again: something has changed at home. GET shows what is kept, POST adds to it."""
    return answer_again(request, slug)


def answer_again(request: HttpRequest, slug: str) -> HttpResponse:
    page, user = queries.program_page(slug), me(request)
    if page is None:
        raise Http404
    program, joined = page.program, queries.has_joined(user, page.program)
    asked = queries.questions_of(program)
    if not asked or (not joined and queries.not_yet(user, program)):
        return redirect("join", slug=slug)
    form, problem = None, ""
    if request.method == "POST":
        form = AnswerForm(asked, request.POST)
        if form.is_valid():
            try:
                fits = operations.answer(
                    user=user,
                    program=program,
                    said=form.said(),
                    actor=actor_of(request),
                    now=clock.now(),
                )
            except Refused as no:
                problem = str(no)
            else:
                return _answered(request, program, fits, joined)
    context = {
        "program": program,
        "joined": joined,
        "problem": problem,
        "questions": shown_questions(user, program, form),
    }
    status = 422 if form else 200
    return render(request, "enrollments/answers.html", context, status=status)


def _answered(request: HttpRequest, program: Program, fits: bool, joined: bool) -> HttpResponse:
    if not joined:
        return redirect("join", slug=program.slug)
    if fits:
        messages.success(request, "Your answers are kept.")
        return redirect("my_home")
    messages.warning(
        request,
        f"Your answers are kept. One of them does not fit {program.name}, so your systems in it "
        "are paused and get no events.",
    )
    return redirect("join_answers", slug=program.slug)
