"""Programs, permissions, homes, systems, enrolments and the consent ledger."""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q

from base.moves import MoveQuerySet
from enrollments.states import (
    ENROLLMENT_MOVES,
    GRANT_MOVES,
    LIVE_ENROLLMENTS,
    ConsentAct,
    EndReason,
    EnrollmentState,
    GrantState,
)

month_day = RegexValidator(
    r"^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$", "Write month and day as MM-DD, such as 06-01."
)


def weekdays() -> list[int]:
    return [0, 1, 2, 3, 4]


class Program(models.Model):
    """What the utility offers and the limits it promises. Defaults: docs/decisions/0004-limits.md.

    All clock times and dates are local to ``time_zone``; temperatures are °F.
    """

    name = models.CharField(max_length=80, unique=True)
    slug = models.SlugField(unique=True)
    summary = models.TextField(blank=True)
    reward = models.TextField(blank=True, help_text="What it pays, as the homeowner reads it.")
    time_zone = models.CharField(max_length=64, default="America/Chicago")
    season_from = models.CharField(max_length=5, default="06-01", validators=[month_day])
    season_to = models.CharField(max_length=5, default="09-30", validators=[month_day])
    hours_from = models.TimeField(default="13:00")
    hours_to = models.TimeField(default="21:00")
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(), default=weekdays, help_text="0 is Monday, 6 is Sunday."
    )
    holidays = ArrayField(models.DateField(), default=list, blank=True)
    max_event_minutes = models.PositiveIntegerField(
        default=240, validators=[MinValueValidator(15), MaxValueValidator(24 * 60)]
    )
    min_useful_minutes = models.PositiveIntegerField(
        default=30, help_text="An event with less than this left is not sent any more."
    )
    max_per_day = models.PositiveIntegerField(default=1)
    max_per_week = models.PositiveIntegerField(default=3, help_text="Monday to Sunday.")
    max_per_season = models.PositiveIntegerField(default=15)
    min_rest_minutes = models.PositiveIntegerField(default=18 * 60)
    min_notice_minutes = models.PositiveIntegerField(default=120)
    send_lead_minutes = models.PositiveIntegerField(
        default=60, help_text="Sending begins this long before the start: what is unsent can stop."
    )
    max_offset_f = models.DecimalField(max_digits=3, decimal_places=1, default=4)
    max_cool_f = models.DecimalField(max_digits=4, decimal_places=1, default=82)
    min_heat_f = models.DecimalField(max_digits=4, decimal_places=1, default=62)
    needs_approval = models.BooleanField(default=False)
    needs_account = models.BooleanField(
        default=False, help_text="Homes join with their utility account: number and postal code."
    )
    is_open = models.BooleanField(default=True, help_text="Homes may enrol.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(max_offset_f__gt=0, max_offset_f__lte=10), name="offset_within_reason"
            ),
            models.CheckConstraint(
                condition=Q(max_cool_f__lte=90, min_heat_f__gte=50), name="comfort_within_device"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Terms(models.Model):
    """The exact text a homeowner agrees to. Never edited: a change is a new version."""

    program = models.ForeignKey(Program, models.PROTECT, related_name="terms")
    version = models.PositiveIntegerField()
    text = models.TextField()
    published_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["program", "version"], name="one_text_per_version")
        ]


class PartnerGrant(models.Model):
    """A partner's client may see this program and plan events in it."""

    client_id = models.CharField(max_length=100)
    program = models.ForeignKey(Program, models.CASCADE, related_name="partners")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client_id", "program"], name="one_partner_grant")
        ]


