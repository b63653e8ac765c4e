"""How many requests a client has left in its minute. PostgreSQL counts: the broker may be down."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from partners.models import Quota as Quotas

WINDOW_S = 60
# Counted here too, under names no client can have: failures at the token door (doors).
CLIENT, ADDRESS = "token:", "token-from:"


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


def give_back(client_id: str) -> None:
    """It was not one of those that are counted after all."""
    Quotas.objects.filter(client_id=client_id, used__gt=0).update(used=F("used") - 1)


def headers(quota: Quota) -> dict[str, str]:
    """draft-ietf-httpapi-ratelimit-headers-10"""
    return {
        "RateLimit-Policy": f'"minute";q={quota.limit};w={WINDOW_S}',
        "RateLimit": f'"minute";r={max(0, quota.left)};t={quota.reset_s}',
    }


def forget_old() -> None:
    """Names of the token door whose minute is over; those of clients say when they last asked."""
    for name in (CLIENT, ADDRESS):
        over = Now() - timedelta(seconds=WINDOW_S)
        Quotas.objects.filter(client_id__startswith=name, began_at__lt=over).delete()
