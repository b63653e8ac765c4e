"""How often a program's page is looked at."""

import logging
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import DatabaseError, connection

from enrollments.models import Program

log = logging.getLogger(__name__)

_COUNT = """
INSERT INTO enrollments_visits AS v (program_id, day, number) VALUES (%s, %s, 1)
ON CONFLICT (program_id, day) DO UPDATE SET number = v.number + 1
"""


def count_visit(*, program: Program, now: datetime) -> None:
    """One more on this day of the program's. Nothing about the visitor is kept, and a count that
    fails is no reason to show no page."""
    day = now.astimezone(ZoneInfo(program.time_zone)).date()
    try:
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, [program.pk, day])
    except DatabaseError:
        log.warning("a visit to %s was not counted", program.slug, exc_info=True)
