"""What a program asks before a home may join, and how that is changed."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Max

from base.refusal import Refused
from enrollments.models import Program, Question
from people.operations import Actor, for_people, record


@dataclass(frozen=True, slots=True)
class Wording:
    """A question with yes or no. ``fitting``: the answer a home needs to join; None: asked for the
    record only. ``remedy``: what who answers otherwise reads."""

    text: str
    fitting: bool | None
    remedy: str = ""


def _may(actor: Actor) -> None:
    for_people(actor, "change what a program asks", approver=True)


@transaction.atomic
def ask_question(
    *, program: Program, key: str, after: int, wording: Wording, actor: Actor, now: datetime
) -> Question:
    """Ask something, or the same thing in other words: a new version of ``key``. ``after`` is the
    version that was shown, 0 for a new question. Answers to the old text do not count for the new
    one. Raises Refused, also when somebody was faster."""
    _may(actor)
    if not wording.text.strip():
        raise Refused("Write the question.", field="text", code="no-text")
    if wording.fitting is not None and not wording.remedy.strip():
        raise Refused(
            "Say why the other answer does not fit, and what the home can do.",
            field="remedy",
            code="no-remedy",
        )
    # Two people who ask at once take turns.
    Program.objects.select_for_update(no_key=True).get(id=program.pk)
    known = Question.objects.filter(program=program, key=key)
    newest = known.aggregate(n=Max("version"))["n"] or 0
    if newest != after:
        raise Refused("Somebody changed this question meanwhile; nothing was saved.", code="stale")
    place = Question.objects.filter(program=program).aggregate(n=Max("position"))["n"]
    first = known.order_by("version").first()
    question = Question.objects.create(
        program=program,
        key=key,
        version=newest + 1,
        position=first.position if first else (place or 0) + 1,
        text=wording.text.strip(),
        fitting=wording.fitting,
        remedy=wording.remedy.strip(),
    )
    record(
        actor=actor,
        verb="ask-question",
        subject=f"program:{program.pk}",
        now=now,
        question=f"{key}:{question.version}",
        fitting=wording.fitting,
    )
    return question


@transaction.atomic
def stop_asking(*, program: Program, key: str, after: int, actor: Actor, now: datetime) -> int:
    """This key is asked no more; what was answered stays. ``after`` is the version that was shown.
    Zero when it was not asked. Raises Refused when it is asked in other words by now."""
    _may(actor)
    Program.objects.select_for_update(no_key=True).get(id=program.pk)
    newest = Question.objects.filter(program=program, key=key).order_by("-version").first()
    if newest is None or not newest.is_asked:
        return 0
    if newest.version != after:
        raise Refused(
            "Somebody changed this question meanwhile; it is still asked. Read it as it is now.",
            code="stale",
        )
    stopped = Question.objects.filter(id=newest.pk, is_asked=True).update(is_asked=False)
    if stopped:
        record(
            actor=actor,
            verb="stop-asking",
            subject=f"program:{program.pk}",
            now=now,
            question=key,
        )
    return int(stopped)
