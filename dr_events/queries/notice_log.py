"""What was mailed to whom, for the people of the utility."""

from datetime import datetime

from django.db.models import Q

from enrollments.models import Notice
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
