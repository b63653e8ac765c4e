"""Where people live, the systems there, and the programs these are in."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from base.moves import MoveQuerySet
from enrollments.models.permissions import CarrierGrant
from enrollments.models.programs import Program
from enrollments.states import ENROLLMENT_MOVES, LIVE_ENROLLMENTS, EndReason, EnrollmentState


class Location(models.Model):
    grant = models.ForeignKey(CarrierGrant, models.CASCADE, related_name="locations")
    carrier_id = models.CharField(max_length=64)
    name = models.CharField(max_length=120, blank=True)
    street = models.CharField(max_length=200, blank=True)
    city = models.CharField(max_length=120, blank=True)
    state = models.CharField(max_length=60, blank=True)
    postal = models.CharField(max_length=20, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["grant", "carrier_id"], name="one_location_per_grant")
        ]


class System(models.Model):
    """One wall control and its equipment, as Carrier last told us. Temperatures in °F."""

    grant = models.ForeignKey(CarrierGrant, models.PROTECT, related_name="systems")
    location = models.ForeignKey(Location, models.PROTECT, related_name="systems")
    serial = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=120, blank=True)
    brand = models.CharField(max_length=60, blank=True)
    model = models.CharField(max_length=60, blank=True)
    firmware = models.CharField(max_length=60, blank=True)
    outdoor_type = models.CharField(max_length=60, blank=True)
    has_outdoor_unit = models.BooleanField(default=False)
    capacity_kbtu = models.DecimalField(max_digits=5, decimal_places=1, null=True)
    unit = models.CharField(max_length=1, default="F", help_text="What the home shows: F or C.")
    is_online = models.BooleanField(default=False)
    # null: Carrier sent no utilityEvent block, so nobody knows (contract 4.2).
    dr_enabled = models.BooleanField(null=True)
    dr_settings = models.JSONField(default=dict)
    indoor_f = models.DecimalField(max_digits=5, decimal_places=1, null=True)
    outdoor_f = models.DecimalField(max_digits=5, decimal_places=1, null=True)
    reported_at = models.DateTimeField(null=True, help_text="Carrier's own time stamp.")
    read_at = models.DateTimeField(null=True)
    # Null: before this was written down. One that came after its neighbor joined may replace it.
    first_read_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["name", "id"], name="systems_by_name"),
            models.Index(fields=["outdoor_type", "name", "id"], name="systems_by_outdoor_unit"),
            models.Index(fields=["firmware", "name", "id"], name="systems_by_firmware"),
            models.Index(fields=["reported_at"], name="systems_by_report"),
            # For Today, which counts them: nearly empty.
            models.Index(fields=["id"], condition=models.Q(read_at=None), name="systems_unread"),
        ]

    def __str__(self) -> str:
        return self.serial


class Enrollment(models.Model):
    system = models.ForeignKey(System, models.PROTECT, related_name="enrollments")
    program = models.ForeignKey(Program, models.PROTECT, related_name="enrollments")
    # Who joined. The wall control may belong to somebody else later; this history does not.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="enrollments")
    state = models.CharField(max_length=20, choices=EnrollmentState, default=EnrollmentState.ACTIVE)
    enrolled_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    ended_because = models.CharField(
        max_length=10, choices=EndReason, blank=True, db_default="", default=EndReason.NONE
    )
    # The pause this system has or will have; its end is not part of it. Both empty while PAUSED:
    # it has always been so, until it is resumed.
    paused_from = models.DateTimeField(null=True, help_text="Business time.")
    paused_until = models.DateTimeField(null=True, help_text="Business time.")

    objects: ClassVar[Any] = MoveQuerySet["Enrollment"].as_manager()
    move_field = "state"
    moves: ClassVar[dict[str, set[str]]] = ENROLLMENT_MOVES  # type: ignore[assignment]

    class Meta:
        constraints = [
            # A home is in one program at a time: two programs could each stay inside their own
            # limits and together exceed both.
            models.UniqueConstraint(
                fields=["system"],
                condition=Q(state__in=sorted(LIVE_ENROLLMENTS)),
                name="one_live_enrollment_per_system",
            ),
            models.CheckConstraint(
                condition=Q(paused_from=None)
                | Q(paused_until=None)
                | Q(paused_until__gt=F("paused_from")),
                name="pause_has_length",
            ),
        ]
        indexes = [
            models.Index(fields=["program", "system"], name="enrollments_by_program"),
            models.Index(fields=["state"], name="enrollments_by_state"),
            models.Index(
                fields=["id"],
                condition=Q(paused_from__isnull=False),
                name="enrollments_with_pause",
            ),
        ]
