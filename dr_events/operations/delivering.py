"""The queue: claim rows, save what came of them, settle what nobody may send any more.

PostgreSQL is the queue. A claim is one statement and is also the committed intent: when it is on
disk that a row is SENDING, and only then, may its bytes leave. The sender holds one session lock
per claim; the lease, by the database's clock, covers a lost session.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection, transaction

from base.locks import LockSpace
from dr_events.queries.holds import HELD, LIMITS_MARK
from dr_events.queries.pausing import takes_part


@dataclass(frozen=True, slots=True)
class Claimed:
    """One row to send. ``sealed`` opens with ``seal_id`` (enrollments.vendor_session), handed over
    as text: a UUID made and printed again costs half as much as opening the token."""

    id: int
    system_id: int
    serial: str
    grant_id: int
    sealed: bytes
    seal_id: str
    attempts: int
    renewals: int


@dataclass(frozen=True, slots=True)
class Claim:
    number: int
    rows: tuple[Claimed, ...]


# Every guard is asked again here, in the statement that hands a row out: the event, the time left,
# what holds everything back, the limits, consent, the permission, its token and its pause.
_CLAIM = f"""
WITH due AS (
    SELECT d.id, d.system_id, s.serial, g.id AS grant_id, g.access_sealed, g.seal_id::text
    FROM dr_events_dispatch d
    JOIN dr_events_event e ON e.id = d.event_id
    JOIN enrollments_enrollment n ON n.id = d.enrollment_id
    JOIN enrollments_system s ON s.id = d.system_id
    JOIN enrollments_carriergrant g ON g.id = s.grant_id
    WHERE d.event_id = %(event)s AND d.system_id > %(after)s AND d.delivery = 'PLANNED'
      AND d.opted_out_at IS NULL AND (d.not_before IS NULL OR d.not_before <= clock_timestamp())
      AND e.state = 'SCHEDULED' AND e.send_at <= %(now)s AND %(now)s < %(last_send)s
      AND {takes_part("d.window")} AND g.state = 'ACTIVE' AND g.access_sealed IS NOT NULL
      AND (g.access_expires_at IS NULL OR g.access_expires_at > clock_timestamp() + %(margin)s)
      AND NOT EXISTS (SELECT 1 FROM dr_events_pause
                      WHERE grant_id = g.id AND until > clock_timestamp())
      AND e.limits_mark = {LIMITS_MARK} AND {HELD} IS NULL
      AND (d.orphaned >= %(suspect)s) = %(alone)s
    ORDER BY d.system_id LIMIT %(limit)s
    FOR UPDATE OF d SKIP LOCKED
)
UPDATE dr_events_dispatch d
SET delivery = 'SENDING', claim = %(claim)s, attempts = d.attempts + 1,
    lease_until = clock_timestamp() + %(lease)s, sent_at = clock_timestamp()
FROM due WHERE d.id = due.id
RETURNING d.id, d.system_id, due.serial, due.grant_id, due.access_sealed, due.seal_id,
    d.attempts, d.renewals
"""  # noqa: S608 - constants; every value is a parameter

# After this many dead senders a row is sent alone: whatever kills them takes no other row along.
SUSPECT_AFTER = 2


# The rows of an event are walked along its unique index, a page at a time. A planner without fresh
# statistics (a table just filled) joins and sorts all that is due for every page instead: 107 ms
# against 9 ms for 500 of 20,000 rows.
_IN_INDEX_ORDER = """
SELECT set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true),
    set_config('enable_bitmapscan', 'off', true)
