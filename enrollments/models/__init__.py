"""``programs``: what is offered. ``permissions``: given at Carrier. ``homes``: systems, and the
programs they are in. ``consents``: what was agreed to. ``groups``: whom events are for.
``notices``: mail about homes. ``questions``: what a program asks first. ``customers``: the
utility's own list. ``applications``: the way into a program. ``replacements``: new wall
controls. ``bulk``: one act for many systems."""

from enrollments.models.applications import Application, Visits
from enrollments.models.bulk import BulkAct
from enrollments.models.consents import Consent, Terms
from enrollments.models.customers import Customer, CustomerImport
from enrollments.models.groups import RULE_FIELDS, Group, Membership
from enrollments.models.homes import Enrollment, Location, System
from enrollments.models.notices import (
    CalendarFeed,
    MailLink,
    MailServer,
    MailStop,
    Notice,
    NoticeRound,
)
from enrollments.models.permissions import CarrierGrant, LinkAttempt
from enrollments.models.programs import PartnerGrant, Program, month_day, weekdays
from enrollments.models.questions import Answer, Question
from enrollments.models.replacements import Replacement

__all__ = [
    "RULE_FIELDS",
    "Answer",
    "Application",
    "BulkAct",
    "CalendarFeed",
    "CarrierGrant",
    "Consent",
    "Customer",
    "CustomerImport",
    "Enrollment",
    "Group",
    "LinkAttempt",
    "Location",
    "MailLink",
    "MailServer",
    "MailStop",
    "Membership",
    "Notice",
    "NoticeRound",
    "PartnerGrant",
    "Program",
    "Question",
    "Replacement",
    "System",
    "Terms",
    "Visits",
    "month_day",
    "weekdays",
]
