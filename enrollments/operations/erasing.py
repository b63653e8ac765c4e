"""A homeowner wants to be forgotten: everything that names the person or the home goes."""

from datetime import datetime
from urllib.parse import quote

from django.db.models import CharField, F, Value
from django.db.models.functions import Concat

from enrollments.models import (
    Answer,
    Application,
    BulkAct,
    CalendarFeed,
    CarrierGrant,
    Consent,
    Enrollment,
    LinkAttempt,
    Location,
    MailLink,
    MailStop,
    Notice,
    System,
)
from enrollments.operations.enrolling import withdraw
from enrollments.operations.notices import tell
from enrollments.operations.permission import Forgotten, forget_tokens
from enrollments.operations.turns import take_turns, unless_busy
from enrollments.states import (
    LIVE_ENROLLMENTS,
    OPEN_APPLICATIONS,
    ApplicationState,
    BulkState,
    GrantState,
    NoticeKind,
    NoticeState,
)
from people.models import User
from people.operations import Actor, erase_account

ERASED = "The homeowner's data was deleted."


@unless_busy()
def erase(*, user: User, actor: Actor, now: datetime) -> list[Forgotten]:
    """Leave every program, destroy every permission, erase what names the person or the home; the
    permissions that ended, for Carrier to forget too.

    What stays has no person any more: the consent ledger, answers, results of events, and the
    activity log, which is sealed. One receipt goes to the old address; with it that goes too.

    Raises Refused, and changes nothing, for people of the utility, for an account that is closed,
    and while somebody else is writing the same rows.
    """
    # First of all: whoever is joining or connecting comes before, and all of it goes; or after, and
    # finds the account closed.
    take_turns(user)
    receipt_to = user.email
    forgotten = _leave_everything(user, actor, now)
    _forget_applications(user, now)
    _forget_mail(user)
    _forget_searches(user)
    _forget_home(user)
    erase_account(user=user, actor=actor, now=now)
    tell(user=user, kind=NoticeKind.ERASED, subject=f"user:{user.pk}", now=now, to=receipt_to)
    return forgotten


def _leave_everything(user: User, actor: Actor, now: datetime) -> list[Forgotten]:
    ended = []
    mine = Enrollment.objects.filter(user=user, state__in=LIVE_ENROLLMENTS).order_by("id")
    for enrollment_id in mine.values_list("id", flat=True):
        left = withdraw(enrollment_id=enrollment_id, actor=actor, now=now)
        ended.append(left.forgotten if left else None)
    connected = CarrierGrant.objects.filter(user=user).exclude(state=GrantState.REVOKED)
    for grant_id in connected.order_by("id").values_list("id", flat=True):
        ended.append(forget_tokens(grant_id=grant_id, actor=actor, now=now))
    return [one for one in ended if one is not None]


def _forget_applications(user: User, now: datetime) -> None:
    """The utility's own list of customers is its own; that this person was one of them goes."""
    mine = Application.objects.filter(user=user)
    mine.move(sorted(OPEN_APPLICATIONS), ApplicationState.WITHDRAWN, who="", why="", changed_at=now)
    mine.update(customer=None, typed_account="", typed_postal="", reason="")


def _forget_mail(user: User) -> None:
    mine = Notice.objects.filter(user=user)
    mine.move(NoticeState.WAITING, NoticeState.DROPPED, lease_until=None, trouble=ERASED)
    mine.update(sent_to="")
    MailLink.objects.filter(user=user).delete()
    MailStop.objects.filter(user=user).delete()
    CalendarFeed.objects.filter(user=user).delete()
    LinkAttempt.objects.filter(user=user).delete()


def _forget_searches(user: User) -> None:
    """What was done for all that matched may say how this home was looked for. One that is under
    way keeps its filter: it would match everybody without."""
    mine = System.objects.filter(grant__user=user).values_list("serial", flat=True)
    for named in (quote(user.email), *mine):
        said = BulkAct.objects.pick(filter__icontains=named)
        said.move(BulkState.PREPARED, BulkState.DROPPED, systems=[], filter="")
        said.exclude(state=BulkState.RUNNING).update(filter="")


def _forget_home(user: User) -> None:
    """Wall controls that are connected to somebody else's account by now are that person's."""
    number = Concat(Value("gone-"), F("id"), output_field=CharField())
    Consent.objects.filter(user=user).update(address=None)
    Answer.objects.filter(user=user).update(address=None)
    CarrierGrant.objects.filter(user=user).update(carrier_username=number, sync_trouble="")
    Location.objects.filter(grant__user=user).update(
        carrier_id=number, name="", street="", city="", state="", postal=""
    )
    System.objects.filter(grant__user=user).update(
        serial=number,
        name="",
        is_online=False,
        dr_settings={},
        indoor_f=None,
        outdoor_f=None,
        reported_at=None,
    )
