"""States of a permission, of an enrolment and of a notice, and the moves they allow."""

from base.choices import ColoredChoices


class GrantState(ColoredChoices):
    """A homeowner's permission at Carrier.

    ACTIVE ──> NEEDS_RELINK (a refresh was refused, or its answer was lost)
       │            └──> ACTIVE (the homeowner connected again)
       └──> REVOKED <── from both (withdrawn here or at Carrier); tokens are destroyed
    """

    ACTIVE = "ACTIVE", "green", "Connected"
    NEEDS_RELINK = "NEEDS_RELINK", "yellow", "Connect again"
    REVOKED = "REVOKED", "secondary", "Disconnected"


GRANT_MOVES = {
    GrantState.ACTIVE: {GrantState.ACTIVE, GrantState.NEEDS_RELINK, GrantState.REVOKED},
    GrantState.NEEDS_RELINK: {GrantState.ACTIVE, GrantState.REVOKED},
    GrantState.REVOKED: {GrantState.ACTIVE},
}


class EnrollmentState(ColoredChoices):
    """One system in one program.

    ACTIVE <──> PAUSED (homeowner or operator)
       └──> WITHDRAWN <── PAUSED      (final; joining again makes a new enrolment)
    """

    ACTIVE = "ACTIVE", "green", "Enrolled"
    PAUSED = "PAUSED", "yellow", "Paused"
    WITHDRAWN = "WITHDRAWN", "secondary", "Withdrawn"


ENROLLMENT_MOVES = {
    EnrollmentState.ACTIVE: {EnrollmentState.PAUSED, EnrollmentState.WITHDRAWN},
    EnrollmentState.PAUSED: {EnrollmentState.ACTIVE, EnrollmentState.WITHDRAWN},
    EnrollmentState.WITHDRAWN: set(),
}
LIVE_ENROLLMENTS = frozenset({EnrollmentState.ACTIVE, EnrollmentState.PAUSED})


class ConsentAct(ColoredChoices):
    GIVEN = "GIVEN", "green", "Given"
    WITHDRAWN = "WITHDRAWN", "secondary", "Withdrawn"


class Ineligible(ColoredChoices):
    """Why a system cannot take part, and what the homeowner can do: see ``rules.REMEDIES``."""

    NO_OUTDOOR_UNIT = "NO_OUTDOOR_UNIT", "secondary", "No outdoor unit"
    DR_UNKNOWN = "DR_UNKNOWN", "yellow", "Demand response not reported"
    DR_OFF = "DR_OFF", "yellow", "Demand response is off at the wall control"
    OFFLINE = "OFFLINE", "yellow", "Wall control is offline"
    NOT_READ = "NOT_READ", "yellow", "Not read from Carrier yet"
    SCOPE_MISSING = "SCOPE_MISSING", "yellow", "Permission is incomplete"


class NoticeKind(ColoredChoices):
    """What a mail tells."""

    ENROLLED = "ENROLLED", "green", "Enrolled"
    PERMISSION_LOST = "PERMISSION_LOST", "yellow", "Permission lost"
    WITHDRAWN = "WITHDRAWN", "secondary", "Left the program"
    ANNOUNCED = "ANNOUNCED", "azure", "Event announced"
    CANCELLED = "CANCELLED", "secondary", "Event called off"
    OVER = "OVER", "blue", "What happened"


# What somebody who wants no mail about events does not get.
EVENT_MAIL = frozenset({NoticeKind.ANNOUNCED, NoticeKind.CANCELLED, NoticeKind.OVER})
# Whoever does not hear of these in time is worse off; they go before an announcement to thousands.
URGENT_MAIL = frozenset({NoticeKind.PERMISSION_LOST, NoticeKind.CANCELLED})


class NoticeState(ColoredChoices):
    """
    WAITING ──> SENT (the mail server took it; what it does with it is not known here)
       └──> DROPPED (not true or not wanted any more, or the mail server will never take it)
    """

    WAITING = "WAITING", "azure", "Waiting"
    SENT = "SENT", "green", "Sent"
    DROPPED = "DROPPED", "secondary", "Not sent"


NOTICE_MOVES = {
    NoticeState.WAITING: {NoticeState.SENT, NoticeState.DROPPED},
    NoticeState.SENT: set(),
    NoticeState.DROPPED: set(),
}


class LinkPurpose(ColoredChoices):
    """The one thing the holder of a mailed address may do without signing in."""

    SAY_NO = "SAY_NO", "yellow", "Say no to one event"
    STOP_MAIL = "STOP_MAIL", "yellow", "Stop mail about events"
