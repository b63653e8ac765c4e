"""What a program asks, and how homes answered, for the utility."""

from dataclasses import dataclass

from django.db.models import Count, Q

from enrollments.models import Program, Question


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


def free_key(program: Program, wish: str) -> str:
    """A key of at most 50 characters that no question of the program has."""
    taken = set(Question.objects.filter(program=program).values_list("key", flat=True))
    key, number = wish[:44] or "question", 1
    while key in taken:
        number += 1
        key = f"{wish[:44] or 'question'}-{number}"
    return key
