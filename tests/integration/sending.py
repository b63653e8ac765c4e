"""An event on its way to pretend homes, the cloud's faults meanwhile, and what the cloud saw."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from dr_events import operations
from dr_events.dispatch.vendor import CLAIM_ROWS
from dr_events.models import Dispatch, Event
from enrollments.models import Program, System
from tests import cast
from tests.integration.conftest import Vendor

SEND_AT = cast.MORNING + timedelta(hours=5)
POSTS = {"operation": "POST utility_events"}


def faults(vendor: Vendor, *rules: dict[str, Any], **variants: Any) -> None:
    vendor.admin("PUT", "faults", rules=list(rules), variants=variants)


def sent(vendor: Vendor, program: Program, count: int) -> tuple[list[System], Event]:
    """Homes and their event, at the moment it is to be sent."""
    systems = vendor.enroll(program, vendor.homes()[:count])
    event = cast.scheduled(program)
    vendor.at(SEND_AT)
    return systems, event


def live(vendor: Vendor, systems: list[System]) -> list[int]:
    """How many live events each home has at the cloud."""
    truths = [vendor.truth(system.serial)["events"] for system in systems]
    return [sum(event["live"] for event in events) for events in truths]


def posts(vendor: Vendor) -> dict[str, int]:
    """How many POSTs of events reached the cloud, by serial."""
    return dict(
        Counter(
            entry["serial"]
            for entry in vendor.entries()
            if entry["method"] == "POST" and entry["path"].endswith("/utility_events")
        )
    )


def deliveries(event: Event) -> dict[str, int]:
    """How many rows are in each state."""
    rows = Dispatch.objects.filter(event=event)
    return dict(Counter(rows.values_list("delivery", flat=True)))


def no_waiting(event: Event) -> None:
    """Let the waiting time of unsure and postponed rows be over."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE dr_events_dispatch SET not_before = NULL WHERE event_id = %s", [event.pk]
        )


def claim(event: Event, now: datetime, *, limit: int = CLAIM_ROWS) -> operations.Claim:
    return operations.claim(
        event_id=event.pk,
        after=0,
        limit=limit,
        lease=timedelta(seconds=60),
        token_margin=timedelta(seconds=60),
        last_send=event.ends_at - timedelta(minutes=30),
        now=now,
    )
