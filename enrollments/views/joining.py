"""Pages on the way into a program. Each one: translate in, one call down, translate back."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from base import clock
from base.refusal import Refused
from enrollments import operations, queries, rules, vendor_session
from enrollments.forms import AccountForm, AgreeForm, AnswerForm, ChooseForm
from enrollments.queries import Journey, ProgramPage
from enrollments.views import visits
from enrollments.views.answering import answer_again, shown_questions
from people.access import actor_of, homeowner_page, me

STEPS = ("consent", "connect", "choose", "done")
# Where a closed program ends; whoever gave a permission at Carrier may finish.
BEFORE_CARRIER = ("consent", "account", "questions", "connect")
# Where the questions, if there are any, were answered before.
ANSWERED = ("connect", "relink", "reading", "choose", "done")
# Agreed to the terms, and no system in the program.
ON_THE_WAY = ("account", "questions", "connect", "relink", "reading", "choose")
SAME_STEP = {
    "rejected": "consent",
    "account": "consent",
    "questions": "consent",
    "relink": "connect",
    "reading": "connect",
}


def _page(slug: str) -> ProgramPage:
    page = queries.program_page(slug)
    if page is None:
        raise Http404
    return page


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    """What is on offer, for anybody."""
    return render(request, "enrollments/landing.html", {"programs": queries.open_programs()})


@require_safe
def program(request: HttpRequest, slug: str) -> HttpResponse:
    """What a program asks and gives, in full, before anybody has to sign up."""
    page = _page(slug)
    visits.count(request, page.program)
    return render(
        request,
        "enrollments/program.html",
        {
            "page": page,
            "program": page.program,
            "zone": page.program.time_zone,
            "questions": queries.questions_of(page.program),
        },
    )


# --- the journey ------------------------------------------------------------------------------
@homeowner_page
@require_safe
def join(request: HttpRequest, slug: str) -> HttpResponse:
    """Continue where this person stopped, on any device."""
    page = _page(slug)
    journey = queries.journey(me(request), page.program)
    if request.htmx:  # type: ignore[attr-defined]
        return _poll(request, page, journey)
    return _step(request, page, journey)


def _poll(request: HttpRequest, page: ProgramPage, journey: Journey) -> HttpResponse:
    """The page asks for itself while a home is being read: nothing new, news, or all done."""
    grant = journey.grant
    if grant is None or not grant.is_being_read:
        return HttpResponseClientRefresh()
    if request.GET.get("failures") == str(grant.sync_failures):
        return HttpResponse(status=204)
    context = {"program": page.program, "journey": journey}
    return render(request, "enrollments/partials/checking.html", context)


def _step(
    request: HttpRequest,
    page: ProgramPage,
    journey: Journey,
    *,
    form: AgreeForm | AccountForm | AnswerForm | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    closed = page.why_closed if journey.step in BEFORE_CARRIER else ""
    here = SAME_STEP.get(journey.step, journey.step)
    cards = journey.systems
    context: dict[str, Any] = {
        "page": page,
        "program": page.program,
        "zone": page.program.time_zone,
        "journey": journey,
        "step_number": STEPS.index(here) + 1,
        "form": form,
        "problem": problem,
        "scopes": list(rules.SCOPE_SENTENCES.values()),
        "mine": [c for c in cards if c.enrollment_id and c.program_name == page.program.name],
        "elsewhere": [c for c in cards if c.enrollment_id and c.program_name != page.program.name],
        "free": [c for c in cards if not c.enrollment_id and not c.obstacle],
        "blocked": [c for c in cards if not c.enrollment_id and c.obstacle],
        "checking": bool(journey.grant and journey.grant.is_being_read),
    }
    if journey.step == "account":
        context["form"] = form or AccountForm(initial=_typed(journey))
    if journey.step == "consent":
        context["is_newer"] = queries.agreed(me(request), page.program) is not None
    context["may_stop"] = journey.step in ON_THE_WAY
    if journey.step in ANSWERED:
        context["may_answer_again"] = bool(queries.questions_of(page.program))
    if journey.step == "questions":
        context["questions"] = shown_questions(me(request), page.program, form)
    template = "closed" if closed else journey.step
    return render(request, f"enrollments/join_{template}.html", context, status=status)


def _typed(journey: Journey) -> dict[str, str]:
    """What this person typed last, to be corrected."""
    typed = journey.application
    return {"account": typed.typed_account, "postal": typed.typed_postal} if typed else {}


@homeowner_page
@require_POST
def join_agree(request: HttpRequest, slug: str) -> HttpResponse:
    page = _page(slug)
    user = me(request)
    form = AgreeForm(request.POST)
    journey = queries.journey(user, page.program)
    if journey.step != "consent":  # pressed twice, or agreed on another device
        return redirect("join", slug=slug)
    if not form.is_valid():
        return _step(request, page, journey, form=form, status=422)
    try:
        operations.agree(
            user=user,
            program=page.program,
            version=form.cleaned_data["version"],
            actor=actor_of(request),
            now=clock.now(),
        )
    except Refused as no:
        return _step(request, page, journey, problem=str(no), status=422)
    return redirect("join", slug=slug)


@homeowner_page
@require_POST
def join_account(request: HttpRequest, slug: str) -> HttpResponse:
    """The utility account. Whether it matched is seen by where the page leads, and nothing else."""
    page = _page(slug)
    user = me(request)
    journey = queries.journey(user, page.program)
    if journey.step != "account":  # pressed twice, or matched on another device
        return redirect("join", slug=slug)
    form = AccountForm(request.POST)
    if not form.is_valid():
        return _step(request, page, journey, form=form, status=422)
    try:
        operations.match_account(
            user=user,
            program=page.program,
            account=form.cleaned_data["account"],
            postal=form.cleaned_data["postal"],
            actor=actor_of(request),
            now=clock.now(),
        )
    except Refused as no:
        form.add_error(no.field or None, str(no))
        return _step(request, page, journey, form=form, status=422)
    return redirect("join", slug=slug)


@homeowner_page
@require_POST
def join_again(request: HttpRequest, slug: str) -> HttpResponse:
    """Apply again, after the utility said no."""
    page = _page(slug)
    try:
        operations.apply_again(
            user=me(request), program=page.program, actor=actor_of(request), now=clock.now()
        )
    except Refused as no:
        messages.error(request, str(no))
    return redirect("join", slug=slug)


@homeowner_page
@require_POST
def join_answer(request: HttpRequest, slug: str) -> HttpResponse:
    """Answers are kept as they are; what does not fit is said at once, with what can be done."""
    page = _page(slug)
    user = me(request)
    journey = queries.journey(user, page.program)
    if journey.step != "questions":  # answered before: what is said now counts all the same
        return answer_again(request, slug)
    form = AnswerForm(queries.questions_of(page.program), request.POST)
    if not form.is_valid():
        return _step(request, page, journey, form=form, status=422)
    try:
        operations.answer(
            user=user,
            program=page.program,
            said=form.said(),
            actor=actor_of(request),
            now=clock.now(),
        )
    except Refused as no:
        return _step(request, page, journey, problem=str(no), status=422)
    return redirect("join", slug=slug)


@homeowner_page
@require_POST
def join_connect(request: HttpRequest, slug: str) -> HttpResponse:
    """Off to Carrier's sign-in, with a state that only this session can bring back."""
    page = _page(slug)
    state, verifier, address = vendor_session.start()
    try:
        operations.begin_link(
            user=me(request),
            program=page.program,
            state=state,
            session=_session(request),
            verifier=verifier,
            real_now=timezone.now(),
        )
    except Refused as no:
        messages.error(request, str(no))
        return redirect("join", slug=slug)
    return HttpResponseRedirect(address)


