"""The way of one person into one program."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from base.moves import MoveQuerySet
from enrollments.models.customers import Customer
from enrollments.models.programs import Program
from enrollments.states import APPLICATION_MOVES, LIVE_APPLICATIONS, Acts, ApplicationState, Holdup


class Visits(models.Model):
    """How often a program's page was looked at on a day, local to the program. A number, and
    nothing about whoever looked."""

    program = models.ForeignKey(Program, models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()
    number = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["program", "day"], name="visits_of_a_day")]


class Application(models.Model):
    """Begun with the agreement to the terms; what it waits for, and how it ended.

    One that ended stays; who applies again gets a new one. Every change is in the activity log.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="applications")
    program = models.ForeignKey(Program, models.PROTECT, related_name="applications")
    state = models.CharField(
        max_length=12, choices=ApplicationState, default=ApplicationState.APPLIED
    )
    who = models.CharField(max_length=10, choices=Acts, blank=True, help_text="Who must act.")
    why = models.CharField(max_length=12, choices=Holdup, blank=True)
    reason = models.CharField(
        max_length=300, blank=True, help_text="What a person at the utility wrote to the homeowner."
    )
    customer = models.ForeignKey(
        Customer, models.PROTECT, null=True, blank=True, related_name="applications"
    )
    # What was typed last and did not match, normalised, for whoever looks at it; gone once decided.
    typed_account = models.CharField(max_length=32, blank=True)
    typed_postal = models.CharField(max_length=12, blank=True)
    applied_at = models.DateTimeField(help_text="Business time.")
    changed_at = models.DateTimeField(help_text="Business time.")

    objects: ClassVar[Any] = MoveQuerySet["Application"].as_manager()
    move_field = "state"
    moves: ClassVar[dict[str, set[str]]] = APPLICATION_MOVES  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "program"],
                condition=Q(state__in=sorted(LIVE_APPLICATIONS)),
                name="one_live_application",
            ),
            models.CheckConstraint(
                condition=Q(state=ApplicationState.NEEDS_ACTION, who__gt="", why__gt="")
                | (~Q(state=ApplicationState.NEEDS_ACTION) & Q(who="", why="")),
                name="waits_for_somebody",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "who", "id"], name="applications_by_state"),
            models.Index(fields=["program", "applied_at"], name="applications_by_program"),
            # The funnel is counted from this index alone.
            models.Index(
                fields=["applied_at", "program", "state", "who"], name="applications_by_time"
            ),
            models.Index(
                fields=["customer"],
                condition=Q(state__in=sorted(LIVE_APPLICATIONS)),
                name="accounts_taken",
            ),
        ]
