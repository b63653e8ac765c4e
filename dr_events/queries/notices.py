"""What is to be mailed, what such a mail says at the moment it is sent, and what was sent."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from base.refusal import Refused
from dr_events.models import Dispatch
from dr_events.queries import home_letters as home
from dr_events.queries import joining_letters as joining
from dr_events.queries.home_event import AT_CARRIER, HomeEvent, event_of, rows_of
from dr_events.queries.letter import Letter
from dr_events.states import Delivery
from enrollments.models import CarrierGrant, Enrollment, MailLink, MailStop, Notice
from enrollments.states import (
    EVENT_MAIL,
    LIVE_ENROLLMENTS,
    EnrollmentState,
    GrantState,
    LinkPurpose,
    NoticeKind,
)
from enrollments.tokens import hashed
from people.models import User

# An event that was called off or was over longer ago is no news any more; business time.
NEWS_FOR = "1 day"


def subject_of(event_id: int) -> str:
    return f"event:{event_id}"


# --- what is due ------------------------------------------------------------------------------
_ROUNDS_DUE = """
SELECT k.kind, e.id FROM dr_events_event e CROSS JOIN LATERAL (VALUES
    ('ANNOUNCED', e.state = 'SCHEDULED' AND e.ends_at > %(now)s),
    ('CANCELLED', e.state = 'CANCELLED' AND e.scheduled_at IS NOT NULL
        AND e.cancelled_at > %(now)s - %(news)s::interval),
    ('OVER', e.state = 'COMPLETED' AND e.completed_at > %(now)s - %(news)s::interval)
) AS k(kind, due)
WHERE k.due AND NOT EXISTS (
    SELECT 1 FROM enrollments_noticeround r
    WHERE r.kind = k.kind AND r.subject = 'event:' || e.id)
ORDER BY e.id
"""
_MAIL_DUE = """
SELECT EXISTS (
    SELECT 1 FROM enrollments_notice
    WHERE state = 'WAITING' AND due_at <= %(now)s
      AND (lease_until IS NULL OR lease_until < clock_timestamp())
      AND (next_try_at IS NULL OR next_try_at <= clock_timestamp())
) AND NOT EXISTS (
    SELECT 1 FROM enrollments_mailserver WHERE quiet_until > clock_timestamp())
