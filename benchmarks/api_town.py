"""Rows for the API's benchmark, made in the database itself: Python would take minutes."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from allauth.idp.oidc.models import Client, Token
from django.db import connection
from django.utils import timezone

from benchmarks import town
from dr_events.models import Event
from dr_events.states import EventState
from enrollments.models import PartnerGrant, Program


@dataclass(frozen=True)
class Made:
    token: str
    program: str
    event: str
    rows: dict[str, int]


def build(systems: int, deliveries: int, folder: Path) -> Made:
    """A partner's program with enrolled systems, and one event of another program of the same
    partner with so many deliveries."""
    program = town.build(1, folder / "homes")
    _copies(program, systems - 1, "25")
    event_program = Program.objects.create(name="Everywhere", slug="everywhere")
    _copies(event_program, deliveries, "26", enrolled=False)
    now = timezone.now()
    event = Event.objects.create(
        program=event_program,
        name="Everywhere",
        state=EventState.COMPLETED,
        starts_at=now,
        ends_at=now + timedelta(hours=2),
        created_by="user:benchmark",
        created_at=now,
    )
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(_DISPATCHES, {"event": event.pk, "program": event_program.pk})
        cursor.execute("VACUUM ANALYZE")
    return Made(
        _client(program, event_program),
        program.slug,
        event.wire_id,
        {
            "systems": systems,
            "enrollments": systems,
            "deliveries": deliveries,
            "home results": deliveries,
        },
    )


def _client(*programs: Program) -> str:
    client = Client.objects.create(id="benchmark", grant_types="client_credentials")
    value = secrets.token_urlsafe(32)
    token = Token(type=Token.Type.ACCESS_TOKEN, client=client)
    token.set_value(value)
    token.set_scopes(["offpeak.read"])
    token.save()
    PartnerGrant.objects.bulk_create(
        PartnerGrant(client_id=client.pk, program=program) for program in programs
    )
    return value


def _copies(program: Program, number: int, prefix: str, *, enrolled: bool = True) -> None:
    """Systems like the first one, each enrolled (or gone again) in the program."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(
            _SYSTEMS,
            {
                "program": program.pk,
                "number": number,
                "prefix": prefix,
                "state": "ACTIVE" if enrolled else "WITHDRAWN",
            },
        )


_SYSTEMS = """
WITH first AS (SELECT * FROM enrollments_system ORDER BY id LIMIT 1),
made AS (
    INSERT INTO enrollments_system (grant_id, location_id, serial, name, brand, model, firmware,
        outdoor_type, has_outdoor_unit, unit, is_online, dr_enabled, dr_settings, read_at)
    SELECT grant_id, location_id, %(prefix)s || lpad(n::text, 9, '0'), name, 'Carrier',
        'SYSTXCCITC01-B', '', 'hp', true, 'F', true, true, '{}', read_at
    FROM first, generate_series(1, %(number)s) n
    RETURNING id, grant_id, read_at
)
INSERT INTO enrollments_enrollment (system_id, program_id, user_id, state, enrolled_at, changed_at)
SELECT m.id, %(program)s, g.user_id, %(state)s, m.read_at, m.read_at
FROM made m JOIN enrollments_carriergrant g ON g.id = m.grant_id
"""
_DISPATCHES = """
INSERT INTO dr_events_dispatch (event_id, system_id, enrollment_id, "window", holds_slot, delivery,
    participation, reason, claim, attempts, renewals, absent_reads, absent_needed, trouble,
    http_status, sent_at, accepted_at)
SELECT e.id, n.system_id, n.id, tstzrange(e.starts_at, e.ends_at), false, 'CONFIRMED', 'COMPLETED',
    '', 1, 1, 0, 0, 0, '', 200, e.starts_at, e.starts_at
FROM dr_events_event e JOIN enrollments_enrollment n ON n.program_id = e.program_id
WHERE e.id = %(event)s AND n.program_id = %(program)s
"""
