"""States of a permission, an enrolment, an application, an import and a notice, and their moves."""

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

    ACTIVE <──> PAUSED (homeowner or operator; or the day came: operations.pausing)
       └──> WITHDRAWN <── PAUSED      (final; joining again makes a new enrolment)

    Whether an event reaches the system follows from the time of the pause, not from this word.
    """

    ACTIVE = "ACTIVE", "green", "Enrolled"
    PAUSED = "PAUSED", "yellow", "Paused"
    WITHDRAWN = "WITHDRAWN", "secondary", "Withdrawn"


ENROLLMENT_MOVES = {
    EnrollmentState.ACTIVE: {
        EnrollmentState.ACTIVE,  # a pause for later is planned, or called off
        EnrollmentState.PAUSED,
        EnrollmentState.WITHDRAWN,
    },
    EnrollmentState.PAUSED: {
        EnrollmentState.PAUSED,  # until another day
        EnrollmentState.ACTIVE,
        EnrollmentState.WITHDRAWN,
    },
    EnrollmentState.WITHDRAWN: set(),
}
LIVE_ENROLLMENTS = frozenset({EnrollmentState.ACTIVE, EnrollmentState.PAUSED})


class ApplicationState(ColoredChoices):
    """The way of one person into one program.

    APPLIED (agreed to the terms) <──> NEEDS_ACTION (something holds it up: ``Acts``, ``Holdup``)
       │                                  │     └──> NEEDS_ACTION (now something else does)
       ├──> REJECTED <────────────────────┤     (somebody at the utility said no, and why)
       ├──> ACTIVE (a system joined) <────┤
       │       └──> WITHDRAWN (the last system left)
       └──> WITHDRAWN <───────────────────┘

    REJECTED and WITHDRAWN are final; who applies again gets a new one.
    """

    APPLIED = "APPLIED", "azure", "Applied"
    NEEDS_ACTION = "NEEDS_ACTION", "yellow", "Somebody must act"
    ACTIVE = "ACTIVE", "green", "Enrolled"
    REJECTED = "REJECTED", "red", "Rejected"
    WITHDRAWN = "WITHDRAWN", "secondary", "Withdrawn"


APPLICATION_MOVES = {
    ApplicationState.APPLIED: {
        ApplicationState.NEEDS_ACTION,
        ApplicationState.ACTIVE,
        ApplicationState.REJECTED,
        ApplicationState.WITHDRAWN,
    },
    ApplicationState.NEEDS_ACTION: {
        ApplicationState.APPLIED,
        ApplicationState.NEEDS_ACTION,
        ApplicationState.ACTIVE,
        ApplicationState.REJECTED,
        ApplicationState.WITHDRAWN,
    },
    ApplicationState.ACTIVE: {ApplicationState.WITHDRAWN},
    ApplicationState.REJECTED: set(),
    ApplicationState.WITHDRAWN: set(),
}
# On the way, before the first system joined.
OPEN_APPLICATIONS = frozenset({ApplicationState.APPLIED, ApplicationState.NEEDS_ACTION})
LIVE_APPLICATIONS = OPEN_APPLICATIONS | {ApplicationState.ACTIVE}


class Acts(ColoredChoices):
    """Who must act before an application goes on."""

    HOMEOWNER = "HOMEOWNER", "azure", "The homeowner"
    UTILITY = "UTILITY", "yellow", "The utility"
    CARRIER = "CARRIER", "secondary", "Carrier"


class Holdup(ColoredChoices):
    """What holds an application up."""

    ANSWER = "ANSWER", "azure", "An answer does not fit"
    ACCOUNT = "ACCOUNT", "yellow", "No account matched"
    ASKED = "ASKED", "azure", "Asked to check the account"
    PERMISSION = "PERMISSION", "azure", "Permission at Carrier lost"
    UNREAD = "UNREAD", "secondary", "Carrier could not be read"
    SYSTEM = "SYSTEM", "azure", "No system can take part yet"


# An account was typed that is not matched yet: somebody at the utility can match it.
OF_ACCOUNT = frozenset({Holdup.ACCOUNT, Holdup.ASKED})
# What follows from the permission at Carrier and the last reading, and from nothing else.
FROM_CARRIER = frozenset({Holdup.PERMISSION, Holdup.UNREAD, Holdup.SYSTEM})


class ImportState(ColoredChoices):
    """A file with the utility's customers.

    UPLOADED ──> CHECKED (every line was looked at, nothing written) ──> WRITING ──> DONE
       ├──> REFUSED (no such table)    └──> DROPPED (thrown away)           └──> REFUSED
       └──> DROPPED
    """

    UPLOADED = "UPLOADED", "azure", "Being checked"
    CHECKED = "CHECKED", "yellow", "Checked"
    WRITING = "WRITING", "azure", "Being imported"
    DONE = "DONE", "green", "Imported"
    REFUSED = "REFUSED", "red", "Refused"
    DROPPED = "DROPPED", "secondary", "Thrown away"


IMPORT_MOVES = {
    ImportState.UPLOADED: {ImportState.CHECKED, ImportState.REFUSED, ImportState.DROPPED},
    ImportState.CHECKED: {ImportState.WRITING, ImportState.DROPPED},
    ImportState.WRITING: {ImportState.DONE, ImportState.REFUSED},
    ImportState.DONE: set(),
    ImportState.REFUSED: set(),
    ImportState.DROPPED: set(),
}


class BulkVerb(ColoredChoices):
    """What is done for many systems at once."""

    PAUSE = "PAUSE", "yellow", "Pause"
    RESUME = "RESUME", "green", "Resume"
    WITHDRAW = "WITHDRAW", "red", "Take out of the program"
    GROUP = "GROUP", "azure", "Put into a group"


class BulkState(ColoredChoices):
    """One act for every system that matched a filter.

    PREPARED (its systems are fixed, nothing is done) ──> RUNNING ──> DONE
       └──> DROPPED (not confirmed)                         └──> STOPPED (the rest stays as it is)
    """

    PREPARED = "PREPARED", "yellow", "To be confirmed"
    RUNNING = "RUNNING", "azure", "Under way"
    DONE = "DONE", "green", "Done"
    STOPPED = "STOPPED", "red", "Stopped"
    DROPPED = "DROPPED", "secondary", "Not confirmed"


BULK_MOVES = {
    BulkState.PREPARED: {BulkState.RUNNING, BulkState.DROPPED},
    BulkState.RUNNING: {BulkState.DONE, BulkState.STOPPED},
    BulkState.DONE: set(),
    BulkState.STOPPED: set(),
    BulkState.DROPPED: set(),
}


class EndReason(ColoredChoices):
    """Why an enrolment ended, where nobody left."""

    NONE = "", "secondary", ""
    REPLACED = "REPLACED", "secondary", "The wall control was replaced"


class ReplacementState(ColoredChoices):
    """Is a new wall control the one that took an enrolled one's place?

    OPEN ──> CONFIRMED (yes: the enrolment goes on there) | DENIED (no, said a person)
      └<───> MOOT (the home left, or Carrier lists the old one again; when that is gone once more,
                   the question is open anew)
    """

    OPEN = "OPEN", "yellow", "Was the wall control replaced?"
    CONFIRMED = "CONFIRMED", "green", "Replaced"
    DENIED = "DENIED", "secondary", "Not a replacement"
    MOOT = "MOOT", "secondary", "The old one is back"


REPLACEMENT_MOVES = {
    ReplacementState.OPEN: {
        ReplacementState.CONFIRMED,
        ReplacementState.DENIED,
        ReplacementState.MOOT,
    },
    ReplacementState.CONFIRMED: set(),
    ReplacementState.DENIED: set(),
    ReplacementState.MOOT: {ReplacementState.OPEN},
}


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
    ACTION_NEEDED = "ACTION_NEEDED", "yellow", "Action needed"
    APPROVED = "APPROVED", "green", "Account matched"
    REJECTED = "REJECTED", "red", "Application rejected"
    REPLACED = "REPLACED", "yellow", "Was the wall control replaced?"
    MISFIT = "MISFIT", "yellow", "Paused because of an answer"
    ERASED = "ERASED", "secondary", "Your data is deleted"
    TEST = "TEST", "secondary", "Test message"


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
