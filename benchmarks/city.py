"""Rows of a big utility in PostgreSQL, in minutes: homes, events, what became of each row.

INSERT ... SELECT with the constraints of the big tables taken off meanwhile and put back after,
so that what is measured later has every index of production. No token is real: nothing is sent.
"""

from __future__ import annotations

import time as clock
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import connection
from django.utils import timezone

from benchmarks import desk
from dr_events.models import Event
from dr_events.states import EventState
from enrollments.models import BulkAct, Program, System, Terms
from enrollments.states import BulkVerb
from people.models import User
from people.states import Role

LENGTH = timedelta(hours=2)
# Two or three events a week, as the default limits allow.
APART = timedelta(days=3)
# Events that keep each request, and looks that keep a reading of each home.
WITH_REQUESTS, WITH_READINGS, LOOKS = 5, 2, 8

_HOMES = """
WITH n AS (SELECT generate_series(1, %(homes)s) AS n)
, owner AS (
    INSERT INTO people_user (password, is_superuser, first_name, last_name, is_staff, is_active,
        date_joined, email, role)
    SELECT '!', false, '', '', false, true, %(now)s, 'h' || n || '@home.example', 'HOMEOWNER' FROM n
    RETURNING id, email
), numbered AS (
    SELECT id AS owner, substr(split_part(email, '@', 1), 2)::int AS n FROM owner
), permission AS (
    INSERT INTO enrollments_carriergrant (user_id, carrier_username, state, scopes, seal_id,
        access_sealed, refresh_sealed, linked_at, synced_at, sync_trouble, sync_failures)
    SELECT owner, 'h' || n, CASE WHEN n %% 100 = 7 THEN 'NEEDS_RELINK' ELSE 'ACTIVE' END,
        '{Read-System}', gen_random_uuid(), token, token, %(now)s, %(now)s, '', 0
    FROM numbered, LATERAL (SELECT uuid_send(gen_random_uuid()) || repeat('x', 700)::bytea) t(token)
    RETURNING id, user_id, carrier_username
), place AS (
    INSERT INTO enrollments_location (grant_id, carrier_id, name, street, city, state, postal)
    SELECT id, '1', 'Home', '', 'Springfield', 'IL',
        (62700 + substr(carrier_username, 2)::int %% 50)::text FROM permission
    RETURNING id, grant_id
), wall AS (
    INSERT INTO enrollments_system (grant_id, location_id, serial, name, brand, model, firmware,
        outdoor_type, has_outdoor_unit, unit, is_online, dr_enabled, dr_settings, indoor_f,
        reported_at, read_at)
    SELECT p.id, l.id, to_char(2400 + c.n %% 100, 'FM0000') || 'W' || to_char(c.n, 'FM000000'),
        CASE c.n %% 3 WHEN 0 THEN 'Downstairs' WHEN 1 THEN 'Upstairs' ELSE 'Home' END,
        'Carrier', 'SYSTXCCITC01-B', CASE WHEN c.n %% 20 = 0 THEN '4.05' ELSE '4.31' END,
        CASE WHEN c.n %% 3 = 0 THEN 'ac2stg' ELSE 'varcaphp' END, true, 'F', c.n %% 50 <> 3, true,
        '{}', 70 + c.n %% 9, %(now)s - CASE WHEN c.n %% 500 = 3 THEN interval '40 days'
            ELSE c.n %% 100 * interval '1 minute' END, %(now)s
    FROM permission p JOIN place l ON l.grant_id = p.id
    CROSS JOIN LATERAL (SELECT substr(p.carrier_username, 2)::int AS n) c
    RETURNING id, grant_id
), joined AS (
    INSERT INTO enrollments_enrollment (system_id, program_id, user_id, state, enrolled_at,
        changed_at)
    SELECT w.id, %(program)s, p.user_id, CASE WHEN w.id %% 100 = 11 THEN 'PAUSED'
        ELSE 'ACTIVE' END, %(now)s, %(now)s
    FROM wall w JOIN permission p ON p.id = w.grant_id
    RETURNING user_id, system_id
)
INSERT INTO enrollments_consent (user_id, terms_id, act, at, system_id, scopes)
SELECT user_id, %(terms)s, 'GIVEN', %(now)s, system_id, '{}' FROM joined
"""

