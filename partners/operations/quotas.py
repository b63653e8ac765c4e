"""How many requests a client has left in its minute. PostgreSQL counts: the broker may be down."""

from dataclasses import dataclass

from django.db import connection

WINDOW_S = 60


@dataclass(frozen=True, slots=True)
class Quota:
    """``left`` requests until a new minute begins in ``reset_s`` seconds; below zero: too many."""

    limit: int
    left: int
    reset_s: int


# A minute begins with its first request, so that clients do not all come back in the same second.
_TAKE = """
INSERT INTO partners_quota AS q (client_id, began_at, used)
VALUES (%(client)s, clock_timestamp(), 1)
ON CONFLICT (client_id) DO UPDATE SET
    used = CASE WHEN q.began_at > excluded.began_at - %(window)s * interval '1 second'
        THEN least(q.used + 1, 1000000) ELSE 1 END,
    began_at = CASE WHEN q.began_at > excluded.began_at - %(window)s * interval '1 second'
        THEN q.began_at ELSE excluded.began_at END
RETURNING used, extract(epoch FROM began_at - clock_timestamp())
"""


def take(client_id: str, *, limit: int) -> Quota:
    """Count one request. Call it outside of the request's transaction: a refused one counts too."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"client": client_id, "window": WINDOW_S})
        used, began = cursor.fetchone()
    return Quota(limit, limit - used, max(1, round(WINDOW_S + float(began))))
