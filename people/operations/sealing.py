"""Sealing the activity log, entry by entry, by one writer at a time.

``record`` only adds a row: acts never wait for one another, and an act that is rolled back leaves
no hole. The sweep seals what has been committed since, within seconds.
"""

import logging

from django.db import connection, transaction

from base.locks import LockSpace
from people.models import ActivityEntry
from people.queries import audit
from people.rules import GENESIS, Anchor, chain

log = logging.getLogger(__name__)

AT_ONCE = 500
_WRITE = """
UPDATE people_activityentry SET position = link.position, hash = link.hash
FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[]) AS link (id, position, hash)
WHERE people_activityentry.id = link.id
"""


def seal_all(turns: int = 20) -> int:
    """Seal what is committed and not sealed yet, a bounded lot of it; how many entries.

    Each new head is logged: whoever keeps the log elsewhere can tell a rewritten table by it
    (``manage.py verify_audit --anchor``).
    """
    sealed = 0
    for _ in range(turns):
        sealed += (found := _seal(AT_ONCE))
        if found < AT_ONCE:
            break
    return sealed


def _seal(limit: int) -> int:
    """One lot; 0 when nothing waits or somebody else is at it."""
    if not ActivityEntry.objects.filter(position=None).exists():
        return 0
    with transaction.atomic():
        if not _is_the_only_one():
            return 0
        found, last = audit.unsealed(limit), audit.head()
        links = chain(
            found,
            position=last.position if last else 0,
            previous=bytes.fromhex(last.hash) if last else GENESIS,
        )
        if not links:
            return 0
        places, hashes = [place for place, _ in links], [value for _, value in links]
        with connection.cursor() as cursor:
            cursor.execute(_WRITE, [[entry.id for entry in found], places, hashes])
    log.info("activity log sealed, anchor %s", Anchor(places[-1], hashes[-1].hex()))
    return len(found)


def _is_the_only_one() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LockSpace.SEAL])
        return bool(cursor.fetchone()[0])
