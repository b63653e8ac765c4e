"""States of a permission and of an enrolment, and the moves they allow."""

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