# One row a home; ``dice`` is the same mixture for every event: 88 % took part, 5 % said no ...
_ROWS = """
INSERT INTO dr_events_dispatch (event_id, system_id, enrollment_id, "window", holds_slot, delivery,
    participation, reason, claim, attempts, orphaned, renewals, absent_reads, absent_needed,
    trouble, recall, http_status, sent_at, accepted_at, confirmed_at, opted_out_at, read_at)
SELECT %(event)s, system_id, id, tstzrange(%(starts)s, %(ends)s), dice >= 3,
    CASE WHEN dice < 2 THEN 'SKIPPED' WHEN dice = 2 THEN 'REJECTED' WHEN %(waits)s THEN 'PLANNED'
        ELSE 'CONFIRMED' END,
    CASE WHEN dice < 3 OR %(waits)s THEN 'UNKNOWN' WHEN dice < 6 THEN 'OPTED_OUT_DURING'
        WHEN dice < 8 THEN 'OPTED_OUT_BEFORE' WHEN dice < 12 THEN 'UNREACHABLE'
        ELSE %(taking_part)s END,
    CASE WHEN dice < 2 THEN 'NO_PERMISSION' ELSE '' END, (dice >= 2 AND NOT %(waits)s)::int,
    (dice >= 2)::int, 0, 0, 0, 0,
    CASE dice WHEN 2 THEN 'Carrier answered 400' ELSE '' END, '',
    CASE WHEN dice > 2 THEN 200 WHEN dice = 2 THEN 400 END,
    CASE WHEN dice > 2 AND NOT %(waits)s THEN sent END,
    CASE WHEN dice > 2 AND NOT %(waits)s THEN sent + interval '120 ms' END,
    CASE WHEN dice > 2 AND NOT %(waits)s THEN sent + interval '2 min' END,
    CASE WHEN dice BETWEEN 3 AND 7 AND NOT %(waits)s
        THEN %(starts)s + (dice - 6) * interval '10 min' + id * interval '1 ms' END, %(starts)s
FROM (SELECT id, system_id, (id * 7 + %(event)s * 13) %% 100 AS dice,
        %(send)s + id %% 10000 * interval '1 ms' AS sent
      FROM enrollments_enrollment ORDER BY system_id) n
"""
_REQUESTS = """
INSERT INTO dr_events_attempt (dispatch_id, claim, method, ended_at, elapsed_ms, outcome,
    http_status, excerpt)
SELECT id, 1, 'POST', accepted_at, 80 + id %% 200, 'ANSWERED', http_status, ''
FROM dr_events_dispatch WHERE event_id = ANY (%(events)s) AND accepted_at IS NOT NULL
"""
_READINGS = """
INSERT INTO dr_events_reading (dispatch_id, at, is_online, indoor_f, cool_f, outdoor_f, load)
SELECT id, %(starts)s + look * interval '5 min', true, 72 + id %% 40 / 10.0 + look / 10.0, 74, 96,
    0.5
FROM generate_series(0, %(looks)s - 1) AS look CROSS JOIN dr_events_dispatch
WHERE event_id = %(event)s AND delivery = 'CONFIRMED'
"""


def run(statement: str, values: Any = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


@contextmanager
def unchecked(*tables: str) -> Iterator[None]:
    """The constraints and indexes of these tables, primary keys apart, are made anew at the end."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname),
                   format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname,
                       pg_get_constraintdef(oid))
               FROM pg_constraint WHERE conrelid = ANY (%s::regclass[]) AND contype IN ('f','u','x')
               UNION ALL
               SELECT format('DROP INDEX %%s', i.indexrelid::regclass), pg_get_indexdef(indexrelid)
               FROM pg_index i WHERE indrelid = ANY (%s::regclass[])
                 AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)""",
            [list(tables), list(tables)],
        )
        orders = cursor.fetchall()
    for drop, _ in orders:
        run(drop)
    yield
    for _, make in orders:
        run(make)


