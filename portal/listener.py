"""A thread in each worker that hears the bell and sweeps.

Two more sources tell the same (beat's tick, ``manage.py sweep``); any number may run at once.
It waits on PostgreSQL's NOTIFY, so an approved event is on its way within a moment, and sweeps
every SWEEP_S seconds in any case, so a lost ring costs no more than that.
"""

import logging
import threading
import time

import psycopg
from django import db

from base.bell import CHANNEL
from dr_events.tasks import ring_due

log = logging.getLogger(__name__)
SWEEP_S = 5.0
PAUSE_AFTER_TROUBLE_S = 2.0


def start() -> threading.Thread:
    thread = threading.Thread(target=_listen_for_ever, name="bell", daemon=True)
    thread.start()
    return thread


def _listen_for_ever() -> None:
    while True:
        try:
            _listen()
        except Exception:
            # Whatever it was: a worker that no longer sweeps is worse than any of its reasons.
            log.exception("the bell is silent; listening again soon")
            db.connections.close_all()
            time.sleep(PAUSE_AFTER_TROUBLE_S)


def _listen() -> None:
    """Sweep on every ring and every SWEEP_S, until the database goes away."""
    parameters = db.connection.get_connection_params()
    wanted = {k: v for k, v in parameters.items() if k not in ("cursor_factory", "context")}
    with psycopg.connect(**wanted, autocommit=True) as line:
        line.execute(f"LISTEN {CHANNEL}")
        while True:
            ring_due()
            # Many rings in one moment are one reason to look.
            for _ in line.notifies(timeout=SWEEP_S, stop_after=1):
                pass
