"""Groups of systems inside a program: who an event is for."""

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from base.moves import MoveQuerySet
from enrollments.models.homes import System
from enrollments.models.programs import Program


class Group(models.Model):
    """Systems by a rule, by hand, or both.

    The rule: every list that is not empty must hold the system's own value. With all lists empty
    nobody belongs by rule. Who belongs is asked when an event is planned, never kept.
    """

    program = models.ForeignKey(Program, models.PROTECT, related_name="groups")
    name = models.CharField(max_length=60)
    postal_codes = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    outdoor_types = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    # Of the customer whose account the home was matched with.
    feeders = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    substations = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    # Days the rule holds, local to the program and included; outside of them nobody belongs by it.
    since = models.DateField(null=True, blank=True)
    until = models.DateField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1, help_text="For optimistic locking.")
    retired_at = models.DateTimeField(null=True, help_text="Not offered for new events since.")

    objects: ClassVar[Any] = MoveQuerySet["Group"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["program", "name"],
                condition=Q(retired_at=None),
                name="one_group_of_a_name",
            ),
            models.CheckConstraint(
                condition=Q(since=None) | Q(until=None) | Q(until__gte=F("since")),
                name="group_rule_has_length",
            ),
        ]

    def __str__(self) -> str:
        return self.name


# The lists a rule is made of.
RULE_FIELDS = ("postal_codes", "feeders", "substations", "outdoor_types")


class Membership(models.Model):
    """A system put into a group by hand. Both days are local to the program and included."""

    group = models.ForeignKey(Group, models.CASCADE, related_name="memberships")
    system = models.ForeignKey(System, models.CASCADE, related_name="memberships")
    since = models.DateField()
    until = models.DateField(null=True, blank=True, help_text="Empty: until somebody ends it.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["group", "system"], name="one_membership"),
            models.CheckConstraint(
                condition=Q(until=None) | Q(until__gte=F("since")), name="membership_has_length"
            ),
        ]