def _session(request: HttpRequest) -> str:
    if not request.session.session_key:
        request.session.save()
    return str(request.session.session_key)


@homeowner_page
@require_POST
def join_check(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask Carrier again, now."""
    page = _page(slug)
    if not operations.check_again(user=me(request), real_now=clock.real_now()):
        messages.info(request, "We asked Carrier a few seconds ago. Wait a little, then try again.")
    elif request.POST.get("back") == "home":
        messages.info(request, "We are asking Carrier again. Reload this page in a few seconds.")
    if request.POST.get("back") == "home":
        return redirect("my_home")
    return redirect("join", slug=page.program.slug)


@homeowner_page
@require_POST
def join_enroll(request: HttpRequest, slug: str) -> HttpResponse:
    page = _page(slug)
    user = me(request)
    form = ChooseForm(request.POST)
    if not form.is_valid():
        return _choose_again(request, page, str(form.errors["system"][0]))
    try:
        operations.enroll(
            user=user,
            program=page.program,
            system_ids=form.cleaned_data["system"],
            actor=actor_of(request),
            now=clock.now(),
        )
    except Refused as no:
        journey = queries.journey(user, page.program)
        enrolled = {card.id for card in journey.systems if card.enrollment_id}
        if journey.step == "done" and enrolled.issuperset(form.cleaned_data["system"]):
            return redirect("join", slug=slug)  # pressed twice
        return _choose_again(request, page, str(no))
    return redirect("join", slug=slug)


def _choose_again(request: HttpRequest, page: ProgramPage, problem: str) -> HttpResponse:
    journey = queries.journey(me(request), page.program)
    return _step(request, page, journey, problem=problem, status=422)
