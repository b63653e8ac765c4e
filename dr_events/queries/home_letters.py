"""What the mails say that ask a home which has joined to look at something."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse

from base.refusal import Refused
from dr_events.queries.letter import Letter
from enrollments import queries
from enrollments.models import Enrollment, Notice, Program, Replacement
from enrollments.states import LIVE_ENROLLMENTS, EnrollmentState, ReplacementState


def replaced(notice: Notice, now: datetime) -> Letter:
    found = Replacement.objects.select_related(
        "enrollment__program", "enrollment__system", "system__location"
    )
    asked = found.get(id=_number(notice))
    if asked.state != ReplacementState.OPEN or asked.enrollment.state not in LIVE_ENROLLMENTS:
        raise Refused("It was answered, or needed no answer, before this was sent.")
    old, new, program = asked.enrollment.system, asked.system, asked.enrollment.program
    facts = {
        "old": old.name or old.serial,
        "old_serial": old.serial,
        "new_serial": new.serial,
        "place": new.location.name,
        "answer_at": f"{settings.BASE_URL}{reverse('my_home')}#replaced-{asked.enrollment_id}",
    }
    return _letter("was your wall control replaced?", program, facts)


def misfit(notice: Notice, now: datetime) -> Letter:
    """Not which question, and not the answer: it may be about somebody's health, and mail is read
    by others."""
    program = Program.objects.get(id=_number(notice))
    if not queries.misfits(notice.user, program):
        raise Refused("The homeowner had answered again before this was sent.")
    resting = Enrollment.objects.filter(
        user=notice.user_id, program=program, state=EnrollmentState.PAUSED
    ).select_related("system")
    names = [one.system.name or one.system.serial for one in resting.order_by("system__name", "id")]
    if not names:
        raise Refused("The home had left before this was sent.")
    answer_at = settings.BASE_URL + reverse("join_answers", args=[program.slug])
    return _letter("your systems are paused", program, {"systems": names, "answer_at": answer_at})


def _number(notice: Notice) -> int:
    return int(notice.subject.split(":")[1])


def _letter(what: str, program: Program, facts: dict[str, Any]) -> Letter:
    return Letter(f"{program.name}: {what}", program.name, program.time_zone, facts)
