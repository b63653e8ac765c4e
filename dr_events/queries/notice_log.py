"""What was mailed to whom, for the people of the utility."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from dr_events.models import Event
from enrollments.models import Enrollment, Notice, Replacement, System
from enrollments.states import NoticeKind, NoticeState
from people.models import User

PAGE = 50
# So many people at most are meant by a part of an address.
MEANT = 100


def find(
    *, kind: str = "", state: str = "", text: str = "", before: int = 0, limit: int = PAGE
) -> tuple[list[Notice], int]:
    """A page of notices, newest first, with ``user`` loaded, and the id to go on ``before`` (0: the
    last page). ``text``: a part of the homeowner's e-mail address."""
    found = Notice.objects.select_related("user")
    if kind in NoticeKind.values:
        found = found.filter(kind=kind)
    if state in NoticeState.values:
        found = found.filter(state=state)
    if text:
        meant = User.objects.filter(email__icontains=text).order_by("id")
        found = found.filter(user__in=list(meant.values_list("id", flat=True)[:MEANT]))
    mark = Notice.objects.filter(id=before).values_list("made_at", flat=True).first()
    if before and mark:
        found = found.filter(_earlier(mark, before))
    rows = list(found.order_by("-made_at", "-id")[: limit + 1])
    return rows[:limit], rows[limit - 1].pk if len(rows) > limit else 0


def _earlier(mark: datetime, number: int) -> Q:
    # The first condition says nothing new, but an index can begin there.
    return Q(made_at__lte=mark) & (Q(made_at__lt=mark) | Q(made_at=mark, id__lt=number))


# --- what it is about -----------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class About:
    """The event or the system a mail is about; ``page`` is the name of its route in the console."""

    page: str
    id: int
    name: str


def about(notices: Iterable[Notice]) -> dict[str, About]:
    """By the ``subject`` of a notice. What is about neither an event nor one system (an account, a
    permission for a whole home), or about something that is gone, is not in it."""
    ids: dict[str, set[int]] = {"event": set(), "enrollment": set(), "replacement": set()}
    for one in notices:
        kind, number = _named(one.subject)
        if kind in ids:
            ids[kind].add(number)
    events = Event.objects.filter(id__in=ids["event"]).only("id", "name")
    systems = _systems(ids["enrollment"], ids["replacement"])
    known = {("event", one.pk): About("event", one.pk, one.name) for one in events} | {
        key: About("console_system", one.pk, one.name or one.serial) for key, one in systems.items()
    }
    found = {one.subject: known.get(_named(one.subject)) for one in notices}
    return {subject: meant for subject, meant in found.items() if meant}


def _systems(enrollments: set[int], replacements: set[int]) -> dict[tuple[str, int], System]:
    """A question about a wall control is on the page of the enrolled one."""
    joined = Enrollment.objects.filter(id__in=enrollments).select_related("system")
    asked = Replacement.objects.filter(id__in=replacements).select_related("enrollment__system")
    return {("enrollment", one.pk): one.system for one in joined} | {
        ("replacement", one.pk): one.enrollment.system for one in asked
    }


def _named(subject: str) -> tuple[str, int]:
    """``replacement:1:1784037600`` names the replacement 1; the rest tells two mails apart."""
    kind, number, *_ = (*subject.split(":"), "")
    return kind, int(number) if number.isdecimal() else 0
