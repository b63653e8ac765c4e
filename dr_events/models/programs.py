"""What a program adds to its events: designs to start from, and the credit homes earn."""

from django.db import models
from django.db.models import Q

from enrollments.models import Program


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
