"""Wall controls whose place another one has taken: what the home got with them counts on."""

from collections.abc import Sequence

from django.db import connection

# For WITH RECURSIVE: ``before`` stood where ``system_id`` stands now, also over several changes.
# UNION, not UNION ALL: one that came back to its old place would go round for ever.
FOLLOWED = """
followed AS (
    SELECT n.system_id AS before, r.system_id
    FROM enrollments_replacement r JOIN enrollments_enrollment n ON n.id = r.enrollment_id
    WHERE r.state = 'CONFIRMED' AND n.system_id <> r.system_id
    UNION
    SELECT f.before, r.system_id
    FROM followed f JOIN enrollments_enrollment n ON n.system_id = f.system_id
    JOIN enrollments_replacement r ON r.enrollment_id = n.id AND r.state = 'CONFIRMED'
    WHERE f.before <> r.system_id
)
"""
_BEFORE = (
    f"WITH RECURSIVE {FOLLOWED} SELECT before, system_id FROM followed WHERE system_id = ANY (%s)"  # noqa: S608 - a constant
)


def before(systems: Sequence[int]) -> dict[int, int]:
    """Earlier wall control -> the one of ``systems`` that stands in its place; ids."""
    with connection.cursor() as cursor:
        cursor.execute(_BEFORE, [list(systems)])
        return dict(cursor.fetchall())
