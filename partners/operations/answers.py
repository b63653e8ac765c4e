"""Idempotency-Key: the first answer is kept in the transaction of its effect."""

from datetime import datetime, timedelta

from django.db import IntegrityError, connection, transaction

from base.refusal import Refused
from partners.models import KeptAnswer

KEEP = timedelta(hours=48)


def claim(*, client_id: str, key: str, fingerprint: str, real_now: datetime) -> KeptAnswer:
    """The row of this key: with a status when it was answered before, else new and ours to fill.

    Call it inside the transaction of the effect. A twin under way is waited for: it either
    commits, and its answer is here, or rolls back, and the key is ours. Raises Refused when the
    key was used for something else, OperationalError when the twin takes too long.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("the key and the effect must be one transaction")
    try:
        with transaction.atomic():
            return KeptAnswer.objects.create(
                client_id=client_id, key=key, fingerprint=fingerprint, made_at=real_now
            )
    except IntegrityError:
        kept = KeptAnswer.objects.get(client_id=client_id, key=key)
    if kept.fingerprint != fingerprint:
        raise Refused(
            "This Idempotency-Key was used for another request. Use a new key for a new request.",
            code="key-reused",
        )
    return kept


def is_kept(*, client_id: str, key: str) -> bool:
    return KeptAnswer.objects.filter(client_id=client_id, key=key).exclude(status=None).exists()


def keep(answer: KeptAnswer, *, status: int, body: str, location: str = "", etag: str = "") -> None:
    answer.status, answer.body, answer.location, answer.etag = status, body, location, etag
    answer.save(update_fields=["status", "body", "location", "etag"])


def forget_old(*, real_now: datetime) -> int:
    """Keys are good for at least a day; how many were forgotten."""
    old = KeptAnswer.objects.filter(made_at__lt=real_now - KEEP)
    return old.delete()[0]
