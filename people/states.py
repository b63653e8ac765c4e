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
