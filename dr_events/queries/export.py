"""One row per system of an event, for a spreadsheet. Read in portions, never as a whole."""

from collections.abc import Iterator

from base.spreadsheet import utc_cell
from dr_events.models import Dispatch
from dr_events.states import Delivery, Participation, Reason

HEADER = (
    "serial",
    "postal_code",
    "delivery",
    "participation",
    "reason",
    "trouble",
    "http_status",
    "attempts",
    "sent_at_utc",
    "accepted_at_utc",
    "confirmed_at_utc",
    "opted_out_at_utc",
    "last_seen_active_at_utc",
    "last_read_at_utc",
)
_MOMENTS = (
    "sent_at",
    "accepted_at",
    "confirmed_at",
    "opted_out_at",
    "seen_active_at",
    "read_at",
)


def rows(event_id: int) -> Iterator[tuple[object, ...]]:
    """Values in the order of HEADER; moments as ISO 8601 in UTC, empty when unknown."""
    found = (
        Dispatch.objects.filter(event_id=event_id)
        .order_by("system_id")
        .values_list(
            "system__serial",
            "system__location__postal",
            "delivery",
            "participation",
            "reason",
            "trouble",
            "http_status",
            "attempts",
            *_MOMENTS,
        )
    )
    for serial, postal, delivery, part, reason, trouble, status, tries, *moments in found.iterator(
        chunk_size=2000
    ):
        yield (
            serial,
            postal,
            Delivery(delivery).label,
            Participation(part).label,
            Reason(reason).label,
            trouble,
            status,
            tries,
            *(utc_cell(moment) for moment in moments),
        )
