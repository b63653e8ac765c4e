"""Reads what a schedule left behind: the cloud's ledger and truth, and the portal's rows."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import connection

from dr_events.models import Attempt, Dispatch, Event
from enrollments.models import CarrierGrant
from people.models import ActivityEntry
from tests.faults.history import (
    Bounds,
    Entry,
    EventFacts,
    Evidence,
    Live,
    Request,
    Row,
    Tried,
    Truth,
)
from tests.faults.stack import IN_FLIGHT, TOKEN_LIFE_S, TOTAL_S, Cloud, Stack
from tests.faults.town import Town
from tests.faults.workload import Workload

TABLES = (
    "dr_events_event", "dr_events_dispatch", "dr_events_attempt", "dr_events_optout",
    "dr_events_control", "enrollments_enrollment", "people_activityentry",
)  # fmt: skip


def gather(cloud: Cloud, town: Town, work: Workload, ledger_from: int) -> Evidence:
    """The final read. Physical facts come from the cloud alone."""
    found = Evidence(
        rate=work.plan.rate,
        lies=work.plan.lies,
        bounds=Bounds(
            total_s=TOTAL_S,
            in_flight=IN_FLIGHT,
            per_day=work.plan.per_day,
            token_life_s=TOKEN_LIFE_S,
        ),
        homes={home.serial: home.user for home in town.homes},
        acts=work.acts,
    )
    found.requests = [Request.of(entry) for entry in cloud.ledger(ledger_from)]
    for home in town.homes:
        found.truth[home.serial] = _truth(cloud.ask("GET", "truth", serial=home.serial))
    _portal(found, town)
    return found


def _truth(given: dict[str, Any]) -> Truth:
    events = tuple(
        Live(one["event_id"], one["live"], one["start"], one["end"])
        for one in (*given["events"], *given["replaced"])
    )
    return Truth(given["serial"], given["user"], given["peak_overlap"], events)


def _portal(found: Evidence, town: Town) -> None:
    events = list(Event.objects.filter(program=town.program).order_by("id"))
    late = timedelta(minutes=town.program.min_useful_minutes)
    for event in events:
        found.events[event.pk] = EventFacts(
            id=event.pk,
            wire_id=event.wire_id,
            state=event.state,
            sha256=hashlib.sha256(bytes(event.message or b"")).hexdigest(),
            starts=event.starts_at.timestamp(),
            ends=event.ends_at.timestamp(),
            last_send=(event.ends_at - late).timestamp(),
            planned=event.released_at.timestamp() if event.released_at else 0.0,
        )
    tries: dict[int, list[Tried]] = {}
    for one in Attempt.objects.filter(dispatch__event__in=events).order_by("id"):
        tries.setdefault(one.dispatch_id, []).append(
            Tried(one.ended_at.timestamp(), one.outcome, one.http_status, one.method)
        )
    rows = Dispatch.objects.filter(event__in=events).select_related("system__grant", "enrollment")
    found.rows = [
        Row(
            row.pk, row.event_id, row.system.serial, row.system.grant.carrier_username,
            row.delivery, row.reason, row.trouble, row.attempts, row.system.grant.state,
            row.enrollment.state, row.recall, tuple(tries.get(row.pk, ())),
        )
        for row in rows.order_by("id")
    ]  # fmt: skip
    grants = CarrierGrant.objects.filter(id__in={home.grant for home in town.homes})
    found.grants = dict(grants.values_list("carrier_username", "state"))
    subjects = [
        *(f"event:{event.pk}" for event in events),
        *(f"dispatch:{row.id}" for row in found.rows),
        *(f"enrollment:{home.enrollment}" for home in town.homes),
        *(f"grant:{home.grant}" for home in town.homes),
    ]
    found.log = [
        Entry(*line)
        for line in ActivityEntry.objects.filter(subject__in=subjects)
        .order_by("id")
        .values_list("verb", "subject")
    ]


def keep(stack: Stack, folder: Path, found: Evidence, violations: Sequence[str], plan: Any) -> Path:
    """Everything somebody needs to understand a violation, in one folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "violations.txt").write_text("\n".join(violations) + "\n")
    (folder / "plan.json").write_text(json.dumps(asdict(plan), indent=1, default=str))
    history = {"acts": found.acts, "blows": found.blows, "undecided": found.undecided}
    (folder / "history.json").write_text(json.dumps(history, indent=1, default=asdict))
    lines = (json.dumps(asdict(request)) for request in found.requests)
    (folder / "ledger.jsonl").write_text("\n".join(lines))
    (folder / "truth.json").write_text(json.dumps(found.truth, indent=1, default=asdict))
    (folder / "rows.jsonl").write_text("\n".join(json.dumps(asdict(row)) for row in found.rows))
    for table in TABLES:
        with connection.cursor() as cursor, (folder / f"{table}.csv").open("wb") as file:
            statement = f"COPY {table} TO STDOUT WITH (FORMAT csv, HEADER)"
            with cursor.cursor.copy(statement) as copy:
                for part in copy:
                    file.write(bytes(part))
    shutil.copytree(stack.state / "logs", folder / "logs")
    return folder