def program(now: datetime) -> tuple[Program, Terms]:
    made = Program.objects.create(
        name="Summer Peak",
        slug="summer-peak",
        season_from="01-01",
        season_to="12-31",
        hours_from=time(0),
        hours_to=time(0),
        weekdays=list(range(7)),
        max_per_season=60,
        min_notice_minutes=0,
    )
    return made, Terms.objects.create(program=made, version=1, text="Terms.", published_at=now)


def build(*, homes: int, events: int, now: datetime) -> list[Event]:
    """Everything; prints how long each part took. The events, earliest first: the last waits
    for its send time, the one before it runs now, all others are over."""
    began = clock.monotonic()

    def done(what: str) -> None:
        print(f"  {clock.monotonic() - began:6.1f} s  {what}", flush=True)

    made, terms = program(now)
    User.objects.create(
        email="olga@utility.example", password=make_password("not used"), role=Role.ADMIN
    )
    run(
        "SET synchronous_commit = off; SET work_mem = '256MB'; SET maintenance_work_mem = '512MB'; "
        "SET statement_timeout = 0"
    )
    run(_HOMES, {"homes": homes, "now": now, "program": made.pk, "terms": terms.pk})
    run("ANALYZE")
    done(f"{homes:,} homes")
    done(desk.fill(run, homes=homes, program=made.pk, now=now))
    found = [_event(made, number - events + 2, now) for number in range(events)]
    with unchecked("dr_events_dispatch"):
        for event in found:
            _fill(event, now)
        done(f"{homes * events:,} dispatch rows")
    done("their indexes and constraints")
    sent = found[:-1]
    with unchecked("dr_events_attempt", "dr_events_reading"):
        run(_REQUESTS, {"events": [event.pk for event in sent[-WITH_REQUESTS:]]})
        for event in sent[-WITH_READINGS:]:
            run(_READINGS, {"event": event.pk, "starts": event.starts_at, "looks": LOOKS})
    done("requests and readings")
    run("VACUUM ANALYZE")
    run("RESET ALL")
    done("vacuum, statistics")
    return found


def _event(of: Program, ahead: int, now: datetime) -> Event:
    """``ahead`` 1: the next, waiting; 0: running; less: that many before it, every tenth of them
    cancelled after sending."""
    starts_at = now + ahead * APART - timedelta(hours=1)
    over = {
        "state": EventState.CANCELLED if ahead % 10 == 1 else EventState.COMPLETED,
        "completed_at": starts_at + LENGTH + timedelta(minutes=10),
    }
    send_at = starts_at - timedelta(hours=1)
    fields: dict[str, Any] = {"state": EventState.SCHEDULED, "read_back_due_at": send_at}
    return Event.objects.create(
        program=of,
        name=f"Hot afternoon {ahead + 100}",
        starts_at=starts_at,
        ends_at=starts_at + LENGTH,
        message=b"{}",
        created_by="user:1",
        created_at=send_at,
        scheduled_at=send_at - timedelta(hours=1),
        released_at=send_at - timedelta(hours=1),
        send_at=send_at,
        **(over if ahead < 0 else fields),
    )


def draft(like: Event) -> Event:
    """A draft two days after another event."""
    later = timedelta(days=2)
    return Event.objects.create(
        program=like.program,
        name="Draft",
        starts_at=like.starts_at + later,
        ends_at=like.ends_at + later,
        created_by="user:1",
        created_at=like.created_at,
    )


def act_for_all(one: System) -> BulkAct:
    """One act for every system, to be confirmed by whoever asked for it."""
    everyone = list(System.objects.order_by("name", "id").values_list("id", flat=True))
    return BulkAct.objects.create(
        act=BulkVerb.PAUSE,
        why="Storm",
        systems=everyone,
        total=len(everyone),
        in_program=len(everyone),
        asked_by="user:1",
        asked_at=one.read_at or timezone.now(),
    )


def _fill(event: Event, now: datetime) -> None:
    values = {
        "event": event.pk,
        "starts": event.starts_at,
        "ends": event.ends_at,
        "send": event.send_at,
        "waits": event.send_at is not None and event.send_at > now,
        "taking_part": "COMPLETED" if event.ends_at < now else "ACTIVE",
    }
    run(_ROWS, values)