"""


def rounds_due(*, now: datetime) -> list[tuple[str, int]]:
    """(kind, event id) of facts about events that nobody was told of yet."""
    with connection.cursor() as cursor:
        cursor.execute(_ROUNDS_DUE, {"now": now, "news": NEWS_FOR})
        return list(cursor.fetchall())


def is_sendable(*, now: datetime) -> bool:
    """Is a notice due, and may the mail server be asked?"""
    with connection.cursor() as cursor:
        cursor.execute(_MAIL_DUE, {"now": now})
        return bool(cursor.fetchone()[0])


def is_due(*, now: datetime) -> bool:
    return bool(rounds_due(now=now)) or is_sendable(now=now)


# --- what a mail says -------------------------------------------------------------------------
def letter(notice: Notice, *, now: datetime) -> Letter:
    """What this notice has to say now. Raises Refused with the reason when it is not true, not
    wanted or of no use any more. Needs ``user`` loaded."""
    kind = NoticeKind(notice.kind)
    if kind == NoticeKind.ERASED:
        return Letter("Your data is deleted", settings.UTILITY_NAME, settings.UTILITY_TIME_ZONE)
    if not notice.user.is_active:
        raise Refused("The account is closed.")
    if kind == NoticeKind.TEST:
        return Letter("A test message", settings.UTILITY_NAME, settings.UTILITY_TIME_ZONE)
    if kind not in EVENT_MAIL:
        return {
            NoticeKind.ENROLLED: _enrolled,
            NoticeKind.WITHDRAWN: _withdrawn,
            NoticeKind.PERMISSION_LOST: _permission_lost,
            NoticeKind.ACTION_NEEDED: joining.action_needed,
            NoticeKind.APPROVED: joining.approved,
            NoticeKind.REJECTED: joining.rejected,
            NoticeKind.REPLACED: home.replaced,
            NoticeKind.MISFIT: home.misfit,
        }[kind](notice, now)
    if wants_no_event_mail(notice.user):
        raise Refused("This person wants no mail about events.")
    lines = lines_of(notice.user, notice.subject, now=now)
    if not lines:
        raise Refused("This home has nothing to do with the event.")
    return {
        NoticeKind.ANNOUNCED: _announced,
        NoticeKind.CANCELLED: _called_off,
        NoticeKind.OVER: _over,
    }[kind](lines)


def lines_of(user: User, subject: str, *, now: datetime) -> list[HomeEvent]:
    """An event as each system of this home meets it. The control group is not told ahead."""
    # By system: among a hundred thousand rows of an event, only that way is indexed.
    systems = list(Enrollment.objects.filter(user=user).values_list("system", flat=True))
    rows = rows_of(user).filter(event_id=_number(subject), system__in=systems)
    rows = rows.exclude(delivery=Delivery.WITHHELD)
    return [event_of(row, now) for row in rows.order_by("system__name", "id")]


def _number(subject: str) -> int:
    return int(subject.split(":")[1])


def _when(event: HomeEvent) -> str:
    return f"{event.starts_at.astimezone(ZoneInfo(event.zone)):%a %b %-d, %-I:%M %p %Z}"


def _about(title: str, lines: Sequence[HomeEvent], until: datetime | None = None) -> Letter:
    event = lines[0]
    return Letter(title, event.program, event.zone, {"event": event, "lines": lines}, until)


def _announced(lines: Sequence[HomeEvent]) -> Letter:
    event = lines[0]
    if event.called_off:
        raise Refused("The event was called off before this was sent.")
    if event.is_over:
        raise Refused("The event was over before this was sent.")
    if not any(line.what_now in ("planned", "sent") for line in lines):
        raise Refused("Nothing happens at this home any more.")
    until = event.ends_at if any(line.may_opt_out for line in lines) else None
    return _about(f"{event.program}: event {_when(event)}", lines, until)


def _called_off(lines: Sequence[HomeEvent]) -> Letter:
    event = lines[0]
    if event.is_over:
        raise Refused("The event's time was over before this was sent.")
    return _about(f"{event.program}: called off, {_when(event)}", lines)


def _over(lines: Sequence[HomeEvent]) -> Letter:
    return _about(f"{lines[0].program}: what happened {_when(lines[0])}", lines)


def _enrollment(notice: Notice) -> Enrollment:
    found = Enrollment.objects.select_related("program", "system__grant")
    return found.get(id=_number(notice.subject))


def _names(enrollments: Sequence[Enrollment]) -> list[str]:
    return [one.system.name or one.system.serial for one in enrollments]


def _enrolled(notice: Notice, now: datetime) -> Letter:
    enrollment = _enrollment(notice)
    program = enrollment.program
    if enrollment.state == EnrollmentState.WITHDRAWN:
        raise Refused("The home left before this was sent.")
    joined = Enrollment.objects.filter(
        user=notice.user_id, program=program, state__in=LIVE_ENROLLMENTS
    ).select_related("system")
    systems = _names(list(joined.order_by("system__name", "id")))
    facts = {"systems": systems, "notice_minutes": program.min_notice_minutes}
    return Letter(f"You are in: {program.name}", program.name, program.time_zone, facts)


def _withdrawn(notice: Notice, now: datetime) -> Letter:
    """A receipt: true whatever happened since."""
    enrollment = _enrollment(notice)
    program, grant = enrollment.program, enrollment.system.grant
    facts = {
        "system": _names([enrollment])[0],
        "left_at": notice.made_at,
        "is_destroyed": grant.user_id == notice.user_id and grant.state == GrantState.REVOKED,
        "at_carrier": Dispatch.objects.filter(
            AT_CARRIER, enrollment=enrollment, event__ends_at__gt=now
        ).exists(),
    }
    return Letter(f"You have left {program.name}", program.name, program.time_zone, facts)


def _permission_lost(notice: Notice, now: datetime) -> Letter:
    grant = CarrierGrant.objects.get(id=_number(notice.subject))
    if grant.state != GrantState.NEEDS_RELINK or grant.loss != notice.subject:
        raise Refused("It was mended, or the home left, before this was sent.")
    concerned = list(
        Enrollment.objects.filter(
            system__grant=grant, user=notice.user_id, state__in=LIVE_ENROLLMENTS
        )
        .select_related("program", "system")
        .order_by("system__name", "id")
    )
    program = concerned[0].program.name if concerned else settings.UTILITY_NAME
    zone = concerned[0].program.time_zone if concerned else settings.UTILITY_TIME_ZONE
    facts = {"systems": _names(concerned), "given_at": grant.linked_at}
    return Letter(f"{program}: please connect again", program, zone, facts)


def wants_no_event_mail(user: User) -> bool:
    return MailStop.objects.filter(user=user).exists()


# --- links and the log ------------------------------------------------------------------------
def link_of(token: str, purpose: LinkPurpose, *, now: datetime) -> MailLink | None:
    """What a mailed token stands for. None, without a reason, when it is wrong, for something
    else, too old, or its person has no account any more. Looking changes nothing."""
    return (
        MailLink.objects.filter(
            token_hash=hashed(token), purpose=purpose, expires_at__gt=now, user__is_active=True
        )
        .select_related("user")
        .first()
    )


def log(*, user: User | None = None, event_id: int | None = None, limit: int = 50) -> list[Notice]:
    """What was mailed to whom and when, newest first; ``user`` is loaded."""
    found = Notice.objects.select_related("user")
    if user is not None:
        found = found.filter(user=user)
    if event_id is not None:
        found = found.filter(subject=subject_of(event_id))
    return list(found.order_by("-made_at", "-id")[:limit])