class LinkAttempt(models.Model):
    """One press of Connect: what the answer from Carrier must match. Single use.

    Only hashes of the state and of the session are kept, and the verifier until it is used.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    program = models.ForeignKey(Program, models.CASCADE)
    state_hash = models.CharField(max_length=64, unique=True)
    session_hash = models.CharField(max_length=64)
    verifier = models.CharField(max_length=128)
    began_at = models.DateTimeField(help_text="Real time.")
    used_at = models.DateTimeField(null=True)


class CarrierGrant(models.Model):
    """A homeowner's permission to act on the systems of one Carrier account.

    Token lifetimes are real time. The sealed columns open only with ``seal_id``: see tokens.py.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="grants")
    carrier_username = models.CharField(max_length=200)
    state = models.CharField(max_length=20, choices=GrantState, default=GrantState.ACTIVE)
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    seal_id = models.UUIDField(default=uuid.uuid4, editable=False)
    access_sealed = models.BinaryField(null=True, editable=False)
    refresh_sealed = models.BinaryField(null=True, editable=False)
    access_expires_at = models.DateTimeField(null=True)
    refresh_not_before = models.DateTimeField(
        null=True, help_text="Real time; a renewal failed, and none is tried before."
    )
    linked_at = models.DateTimeField()
    sync_due_at = models.DateTimeField(null=True, help_text="Real time; null when nothing is due.")
    synced_at = models.DateTimeField(null=True)
    reading_asked_at = models.DateTimeField(
        null=True, help_text="Real time; somebody waits for a reading since. Null: nobody does."
    )
    pressed_at = models.DateTimeField(null=True, help_text="Real time Check again last counted.")
    sync_trouble = models.CharField(max_length=200, blank=True)
    sync_failures = models.PositiveIntegerField(default=0)
    # They stay with whoever connected them first; this person is told, and not whose they are.
    held_elsewhere = ArrayField(
        models.CharField(max_length=32),
        default=list,
        db_default=[],
        help_text="Serials the last reading listed that another person's live permission holds.",
    )

    objects: ClassVar[Any] = MoveQuerySet["CarrierGrant"].as_manager()
    move_field = "state"
    moves: ClassVar[dict[str, set[str]]] = GRANT_MOVES  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["carrier_username"],
                condition=~Q(state=GrantState.REVOKED),
                name="one_live_grant_per_carrier_account",
            ),
            models.CheckConstraint(
                condition=Q(state=GrantState.REVOKED, access_sealed=None, refresh_sealed=None)
                | ~Q(state=GrantState.REVOKED),
                name="revoked_holds_no_token",
            ),
        ]
        indexes = [
            models.Index(
                fields=["sync_due_at"],
                condition=Q(sync_due_at__isnull=False),
                name="grants_due_for_sync",
            )
        ]

    def __str__(self) -> str:
        return f"grant {self.pk}"

    @property
    def is_being_read(self) -> bool:
        """Somebody waits for a reading: the first one, or one that was asked for."""
        waits = self.synced_at is None or self.reading_asked_at is not None
        return waits and self.state == GrantState.ACTIVE

    @property
    def loss(self) -> str:
        """Names the end of this permission as it was given on ``linked_at``; once it is given again
        the next end is another fact."""
        return f"grant:{self.pk}:{int(self.linked_at.timestamp())}"

    def bound_to(self, column: str) -> str:
        """Associated data of a sealed column."""
        return f"grant:{self.seal_id}:{column}"


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


class Consent(models.Model):
    """The ledger: one row per act, only ever added to; the network address alone is emptied when
    the person has their data deleted."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="consents")
    terms = models.ForeignKey(Terms, models.PROTECT)
    act = models.CharField(max_length=10, choices=ConsentAct)
    at = models.DateTimeField()
    address = models.GenericIPAddressField(null=True)
    system = models.ForeignKey(System, models.PROTECT, null=True, related_name="consents")
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    # Rows of Answer, which are only ever added to, each with the text that was asked.
    answers = ArrayField(
        models.BigIntegerField(),
        default=list,
        db_default=[],
        help_text="Ids of the answers it rested on when it was given.",
    )

    class Meta:
        indexes = [models.Index(fields=["user", "at"], name="consents_by_user")]
