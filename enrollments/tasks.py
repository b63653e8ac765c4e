"""The legs of enrolment: load ids, one call down. Ids only, so a lost or doubled message is
harmless and no secret ever reaches the broker."""

from typing import Any

from celery import shared_task

from base import clock
from enrollments import operations, queries, sync
from enrollments.queries import customers


@shared_task
def read_home(*, grant_id: int, **_: Any) -> None:
    sync.read_home(grant_id, now=clock.now())


@shared_task(bind=True)
def import_customers(self: Any, /, *, import_id: int, **_: Any) -> None:
    """Check a list of customers, or write it. Not run by the sweep itself when the broker is
    silent: a long list must not keep an event waiting."""
    if not self.request.called_directly:
        operations.work_on_import(import_id=import_id, now=clock.now(), real_now=clock.real_now())


def imports_due() -> list[int]:
    """Lists of customers that wait for a worker."""
    return customers.imports_due(now=clock.now(), real_now=clock.real_now())


@shared_task
def clear_mail(**_: Any) -> None:
    operations.clear_old_mail(now=clock.database_now())


@shared_task
def turn_pauses(**_: Any) -> None:
    operations.turn_pauses(now=clock.database_now())


def due() -> list[int]:
    """Grants whose home waits to be read."""
    return queries.grants_due_for_sync(real_now=clock.real_now())
