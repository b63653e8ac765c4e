"""Events, one dispatch row per targeted system, attempts, readings, opt-outs, the stop."""

import uuid
from typing import Any, ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from base.moves import MoveQuerySet
from dr_events.states import (
    DELIVERY_MOVES,
    EVENT_MOVES,
    Delivery,
    EventState,
    OptOutVia,
    Participation,
    Reason,
    Recall,
    Response,
)
from enrollments.models import Enrollment, Program, System


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


class Control(models.Model):
    """One row: may anything be sent at all? (queries.work.HELD)

    ``UPDATE dr_events_control SET stopped = true`` is the emergency stop; pages, a command and
    this line all do the same.
    """

    stopped = models.BooleanField(default=False)
    stopped_at = models.DateTimeField(null=True)
    stopped_by = models.CharField(max_length=120, blank=True)
    why = models.CharField(max_length=200, blank=True)
    # The circuit to Carrier: open from here on, until somebody has looked and closes it.
    broken_at = models.DateTimeField(null=True)
    broken_why = models.CharField(max_length=200, blank=True)
    mended_at = models.DateTimeField(null=True, help_text="Real time; counted from here.")
    # This database is older than one a worker knew (dispatch.witness), until somebody releases.
    restored_at = models.DateTimeField(null=True)
    restored_why = models.CharField(max_length=200, blank=True)
    heartbeat = models.BigIntegerField(default=0)
    # Real time a home's list last showed one of our events: only then is "not listed" a proof.
    listed_at = models.DateTimeField(null=True)
    swept_at = models.DateTimeField(null=True, help_text="Real time somebody last swept.")
    broker_lost_at = models.DateTimeField(
        null=True, help_text="Real time since which the broker does not answer."
    )

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="only_one_control_row")]


class Pause(models.Model):
    """Carrier said "not now" (429): nothing is sent with this permission before ``until``.

    Grant 0 stands for all of them. A table of its own: the grant's row is locked while its token
    is renewed, and a wave must not wait for that.
    """

    grant_id = models.BigIntegerField(primary_key=True)
    until = models.DateTimeField(help_text="Real time.")


class KeptTally(models.Model):
    """What pages show of an event, kept (operations.counting writes, queries.tallies reads).

    Everything here follows from dispatch rows: the table may be emptied at any time.
    """

    event = models.OneToOneField(Event, models.CASCADE, primary_key=True, related_name="+")
    counted_at = models.DateTimeField(help_text="Real time.")
    # Nothing can change any more. The others wait for their send time.
    is_final = models.BooleanField()
    counts = models.JSONField()
    # What is counted (operations.counting.VERSION); an older one is counted again.
    version = models.PositiveSmallIntegerField(db_default=1)

    class Meta:
        db_table = "dr_events_tally"


class Credit(models.Model):
    """The credit a home earns in a season (rules.credit). Amounts in cents; ``threshold`` is what
    must be reached, in percent of what the home was asked for."""

    program = models.OneToOneField(Program, models.CASCADE, primary_key=True, related_name="+")
    basis = models.CharField(max_length=10)
    threshold = models.PositiveSmallIntegerField()
    season_cents = models.PositiveIntegerField()
    event_cents = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(basis__in=["EVENTS", "HOURS"]), name="credit_basis"),
            models.CheckConstraint(condition=Q(threshold__lte=100), name="credit_in_percent"),
        ]


class Template(models.Model):
    """A design of an event under a name and without a day: what the designer may start from."""

    program = models.ForeignKey(Program, models.CASCADE, related_name="templates")
    name = models.CharField(max_length=80)
    # As the designer's form takes it (forms.designer.EventForm.design).
    values = models.JSONField()
    kept_by = models.CharField(max_length=120)
    kept_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["program", "name"], name="one_template_per_name")
        ]

    def __str__(self) -> str:
        return self.name


class Rung(models.Model):
    """A ring that was sent and not heard yet (operations.ringing)."""

    name = models.CharField(max_length=200, primary_key=True)
    at = models.DateTimeField(help_text="Real time.")
    since = models.DateTimeField(db_default=Now(), help_text="Real time it was rung first.")
