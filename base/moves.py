"""A status changes only by a conditional update whose row count says who was first."""

from collections.abc import Iterable
from typing import Any, Self, TypeVar

from django.db import models

M = TypeVar("M", bound=models.Model)


class IllegalMove(Exception):
    """The table of allowed moves does not know this step: a bug, never a race."""


class MoveQuerySet(models.QuerySet[M]):
    """Query set with ``move``; a model names its status column in ``move_field`` and its table
    of allowed moves in ``moves``."""

    def move(self, old: Any, new: Any, **changes: Any) -> int:
        """Move rows of this set from ``old`` (one status or several) to ``new``.

        Returns how many rows moved. Zero means somebody else was first, and that is fine.
        Raises IllegalMove where the model's table does not allow the step.
        """
        olds = [old] if isinstance(old, str) else list(old)
        self._check(olds, new)
        field = self.model.move_field  # type: ignore[attr-defined]
        return self.filter(**{f"{field}__in": olds}).update(**{field: new}, **changes)

    def _check(self, olds: Iterable[Any], new: Any) -> None:
        allowed = self.model.moves  # type: ignore[attr-defined]
        for old in olds:
            if new not in allowed.get(old, ()):
                raise IllegalMove(f"{self.model.__name__}: {old} -> {new}")

    def pick(self, **where: Any) -> Self:
        """``filter`` under a name that reads well before ``move``."""
        return self.filter(**where)
