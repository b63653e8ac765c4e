"""Roles. One person has one role; homeowners and utility staff never share an account."""

from base.choices import ColoredChoices


class Role(ColoredChoices):
    HOMEOWNER = "HOMEOWNER", "secondary", "Homeowner"
    VIEWER = "VIEWER", "azure", "Viewer"
    CUSTOMER_SERVICE = "CUSTOMER_SERVICE", "azure", "Customer service"
    OPERATOR = "OPERATOR", "blue", "Operator"
    APPROVER = "APPROVER", "blue", "Approver"
    ADMIN = "ADMIN", "yellow", "Administrator"


STAFF = frozenset({Role.VIEWER, Role.CUSTOMER_SERVICE, Role.OPERATOR, Role.APPROVER, Role.ADMIN})
# Who may plan, schedule and cancel events. An approver may do all an operator may,
# but nobody approves an event of their own.
MAY_OPERATE = frozenset({Role.OPERATOR, Role.APPROVER, Role.ADMIN})
MAY_APPROVE = frozenset({Role.APPROVER, Role.ADMIN})
# Who may act for one home that called, and for one that applied: everybody but a viewer. Only they
# see who the homeowners are.
MAY_SERVE = MAY_OPERATE | {Role.CUSTOMER_SERVICE}
# Who may invite people, change their roles and shut them out.
MAY_MANAGE = frozenset({Role.ADMIN})

# What a role may do, for whoever chooses one.
ROLE_SENTENCES = {
    Role.VIEWER: "Sees figures, events and systems, but not whose they are, who applied, the mail "
    "or the activity log; changes nothing.",
    Role.CUSTOMER_SERVICE: "Also acts for a home whose owner asks, and decides about applications.",
    Role.OPERATOR: "Also plans, sends and cancels events, and stops all sending.",
    Role.APPROVER: "Also approves events that somebody else planned.",
    Role.ADMIN: "Also invites people and decides what each may do; has the back office.",
}


class InvitationState(ColoredChoices):
    """
    OPEN ──> ACCEPTED (an account was made of it)
      ├──> WITHDRAWN (an administrator took it back, or invited the same address again)
      └╌╌> EXPIRED (not stored: it follows from the clock)
    """

    OPEN = "OPEN", "azure", "Waiting for an answer"
    ACCEPTED = "ACCEPTED", "green", "Accepted"
    WITHDRAWN = "WITHDRAWN", "secondary", "Taken back"


INVITATION_MOVES = {
    InvitationState.OPEN: {InvitationState.ACCEPTED, InvitationState.WITHDRAWN},
    InvitationState.ACCEPTED: set(),
    InvitationState.WITHDRAWN: set(),
}
