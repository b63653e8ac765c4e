"""The bell: a NOTIFY inside the transaction that wrote the fact.

PostgreSQL delivers it at commit and drops it on rollback. A web request therefore never talks to
the broker and never waits for it. A lost ring costs seconds: the sweep finds the fact anyway.
"""

from django.db import connection

CHANNEL = "offpeak_bell"


def ring() -> None:
    """Ask whoever listens to sweep now. Only a hint; nothing depends on it."""
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {CHANNEL}")
