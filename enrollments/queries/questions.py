"""What a program asks, and how homes answered, for the utility."""

from dataclasses import dataclass

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from enrollments.models import Answer, Enrollment, Program, Question
from enrollments.states import EnrollmentState


@dataclass(frozen=True, slots=True)
class Asked:
    """The newest version of a question with how often it was answered, everybody's every time."""

    question: Question
    yes: int
    no: int


def asked(program: Program) -> list[Asked]:
    """All keys in order, also those that are asked no more."""
    newest = Question.objects.filter(program=program).order_by("key", "-version").distinct("key")
    found = Question.objects.filter(id__in=newest.values("id")).annotate(
        yes=Count("answer", filter=Q(answer__said=True)),
        no=Count("answer", filter=Q(answer__said=False)),
    )
    return [Asked(one, one.yes, one.no) for one in found.order_by("-is_asked", "position", "id")]


def paused_by_answers() -> QuerySet[Enrollment]:
    """Enrolments that rest while the last answer of their home to a question that is asked now does
    not fit: nobody can resume them before it does."""
    newest = Question.objects.order_by("program", "key", "-version").distinct("program", "key")
    asked = Question.objects.filter(
        id__in=newest.values("id"), is_asked=True, fitting__isnull=False
    )
    later = Answer.objects.filter(
        Q(at__gt=OuterRef("at")) | Q(at=OuterRef("at"), id__gt=OuterRef("id")),
        user=OuterRef("user"),
        question=OuterRef("question"),
    )
    wrong = Answer.objects.filter(
        ~Q(said=F("question__fitting")),
        ~Exists(later),
        user=OuterRef("user"),
        question__in=asked.filter(program=OuterRef(OuterRef("program"))).values("id"),
    )
    return Enrollment.objects.filter(Exists(wrong), state=EnrollmentState.PAUSED)


def free_key(program: Program, wish: str) -> str:
    """A key of at most 50 characters that no question of the program has."""
    taken = set(Question.objects.filter(program=program).values_list("key", flat=True))
    key, number = wish[:44] or "question", 1
    while key in taken:
        number += 1
        key = f"{wish[:44] or 'question'}-{number}"
    return key
