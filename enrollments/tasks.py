"""The legs of enrolment: load ids, one call down. Ids only, so a lost or doubled message is
harmless and no secret ever reaches the broker."""

from typing import Any

from celery import shared_task

from base import clock
from enrollments import queries, sync


@shared_task
def read_home(*, grant_id: int, **_: Any) -> None:
    sync.read_home(grant_id, now=clock.now())


def due() -> list[int]:
    """Grants whose home waits to be read."""
    return queries.grants_due_for_sync(real_now=clock.real_now())
