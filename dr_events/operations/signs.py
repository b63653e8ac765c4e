"""Signs of life of the machinery, for the people who watch it (queries.alerts)."""

from datetime import timedelta
from typing import Any

from django.db import connection

from dr_events.models import Control

# One row for all: more often than this it is not written, however many sweep.
EVERY = timedelta(seconds=5)

_SWEPT = """
UPDATE dr_events_control SET swept_at = clock_timestamp()
WHERE id = 1 AND (swept_at IS NULL OR swept_at < clock_timestamp() - %(every)s)
"""
_BROKER = """
UPDATE dr_events_control
SET broker_lost_at = CASE WHEN %(answers)s THEN NULL ELSE clock_timestamp() END
WHERE id = 1 AND (broker_lost_at IS NULL) <> %(answers)s
"""


def swept() -> None:
    """Somebody looks for what is due."""
    _write(_SWEPT, every=EVERY)


def broker(*, answers: bool) -> None:
    """Whether the broker took the last ring; the moment it first did not stays."""
    _write(_BROKER, answers=answers)


def broker_is_lost() -> bool:
    return Control.objects.filter(id=1, broker_lost_at__isnull=False).exists()


def _write(statement: str, **values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
