"""The legs of enrolment: load ids, one call down. Ids only, so a lost or doubled message is
harmless and no secret ever reaches the broker."""

import time
from datetime import timedelta
from typing import Any

from celery import shared_task

from base import clock
from enrollments import queries, sync, vendor_session

# No renewal begins later in a task, so that none is under way when a task is stopped.
REFRESH_FOR_S = 30.0


@shared_task
def read_home(*, grant_id: int, **_: Any) -> None:
    sync.read_home(grant_id, now=clock.now())


@shared_task
def refresh_tokens(*, grant_ids: list[int], margin_s: float, **_: Any) -> None:
    until = time.monotonic() + REFRESH_FOR_S
    vendor_session.refresh_many(grant_ids, margin=timedelta(seconds=margin_s), until=until)


def due() -> list[int]:
    """Grants whose home waits to be read."""
    return queries.grants_due_for_sync(real_now=clock.real_now())
