"""Figures of events that will not change any more, counted once and kept for the pages."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from base.locks import LockSpace
from dr_events.queries import tallies
from dr_events.states import OPEN

# Final: completed, or cancelled and looked at for the last time, and no row is undecided. The
# others wait for their send time or are under way: their figures are counted again when they are
# too old, those under way only where they are many.
_KEEP = f"""
WITH due AS MATERIALIZED (
    SELECT * FROM (
        SELECT e.id, e.state <> 'SCHEDULED' AS is_closed, e.send_at = e.scheduled_at AS at_once,
            e.released_at
        FROM dr_events_event e LEFT JOIN dr_events_tally t ON t.event_id = e.id
        WHERE e.send_at IS NOT NULL
          AND NOT (coalesce(t.is_final, false) AND t.version >= %(version)s)
          AND (e.state = 'COMPLETED' OR e.state = 'CANCELLED' AND e.read_back_due_at IS NULL
               OR e.state = 'SCHEDULED' AND (t.event_id IS NULL
                  OR t.counted_at <= clock_timestamp() - CASE
                      WHEN e.send_at > %(now)s THEN %(waiting_for)s
                      WHEN {tallies.ROWS} > %(many)s THEN %(under_way_for)s END))
        -- Cancelled last: one with a row that stays undecided must not keep the others waiting.
        ORDER BY e.state = 'SCHEDULED' AND e.send_at <= %(now)s DESC, e.state = 'CANCELLED',
            e.starts_at DESC LIMIT 1
    ) AS next WHERE pg_try_advisory_xact_lock(%(space)s | next.id)
), groups AS MATERIALIZED (
    SELECT d.delivery, d.participation, d.reason, d.trouble, d.opted_out_at IS NOT NULL AS said_no,
        d.recall, count(*) AS homes, min(d.sent_at) AS first_sent, max(d.accepted_at) AS last_told
    FROM due JOIN dr_events_dispatch d ON d.event_id = due.id
    GROUP BY d.delivery, d.participation, d.reason, d.trouble, said_no, d.recall
), told AS MATERIALIZED (
    SELECT d.id, extract(epoch FROM d.accepted_at - CASE WHEN due.at_once THEN due.released_at
        ELSE (SELECT min(first_sent) FROM groups) END) AS took_s
    FROM due JOIN dr_events_dispatch d ON d.event_id = due.id
    WHERE due.is_closed AND d.accepted_at IS NOT NULL
), tries AS MATERIALIZED (
    SELECT a.elapsed_ms FROM due JOIN dr_events_dispatch d ON d.event_id = due.id
    JOIN dr_events_attempt a ON a.dispatch_id = d.id
    WHERE due.is_closed AND a.method = 'POST'
), warmth AS MATERIALIZED (
    -- Homes that took part, some of them where there are many: around the end against the start.
    SELECT later.indoor_f - earlier.indoor_f AS change_f
    FROM due JOIN dr_events_dispatch d ON d.event_id = due.id
    CROSS JOIN LATERAL (
        SELECT r.indoor_f FROM dr_events_reading r
        WHERE r.dispatch_id = d.id AND r.indoor_f IS NOT NULL
          AND r.at >= lower(d.window) - interval '15 min'
          AND r.at <= lower(d.window) + interval '15 min'
        ORDER BY r.at LIMIT 1) earlier
    CROSS JOIN LATERAL (
        SELECT r.indoor_f FROM dr_events_reading r
        WHERE r.dispatch_id = d.id AND r.indoor_f IS NOT NULL
          AND r.at > greatest(lower(d.window) + interval '15 min',
                              upper(d.window) - interval '30 min')
          AND r.at <= upper(d.window) + interval '15 min'
        ORDER BY r.at DESC LIMIT 1) later
    WHERE due.is_closed AND d.participation = 'COMPLETED'
      AND d.system_id %% greatest(1, (SELECT sum(homes) FROM groups)::bigint / %(some)s) = 0
)
INSERT INTO dr_events_tally AS t (event_id, counted_at, is_final, version, counts)
SELECT due.id, clock_timestamp(), due.is_closed, %(version)s, jsonb_build_object(
    'groups', coalesce((SELECT jsonb_agg(jsonb_build_array(delivery, participation, reason, trouble,
        said_no, recall, homes, first_sent, last_told)) FROM groups), '[]'),
    'timing', jsonb_build_object('at_once', due.at_once,
        'homes', (SELECT count(*) FROM told),
        'told_s', (SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY took_s)
                   FROM told),
        'requests', (SELECT count(*) FROM tries),
        'requests_ms', (SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY elapsed_ms)
                        FROM tries)),
    'warmth', jsonb_build_object('homes', (SELECT count(*) FROM warmth),
        'change_f', (SELECT avg(change_f) FROM warmth)))
FROM due
WHERE NOT due.is_closed OR NOT EXISTS (SELECT FROM groups WHERE delivery = ANY (%(open)s))
ON CONFLICT (event_id) DO UPDATE
SET counted_at = excluded.counted_at, is_final = excluded.is_final, counts = excluded.counts,
    version = excluded.version
WHERE NOT t.is_final OR t.version < excluded.version
"""  # noqa: S608 - constants; every value is a parameter
# What is counted; whoever counts more adds one. Older figures serve until they are counted again.
VERSION = 2
# Homes a change of temperature is counted from, about.
_SOME = 500


def keep_tally(*, now: datetime, under_way_for: timedelta = tallies.UNDER_WAY_FOR) -> bool:
    """Count one event that was closed since, or that waits or is under way and was counted too long
    ago: for one under way, with many rows, that is ``under_way_for``, real time.

    ``now`` is business time. One, so that no page waits for a whole history to be counted. False
    when nothing was kept. Called by pages that show figures and by the sweep's task, never by a
    sender; what it writes follows from the rows and may be lost.
    """
    values: dict[str, Any] = {
        "now": now,
        **tallies.ages(under_way_for),
        "space": LockSpace.TALLY,
        "open": sorted(OPEN),
        "version": VERSION,
        "some": _SOME,
    }
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, values)
        return bool(cursor.rowcount)
