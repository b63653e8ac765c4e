"""What the utility offers: programs, and the partners that may plan in them."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

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


class PartnerGrant(models.Model):
    """A partner's client may see this program and plan events in it."""

    client_id = models.CharField(max_length=100)
    program = models.ForeignKey(Program, models.CASCADE, related_name="partners")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client_id", "program"], name="one_partner_grant")
        ]
