"""A new wall control where an enrolled one was."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from base.moves import MoveQuerySet
from enrollments.models.homes import Enrollment, System
from enrollments.states import REPLACEMENT_MOVES, ReplacementState


class Replacement(models.Model):
    """A complete reading lists a new system at a place and no longer the enrolled one. Whether the
    one took the other's place only people know; until they say so nothing changes."""

    enrollment = models.ForeignKey(Enrollment, models.CASCADE, related_name="replacements")
    system = models.ForeignKey(System, models.PROTECT, related_name="replaces")
    state = models.CharField(max_length=10, choices=ReplacementState, default=ReplacementState.OPEN)
    seen_at = models.DateTimeField(help_text="Business time.")

    objects: ClassVar[Any] = MoveQuerySet["Replacement"].as_manager()
    move_field = "state"
    moves: ClassVar[dict[str, set[str]]] = REPLACEMENT_MOVES  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["enrollment", "system"], name="asked_once"),
            models.UniqueConstraint(
                fields=["enrollment"],
                condition=Q(state=ReplacementState.OPEN),
                name="one_open_question_per_enrollment",
            ),
        ]
