"""The utility's customers, and the files their list comes in."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from base.moves import MoveQuerySet
from enrollments.states import IMPORT_MOVES, ImportState


class Customer(models.Model):
    """One account of the utility, as its own list has it. Whoever joins a program that asks for an
    account is matched with one. Account and postal code are normalised: rules.matching."""

    account = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=120)
    email = models.EmailField(blank=True)
    street = models.CharField(max_length=200)
    city = models.CharField(max_length=120)
    postal_code = models.CharField(max_length=12)
    feeder = models.CharField(max_length=60, blank=True)
    substation = models.CharField(max_length=60, blank=True)
    changed_at = models.DateTimeField(help_text="Business time.")

    def __str__(self) -> str:
        return self.account


class CustomerImport(models.Model):
    """One file with customers, from its upload to its end. The file itself is kept until then and
    no longer: it is full of people."""

    file_name = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=ImportState, default=ImportState.UPLOADED)
    body = models.BinaryField(null=True, editable=False)
    size = models.PositiveIntegerField(help_text="Bytes.")
    # "user:12", as in the activity log: who uploaded it.
    uploaded_by = models.CharField(max_length=120)
    uploaded_at = models.DateTimeField(help_text="Business time.")
    ended_at = models.DateTimeField(null=True, help_text="Business time.")
    # Real time. Set while a worker has it; past when that worker died.
    lease_until = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    lines_read = models.PositiveIntegerField(default=0, help_text="Customers read so far.")
    bytes_read = models.PositiveIntegerField(default=0)
    trouble = models.CharField(max_length=300, blank=True, help_text="Why it is no such table.")
    fault_count = models.PositiveIntegerField(default=0)
    faults = models.JSONField(default=list, help_text="The first of them: line, column, sentence.")
    added = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)

    objects: ClassVar[Any] = MoveQuerySet["CustomerImport"].as_manager()
    move_field = "state"
    moves: ClassVar[dict[str, set[str]]] = IMPORT_MOVES  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    state__in=[ImportState.UPLOADED, ImportState.CHECKED, ImportState.WRITING],
                    body__isnull=False,
                )
                | Q(
                    state__in=[ImportState.DONE, ImportState.REFUSED, ImportState.DROPPED],
                    body=None,
                ),
                name="ended_import_keeps_no_file",
            )
        ]
        indexes = [
            models.Index(
                fields=["id"],
                condition=Q(state__in=[ImportState.UPLOADED, ImportState.WRITING]),
                name="imports_to_work_on",
            )
        ]
