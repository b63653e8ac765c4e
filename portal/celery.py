"""Celery: the legs, and the whole timetable of beat.

Redis carries rings, nothing else. Beat only ticks; what is due is decided in PostgreSQL, on UTC
columns, so a second beat, a dead beat or a change of daylight saving can harm nothing.
"""

import os
import signal
from typing import Any

from celery import Celery
from celery.signals import task_prerun, worker_process_init, worker_ready
from django.db import connections

from portal.embedded import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("offpeak")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Celery closes Django's connection around every task unless this is set; reconnecting measured
# half the cost of a small task.
app.conf["CELERY_DB_REUSE_MAX"] = 1000
app.conf.task_default_queue = "default"
app.conf.beat_schedule = {
    "sweep": {
        "task": "dr_events.tasks.sweep",
        "schedule": 5.0,
        "options": {"expires": 5},
    },
}
app.autodiscover_tasks()


@worker_process_init.connect
def _leave_with_the_worker(**_: Any) -> None:
    """A pool process does not outlive its killed worker: its rows would wait for nobody."""
    die_with_parent(signal.SIGKILL)


@worker_ready.connect
def _listen(**_: Any) -> None:
    """Every worker also sweeps by itself: beat may be dead, the broker may be hung."""
    from portal.listener import start  # needs the apps, which load after this file

    start()


@task_prerun.connect
def _look_at_the_connection(kwargs: dict[str, Any] | None = None, **_: Any) -> None:
    """A connection that broke, or is older than CONN_MAX_AGE, is not used again: Celery keeps it
    for CELERY_DB_REUSE_MAX tasks and would never look. Then the ring is noted as heard."""
    for connection in connections.all(initialized_only=True):
        connection.close_if_unusable_or_obsolete()
    ring = (kwargs or {}).get("ring")
    if ring:
        from dr_events.operations.ringing import heard  # needs the apps, which load after this file

        heard(ring)
