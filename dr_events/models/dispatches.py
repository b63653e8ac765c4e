"""One row per targeted system, and what happened to it: attempts, readings, opt-outs."""

from typing import Any, ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import Q

from base.moves import MoveQuerySet
from dr_events.models.events import Event
from dr_events.states import (
    DELIVERY_MOVES,
    Delivery,
    OptOutVia,
    Participation,
    Reason,
    Recall,
)
from enrollments.models import Enrollment, System


class Dispatch(models.Model):
    """One event for one system: the queue, the intent, the outcome.

    No index mentions ``delivery``, ``participation``, ``claim`` or a time that changes while
    sending: PostgreSQL can then update a row in place (HOT), which measured a quarter cheaper.
    The table's fillfactor is 50 for the same reason (migration 0002).
    """

    event = models.ForeignKey(Event, models.PROTECT, related_name="dispatches", db_index=False)
    # The enrollment's own foreign key already vouches for the system.
    system = models.ForeignKey(
        System, models.PROTECT, related_name="dispatches", db_index=False, db_constraint=False
    )
    enrollment = models.ForeignKey(Enrollment, models.PROTECT, db_index=False)
    window = DateTimeRangeField()
    # False once the home is surely free again (left out, opted out, cancelled unsent).
    holds_slot = models.BooleanField(default=True)
    delivery = models.CharField(max_length=12, choices=Delivery, default=Delivery.PLANNED)
    participation = models.CharField(
        max_length=20, choices=Participation, default=Participation.UNKNOWN
    )
    reason = models.CharField(max_length=20, choices=Reason, blank=True)
    # Claim number: the fence, and the key of the sender's session lock. Grows with each claim.
    claim = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    # Senders that died with this row in their hands, since the last result.
    orphaned = models.PositiveSmallIntegerField(default=0, db_default=0)
    renewals = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True, help_text="Real time of the next try or look.")
    absent_reads = models.PositiveSmallIntegerField(default=0)
    absent_needed = models.PositiveSmallIntegerField(default=0)
    http_status = models.PositiveSmallIntegerField(null=True)
    trouble = models.CharField(max_length=120, blank=True)
    sent_at = models.DateTimeField(null=True, help_text="Real time of the last POST.")
    accepted_at = models.DateTimeField(null=True, help_text="Real time of the 200.")
    confirmed_at = models.DateTimeField(null=True, help_text="Business time it was first listed.")
    opted_out_at = models.DateTimeField(null=True)
    recall = models.CharField(max_length=10, choices=Recall, blank=True, db_default="")
    recall_at = models.DateTimeField(null=True, help_text="Real time the recall was taken.")
    seen_active_at = models.DateTimeField(null=True, help_text="Business time, last seen active.")
    read_at = models.DateTimeField(null=True, help_text="Business time of the last look.")

    objects: ClassVar[Any] = MoveQuerySet["Dispatch"].as_manager()
    move_field = "delivery"
    moves: ClassVar[dict[str, set[str]]] = DELIVERY_MOVES  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event", "system"], name="one_dispatch_per_system"),
            ExclusionConstraint(
                name="no_overlapping_events",
                expressions=[
                    ("system", RangeOperators.EQUAL),
                    ("window", RangeOperators.OVERLAPS),
                ],
                condition=Q(holds_slot=True),
            ),
        ]


class Attempt(models.Model):
    """One request and what came of it. Only ever added."""

    # Written by the statement that reads the row; a check per row cost an eighth of the saving.
    dispatch = models.ForeignKey(
        Dispatch, models.CASCADE, related_name="tries", db_constraint=False
    )
    claim = models.BigIntegerField()
    method = models.CharField(max_length=6)
    ended_at = models.DateTimeField(help_text="Real time.")
    elapsed_ms = models.FloatField()
    outcome = models.CharField(max_length=12)
    http_status = models.PositiveSmallIntegerField(null=True)
    excerpt = models.CharField(max_length=200, blank=True)


class Reading(models.Model):
    """What a home reported while we watched an event: the evidence behind participation. °F."""

    dispatch = models.ForeignKey(Dispatch, models.CASCADE, related_name="readings", db_index=False)
    at = models.DateTimeField(help_text="Business time of the look.")
    is_online = models.BooleanField()
    indoor_f = models.FloatField(null=True)
    cool_f = models.FloatField(null=True)
    outdoor_f = models.FloatField(null=True)
    # Share of full cooling capacity, 0 to 1; null when the equipment does not say (contract 6.2).
    load = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dispatch", "at"], name="one_reading_per_look")
        ]


class OptOut(models.Model):
    """Somebody said no to one event for one system. Kept, also when taken back: then it holds no
    longer."""

    dispatch = models.ForeignKey(Dispatch, models.PROTECT, related_name="opt_outs")
    at = models.DateTimeField()
    via = models.CharField(max_length=12, choices=OptOutVia)
    actor = models.CharField(max_length=120)
    # True: it was not sent yet and never will be. False: Carrier has it, and only the override
    # button at the wall control can stop it.
    in_time = models.BooleanField()
    undone_at = models.DateTimeField(null=True, help_text="Business time the home said yes again.")
