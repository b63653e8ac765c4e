"""What a utility keeps beside homes and events: customers, applications, groups, mail, the log.

Rows as a season leaves them, in one statement a table, for city.build. Nothing is mailed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

# One customer a home, the first of them matched; the feeders are parts of the grid of 500 homes.
_CUSTOMERS = """
INSERT INTO enrollments_customer (account, name, email, street, city, postal_code, feeder,
    substation, changed_at)
SELECT '41' || to_char(n, 'FM00000000'), 'Ada Lovelace' || n, 'h' || n || '@home.example',
    n || ' Elm Street', 'Springfield', (62700 + n %% 50)::text, 'F' || n / 500, 'S' || n / 5000,
    %(now)s
FROM generate_series(1, %(homes)s) AS n
"""
# Of a hundred: one waits for the utility, two for the homeowner, one was rejected, two left.
_APPLICATIONS = """
INSERT INTO enrollments_application (user_id, program_id, state, who, why, reason, customer_id,
    typed_account, typed_postal, applied_at, changed_at)
SELECT u.id, %(program)s,
    CASE WHEN n %% 100 < 3 THEN 'NEEDS_ACTION' WHEN n %% 100 = 3 THEN 'REJECTED'
        WHEN n %% 100 < 6 THEN 'WITHDRAWN' ELSE 'ACTIVE' END,
    CASE WHEN n %% 100 = 0 THEN 'UTILITY' WHEN n %% 100 < 3 THEN 'HOMEOWNER' ELSE '' END,
    CASE WHEN n %% 100 = 0 THEN 'ACCOUNT' WHEN n %% 100 < 3 THEN 'PERMISSION' ELSE '' END,
    CASE WHEN n %% 100 = 3 THEN 'This account is closed.' ELSE '' END,
    CASE WHEN n %% 100 > 3 THEN c.id END,
    CASE WHEN n %% 100 = 0 THEN '42' || to_char(n, 'FM00000000') ELSE '' END,
    CASE WHEN n %% 100 = 0 THEN '62701' ELSE '' END,
    %(now)s - n %% 90 * interval '1 day', %(now)s - n %% 90 * interval '1 day'
FROM (SELECT id, substr(split_part(email, '@', 1), 2)::int AS n FROM people_user
      WHERE role = 'HOMEOWNER') u
JOIN enrollments_customer c ON c.account = '41' || to_char(n, 'FM00000000')
"""
_VISITS = """
INSERT INTO enrollments_visits (program_id, day, number)
SELECT %(program)s, %(now)s::date - n, 100 + n FROM generate_series(0, 400) AS n
"""
# Fifteen by postal code or feeder, the last three filled by hand with a thousand systems each.
_GROUPS = """
INSERT INTO enrollments_group (program_id, name, postal_codes, outdoor_types, feeders, substations,
    version)
SELECT %(program)s, 'Group ' || n,
    CASE WHEN n <= 6 THEN ARRAY[(62700 + n)::text] ELSE '{}' END, '{}',
    CASE WHEN n BETWEEN 7 AND 12 THEN ARRAY['F' || n - 7] ELSE '{}' END, '{}', 1
FROM generate_series(1, 15) AS n
"""
_MEMBERSHIPS = """
INSERT INTO enrollments_membership (group_id, system_id, since)
SELECT g.id, s.id, %(now)s::date FROM enrollments_group g
CROSS JOIN (SELECT id FROM enrollments_system ORDER BY id LIMIT 1000) s
WHERE g.name IN ('Group 13', 'Group 14', 'Group 15')
"""
_NOTICES = """
INSERT INTO enrollments_notice (user_id, kind, subject, state, urgent, made_at, due_at, tries,
    trouble, sent_at, sent_to)
SELECT u.id, f.kind, f.subject, 'SENT', false, f.at, f.at, 1, '', f.at + interval '1 minute',
    u.email
FROM people_user u CROSS JOIN (VALUES
    ('ENROLLED', 'program:1', %(now)s - interval '60 days'),
    ('ANNOUNCED', 'event:1', %(now)s - interval '3 days')) AS f(kind, subject, at)
WHERE u.role = 'HOMEOWNER'
"""
# As sealed as the seals look: a hash of the right length, positions without a gap.
_ENTRIES = """
INSERT INTO people_activityentry (at, actor, verb, subject, detail, address, position, hash)
SELECT %(now)s - (%(entries)s - n) * interval '2 minutes',
    CASE n %% 4 WHEN 0 THEN 'system' WHEN 1 THEN 'client:c-leap' ELSE 'user:' || 1 + n %% 50 END,
    (ARRAY['draft', 'schedule', 'opt-out', 'pause', 'enroll', 'change-program'])[1 + n %% 6],
    'event:' || n %% 40, '{"changes": {"max_per_day": [1, 2]}}', '198.51.100.7', n,
    sha256(n::text::bytea)
FROM generate_series(1, %(entries)s) AS n
"""
# Entries of the activity log: half as many as homes.
HOMES_AN_ENTRY = 2


def fill(run: Callable[..., None], *, homes: int, program: int, now: datetime) -> str:
    """All of it; what there is now, in words."""
    entries = homes // HOMES_AN_ENTRY
    values: dict[str, Any] = {"homes": homes, "program": program, "now": now, "entries": entries}
    for statement in (
        _CUSTOMERS,
        _APPLICATIONS,
        _VISITS,
        _GROUPS,
        _MEMBERSHIPS,
        _NOTICES,
        _ENTRIES,
    ):
        run(statement, values)
    return f"{homes:,} customers and applications, {2 * homes:,} notices, {entries:,} entries"
