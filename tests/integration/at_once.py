"""How to be at the same place at the same time, on PostgreSQL, with real threads.

Nothing here sleeps and hopes. Where it matters that everybody is inside at the same moment, the
test holds a lock they all need, waits until PostgreSQL itself says that they stand in line, and
then lets go.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from django.db import connection, transaction

from base.refusal import Refused

Job = Callable[[], Any]
PATIENCE_S = 4.0  # less than the lock time-out of the product's own connections


def in_line() -> int:
    """How many sessions stand in line for a lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
        (count,) = cursor.fetchone()
    return int(count)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.005)


def at_once(jobs: Sequence[Job], *, gate: str = "") -> list[Any]:
    """Each job on a thread and a connection of its own; what it gave back, or its Refused.

    ``gate`` is a statement that takes a lock all of them need; it is let go when all stand in
    line for it.
    """
    together = threading.Barrier(len(jobs))

    def run(job: Job) -> Any:
        try:
            connection.ensure_connection()
            together.wait(PATIENCE_S)
            return job()
        except Refused as no:
            return no
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        if not gate:
            return [future.result() for future in [pool.submit(run, job) for job in jobs]]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(gate)
            futures = [pool.submit(run, job) for job in jobs]
            until(lambda: in_line() == len(jobs))
    return [future.result() for future in futures]


def before_the_first_commits(first: Job, second: Job) -> tuple[Any, Any]:
    """``first`` has done everything but commit when ``second`` begins; it commits as soon as
    ``second`` is through, or stands in line for it."""

    def run() -> Any:
        try:
            return second()
        except Refused as no:
            return no
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            done = first()
            future: Future[Any] = pool.submit(run)
            until(lambda: future.done() or in_line() == 1)
        return done, future.result()
