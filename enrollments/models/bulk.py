"""One act for every system that matched a filter."""

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from base.moves import MoveQuerySet
from enrollments.models.groups import Group
from enrollments.states import BULK_MOVES, BulkState, BulkVerb


class BulkAct(models.Model):
    """What was confirmed, for whom, and how far it is.

    ``systems`` are those that matched when it was prepared, in their order, and never change:
    nobody is added by what happens later. Each is asked again whether it still matches before
    anything is done for it.
    """

    act = models.CharField(max_length=10, choices=BulkVerb)
    why = models.CharField(max_length=300, blank=True)
    group = models.ForeignKey(Group, models.PROTECT, null=True, related_name="+")
    # The filter as an address has it (dr_events.queries.systems.Wanted.query).
    filter = models.TextField(blank=True)
    systems = ArrayField(models.BigIntegerField(), editable=False)
    total = models.PositiveIntegerField(help_text="How many systems.")
    in_program = models.PositiveIntegerField(help_text="So many of them were in a program.")
    state = models.CharField(max_length=10, choices=BulkState, default=BulkState.PREPARED)
    # "user:12", as in the activity log, and the network address: for what is recorded per home.
    asked_by = models.CharField(max_length=120)
    address = models.GenericIPAddressField(null=True)
    asked_at = models.DateTimeField(help_text="Business time.")
    ended_at = models.DateTimeField(null=True, help_text="Business time.")
    looked_at = models.PositiveIntegerField(default=0, help_text="So many, from the first on.")
    done = models.PositiveIntegerField(default=0)
    # Sentence -> systems: why nothing was done for them.
    unchanged = models.JSONField(default=dict)
    trouble = models.CharField(max_length=200, blank=True, help_text="Why it was stopped.")
    # Real time. Set while a worker has it; past when that worker died. ``claim`` is the fence,
    # ``tries`` counts the claims since it last came on.
    lease_until = models.DateTimeField(null=True)
    claim = models.PositiveIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)

    objects: ClassVar[Any] = MoveQuerySet["BulkAct"].as_manager()
    move_field = "state"
    moves: ClassVar[dict[str, set[str]]] = BULK_MOVES  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(act=BulkVerb.GROUP, group__isnull=False)
                | (~Q(act=BulkVerb.GROUP) & Q(group=None, why__gt="")),
                name="bulk_act_is_whole",
            )
        ]
        indexes = [
            models.Index(
                fields=["id"], condition=Q(state=BulkState.RUNNING), name="bulk_acts_to_work_on"
            )
        ]