"""


def claim(
    *,
    event_id: int,
    after: int,
    limit: int,
    lease: timedelta,
    token_margin: timedelta,
    last_send: datetime,
    now: datetime,
    alone: bool = False,
) -> Claim:
    """Hand out up to ``limit`` due rows with system_id above ``after``, in that order.

    ``alone``: rows whose senders kept dying instead of all others; ask for one at a time.

    The session lock of the claim is taken before its rows are visible to anybody; ``release`` it
    when every outcome is saved. Must not run inside a longer transaction: intent first.
    """
    if connection.in_atomic_block:
        raise RuntimeError("a claim must be committed before anything is sent")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT number, pg_advisory_lock(%s | number)"
            " FROM (SELECT nextval('dr_events_claim') AS number OFFSET 0) AS fresh",
            [LockSpace.CLAIM],
        )
        number = int(cursor.fetchone()[0])
        values: dict[str, Any] = {
            "event": event_id,
            "after": after,
            "limit": limit,
            "claim": number,
            "lease": lease,
            "margin": token_margin,
            "last_send": last_send,
            "now": now,
            "alone": alone,
            "suspect": SUSPECT_AFTER,
        }
        with transaction.atomic():
            cursor.execute(_IN_INDEX_ORDER)
            cursor.execute(_CLAIM, values)
            rows = tuple(sorted((Claimed(*row) for row in cursor.fetchall()), key=_by_system))
    if not rows:
        release(number)
    return Claim(number, rows)


def _by_system(row: Claimed) -> int:
    return row.system_id


def release(number: int) -> None:
    """Let go of a claim's session lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [LockSpace.CLAIM | number])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try, in words that fit many rows. ``wait_s``: real seconds before a row is
    touched again."""

    delivery: str
    outcome: str
    http: int | None
    trouble: str
    wait_s: float
    absent: int
    renew: bool


# The rows of each outcome, and the milliseconds each request took.
Outcomes = Mapping[Outcome, Sequence[tuple[int, float]]]

# A row is saved only by the claim that holds it (the fence); the attempt is kept in any case. On a
# good day five hundred rows are told the same, so what they are told is passed once. Rows come as
# JSON, of which the planner expects a hundred: told of five hundred in an array, and without
# statistics, it reads the whole table for each portion (100 us a row instead of 13).
_SAVE = """
WITH o AS (
    SELECT one.id, one.elapsed_ms, told.*
    FROM jsonb_to_recordset(%(tries)s::jsonb) AS one(id bigint, elapsed_ms float8, number int)
    JOIN jsonb_to_recordset(%(outcomes)s::jsonb) AS told(number int, delivery text,
        outcome text, http int, trouble text, wait_s float8, absent int, renew bool) USING (number)
), kept AS (
    INSERT INTO dr_events_attempt
        (dispatch_id, claim, method, ended_at, elapsed_ms, outcome, http_status, excerpt)
    SELECT id, %(claim)s, 'POST', clock_timestamp(), elapsed_ms, outcome, http, trouble FROM o
)
UPDATE dr_events_dispatch d
SET delivery = o.delivery, http_status = o.http, trouble = o.trouble, lease_until = NULL,
    accepted_at = CASE o.delivery WHEN 'ACCEPTED' THEN clock_timestamp() ELSE d.accepted_at END,
    not_before = CASE WHEN o.wait_s > 0
        THEN clock_timestamp() + o.wait_s * interval '1 second' END,
    absent_needed = o.absent, absent_reads = 0, renewals = d.renewals + o.renew::int,
    orphaned = 0,
    holds_slot = d.holds_slot AND o.delivery NOT IN
        ('REJECTED', 'UNAUTHORIZED', 'FORBIDDEN', 'GONE', 'FAILED')
FROM o WHERE d.id = o.id AND d.claim = %(claim)s AND d.delivery = 'SENDING'
"""


def save_outcomes(*, number: int, outcomes: Outcomes) -> int:
    """Save many outcomes of one claim in one statement; how many rows were still this claim's."""
    tries = [
        {"id": row_id, "elapsed_ms": elapsed_ms, "number": told}
        for told, rows in enumerate(outcomes.values())
        for row_id, elapsed_ms in rows
    ]
    words = [{"number": told, **asdict(outcome)} for told, outcome in enumerate(outcomes)]
    values: dict[str, Any] = {"tries": _json(tries), "outcomes": _json(words), "claim": number}
    with connection.cursor() as cursor:
        cursor.execute(_SAVE, values)
        return cursor.rowcount


def _json(rows: list[dict[str, Any]]) -> str:
    return orjson.dumps(rows).decode()


_ORPHANS = """
SELECT DISTINCT claim FROM dr_events_dispatch
WHERE event_id = %(event)s AND delivery = 'SENDING' AND lease_until < clock_timestamp()
"""
_ADOPT = """
UPDATE dr_events_dispatch
SET delivery = 'UNSURE', lease_until = NULL, absent_reads = 0, absent_needed = %(needed)s,
    orphaned = orphaned + 1, not_before = clock_timestamp() + %(quiet)s,
    trouble = 'The sender died before the answer was saved'
WHERE event_id = %(event)s AND claim = %(claim)s AND delivery = 'SENDING'
  AND lease_until < clock_timestamp()
"""


def adopt_orphans(*, event_id: int, quiet: timedelta, absent_needed: int) -> int:
    """Rows whose sender is gone become UNSURE: the request may or may not have left.

    A sender that is only paused still holds its session lock and keeps its rows.
    """
    adopted = 0
    with connection.cursor() as cursor:
        cursor.execute(_ORPHANS, {"event": event_id})
        for (number,) in cursor.fetchall():
            with transaction.atomic():
                cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LockSpace.CLAIM | number])
                if cursor.fetchone()[0]:
                    values: dict[str, Any] = {
                        "event": event_id,
                        "claim": number,
                        "quiet": quiet,
                        "needed": absent_needed,
                    }
                    cursor.execute(_ADOPT, values)
                    adopted += cursor.rowcount
    return adopted


def take_stream(*, event_id: int, streams: int) -> int | None:
    """A free stream of this event for this session; None when all are taken."""
    return _take([LockSpace.STREAM | event_id << 8 | slot for slot in range(streams)])


def take_round(*, event_id: int, kind: int) -> int | None:
    """The right to look at this event's homes (kind 0: unsure rows, 1: participation,
    2: what is taken back, 3: around it)."""
    return _take([LockSpace.ROUND | event_id << 8 | kind])


def _take(keys: Sequence[int]) -> int | None:
    with connection.cursor() as cursor:
        for key in keys:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
            if cursor.fetchone()[0]:
                return key
    return None


def give_back(key: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [key])
