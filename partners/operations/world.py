"""The practice world: the tables of homes and events a second time, in a schema of their own.

Operations and queries say ``dr_events_event``, never whose: inside ``practice()`` that is the table
of the practice world, everywhere else the real one. So a practice client meets the very same
limits, words and answers, and no query has to remember to leave practice rows out: it cannot see
them. The senders, the console and the homeowners' pages never enter. And should one, its statements
are refused: no practice home holds a token, and no practice row can be claimed (``_GUARDS``).

Ids come from the same sequences, so that none means something in both worlds. What is said in here
may be lost: when a release changes tables, the world is built anew (apps.py) and each client gets
fresh homes with its next request.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.db import OperationalError, connection, transaction

SCHEMA = "practice"
# The floors below, as a whole, and of this one what follows from their rows.
APPS = ("people", "enrollments", "dr_events")
OWN = ("partners_change", "partners_practicerun")

_GUARDS = """
ALTER TABLE practice.dr_events_dispatch
    ADD CONSTRAINT practice_is_never_sent CHECK (claim = 0 AND lease_until IS NULL);
ALTER TABLE practice.enrollments_carriergrant
    ADD CONSTRAINT practice_holds_no_token CHECK (access_sealed IS NULL AND refresh_sealed IS NULL);
ALTER TABLE practice.enrollments_notice
    ADD CONSTRAINT practice_mails_nobody CHECK (sent_at IS NULL AND lease_until IS NULL);
"""
# Keys of other tables, and what tells webhooks of changes. Both definitions name tables without a
# schema while that is where they are found first.
_KEYS = """
SELECT format('ALTER TABLE practice.%%I ADD CONSTRAINT %%I %%s', c.relname, k.conname,
    pg_get_constraintdef(k.oid, true))
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class o ON o.oid = k.confrelid
WHERE k.contype = 'f' AND c.relnamespace = current_schema()::regnamespace
  AND c.relname = ANY (%(tables)s) AND o.relname = ANY (%(tables)s)
"""
_TRIGGERS = """
SELECT pg_get_triggerdef(t.oid, true) FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE p.proname = 'partners_note_change' AND c.relnamespace = current_schema()::regnamespace
  AND c.relname = ANY (%(tables)s)
"""
_SEQUENCES = """
SELECT format('ALTER TABLE practice.%%I ALTER COLUMN %%I SET DEFAULT nextval(%%L)',
    c.relname, a.attname, pg_get_serial_sequence(c.oid::regclass::text, a.attname))
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE a.attidentity <> '' AND c.relnamespace = current_schema()::regnamespace
  AND c.relname = ANY (%(tables)s)
"""


@contextmanager
def practice() -> Iterator[None]:
    """In this block, a transaction of its own, every statement is about the practice world.

    The search path belongs to the transaction: however the block ends, and whoever uses the
    connection next, the real world is back. Raises OperationalError where there is no practice
    world, as in a database that was restored without it.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('search_path')")
        before = cursor.fetchone()[0]
        _enter(cursor, f"{SCHEMA}, {before}")
        cursor.execute("SELECT current_schema()")
        # A schema that is not there is passed over, and the names would mean the real tables.
        if cursor.fetchone()[0] != SCHEMA:
            raise OperationalError("there is no practice world; manage.py migrate builds it")
        yield
        _enter(cursor, before)


def _enter(cursor: Any, path: str) -> None:
    cursor.execute("SELECT set_config('search_path', %s, true)", [path])


def is_there() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace(%s) IS NOT NULL", [SCHEMA])
        return bool(cursor.fetchone()[0])


def tables() -> list[str]:
    models = [model for app in APPS for model in apps.get_app_config(app).get_models(True)]
    return sorted({model._meta.db_table for model in models if model._meta.managed} | {*OWN})


@transaction.atomic
def build() -> None:
    """Make the practice world anew, empty, like the real tables are now."""
    values = {"tables": tables()}
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS practice CASCADE")
        cursor.execute("CREATE SCHEMA practice")
        for table in values["tables"]:
            like = connection.ops.quote_name(table)
            cursor.execute(
                f"CREATE TABLE practice.{like} (LIKE {like} INCLUDING ALL EXCLUDING IDENTITY)"
            )
        found = []
        for wanted in (_SEQUENCES, _KEYS, _TRIGGERS):
            cursor.execute(wanted, values)
            found += [statement for (statement,) in cursor.fetchall()]
        with practice():
            for statement in [*found, _GUARDS]:
                cursor.execute(statement)
