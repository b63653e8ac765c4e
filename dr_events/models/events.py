"""Events, and what pages show of them, kept."""

import uuid
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from base.moves import MoveQuerySet
from dr_events.states import EVENT_MOVES, EventState, Response
from enrollments.models import Program


class Event(models.Model):
    """A demand-response event. Times are business time, aware UTC; temperatures °F.

    ``message`` is what each targeted system gets, byte for byte, frozen when it is scheduled.
    """

    program = models.ForeignKey(Program, models.PROTECT, related_name="events")
    name = models.CharField(max_length=80)
    wire_id = models.CharField(max_length=64, unique=True, editable=False)
    modification = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=12, choices=EventState, default=EventState.DRAFT)
    version = models.PositiveIntegerField(default=1, help_text="For optimistic locking.")
    # The program's limits this event was last checked against (queries.work.LIMITS_MARK).
    limits_mark = models.CharField(max_length=32, blank=True, editable=False)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    response = models.CharField(max_length=10, choices=Response, default=Response.CUSTOMER)
    offset_f = models.DecimalField(max_digits=3, decimal_places=1, null=True, blank=True)
    cool_f = models.DecimalField(max_digits=4, decimal_places=1, null=True, blank=True)
    heat_f = models.DecimalField(max_digits=4, decimal_places=1, null=True, blank=True)
    # Cents per kWh; the wall control compares it with the limit its owner set.
    price_cents = models.DecimalField(max_digits=6, decimal_places=2, null=True, blank=True)
    # Marked as a test at Carrier, and only ever for groups.
    is_test = models.BooleanField(default=False)
    randomize_start_s = models.PositiveIntegerField(default=0)
    note = models.CharField(max_length=160, blank=True, help_text="Shown at the wall control.")
    postal_codes = models.JSONField(default=list, blank=True)
    # Ids of enrollments.Group. Whoever is in one of them when it is planned gets the event.
    groups = ArrayField(models.BigIntegerField(), default=list, blank=True)
    # Of the homes that could get it, drawn by lot; the others are left out of this event.
    share_percent = models.PositiveSmallIntegerField(default=100, db_default=100)
    control_percent = models.PositiveSmallIntegerField(default=0)
    message = models.BinaryField(null=True, editable=False)
    content_type = models.CharField(max_length=60, blank=True, editable=False)
    wire_version = models.CharField(max_length=20, blank=True, editable=False)
    created_by = models.CharField(max_length=120)
    created_at = models.DateTimeField()
    approved_by = models.CharField(max_length=120, blank=True)
    scheduled_at = models.DateTimeField(null=True)
    # Real time of the same moment: how fast the first request followed is a real duration.
    released_at = models.DateTimeField(null=True)
    send_at = models.DateTimeField(null=True, help_text="Sending begins here.")
    cancelled_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    sent_back_reason = models.CharField(max_length=200, blank=True)
    read_back_due_at = models.DateTimeField(null=True)
    # The next look that decides nothing (rules.around); null after the last.
    around_due_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = MoveQuerySet["Event"].as_manager()
    move_field = "state"
    moves: ClassVar[dict[str, set[str]]] = EVENT_MOVES  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="event_has_length"
            ),
            models.CheckConstraint(
                condition=Q(control_percent__lte=50), name="most_homes_are_not_control"
            ),
            models.CheckConstraint(
                condition=Q(share_percent__gte=1, share_percent__lte=100), name="share_in_percent"
            ),
            models.CheckConstraint(
                condition=~Q(state=EventState.SCHEDULED)
                | Q(message__isnull=False, send_at__isnull=False),
                name="scheduled_is_frozen",
            ),
        ]
        indexes = [
            models.Index(
                fields=["send_at"], condition=Q(state=EventState.SCHEDULED), name="events_to_run"
            ),
            models.Index(fields=["program", "-starts_at"], name="events_by_program"),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.wire_id:
            self.wire_id = f"op-{uuid.uuid4().hex}"
        super().save(*args, **kwargs)


class KeptTally(models.Model):
    """What pages show of an event, kept (operations.counting writes, queries.tallies reads).

    Everything here follows from dispatch rows: the table may be emptied at any time.
    """

    event = models.OneToOneField(Event, models.CASCADE, primary_key=True, related_name="+")
    counted_at = models.DateTimeField(help_text="Real time.")
    # Nothing can change any more. The others wait for their send time or are under way.
    is_final = models.BooleanField()
    counts = models.JSONField()
    # What is counted (operations.counting.VERSION); an older one is counted again.
    version = models.PositiveSmallIntegerField(db_default=1)

    class Meta:
        db_table = "dr_events_tally"
