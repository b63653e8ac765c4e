"""A homeowner's permission at Carrier, and the press of Connect that asks for it."""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from base.moves import MoveQuerySet
from enrollments.models.programs import Program
from enrollments.states import GRANT_MOVES, GrantState


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
