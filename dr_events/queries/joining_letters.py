"""What the mails about an application say, at the moment they are sent."""

from datetime import datetime

from django.conf import settings
from django.urls import reverse

from base.refusal import Refused
from dr_events.queries.letter import Letter
from enrollments import queries
from enrollments.models import Application, Notice
from enrollments.states import ApplicationState, Holdup


def action_needed(notice: Notice, now: datetime) -> Letter:
    application = _application(notice)
    waits_for = Holdup.SYSTEM if notice.subject.endswith(":systems") else Holdup.ASKED
    if application.why != waits_for:
        raise Refused("The homeowner had acted before this was sent.")
    if waits_for == Holdup.ASKED:
        return _letter("please check your account number", application)
    found = queries.journey(application.user, application.program)
    held = found.grant.held_elsewhere if found.grant else []
    subject = "your systems cannot take part yet"
    return _letter(subject, application, blocked=found.systems, held=held)


def approved(notice: Notice, now: datetime) -> Letter:
    application = _application(notice)
    if application.state != ApplicationState.APPLIED:
        raise Refused("The home had gone on before this was sent.")
    return _letter("your account is matched", application)


def rejected(notice: Notice, now: datetime) -> Letter:
    application = _application(notice)
    newer = Application.objects.filter(
        user=application.user_id, program=application.program_id, id__gt=application.pk
    )
    if newer.exists():
        raise Refused("The homeowner had applied again before this was sent.")
    return _letter("we could not accept your application", application)


def _application(notice: Notice) -> Application:
    found = Application.objects.select_related("program", "user")
    return found.get(id=int(notice.subject.split(":")[1]))


def _letter(what: str, application: Application, **more: object) -> Letter:
    program = application.program
    join_at = settings.BASE_URL + reverse("join", args=[program.slug])
    facts = {"reason": application.reason, "join_at": join_at, **more}
    return Letter(f"{program.name}: {what}", program.name, program.time_zone, facts)
