"""What both senders and lookers need: the process's fan-out, addresses, headers, time bounds."""

from datetime import timedelta

from django.conf import settings

from carrier import fanout
from carrier.wire import events_url
from dr_events.dispatch import pace
from enrollments.vendor_session import TOKEN_MARGIN, config, open_access

__all__ = [
    "TOKEN_MARGIN",
    "WORK_S",
    "bearer",
    "claim_rows",
    "events_address",
    "has_room",
    "post",
    "quiet_time",
    "requests",
    "status_address",
]

# A task works this long, then ends; the next sweep goes on where it stopped. Far below every time
# limit of a task.
WORK_S = 25.0
CLAIM_ROWS = 500
# Where a limit holds, no more is queued than leaves within twice these many seconds: a claimed row
# may wait a third of its lease, and what this process may do can shrink to a fraction meanwhile.
QUEUE_S = 1.0
# Where only requests in flight are limited: so many queued for each lane.
QUEUE_A_LANE = 5


def requests() -> fanout.Fanout:
    """The fan-out of this process; its connections stay open between waves and events."""
    vendor, pacer = config(), pace.pacer()
    fan = fanout.shared(
        in_flight=settings.CARRIER_IN_FLIGHT,
        connect_timeout_s=vendor.connect_timeout_s,
        total_timeout_s=vendor.total_timeout_s,
        max_body_bytes=vendor.max_body_bytes,
        ca_bundle=vendor.ca_bundle,
        permits=pacer.permits if pacer else None,
    )
    if pacer:
        pacer.serve(fan)
    return fan


def claim_rows() -> int:
    """How many rows to claim, or homes to ask, at once."""
    pacer = pace.pacer()
    if pacer is None:
        return CLAIM_ROWS
    per_second, lanes = pacer.here()
    rows = [CLAIM_ROWS]
    if per_second is not None:
        rows.append(int(QUEUE_S * per_second))
    if lanes is not None:
        rows.append(QUEUE_A_LANE * lanes)
    return max(min(rows), 1)


def has_room(channel: fanout.Channel) -> bool:
    """Whether to queue that many more. A claim's worth above the lanes: they stay busy while the
    next rows are claimed and the last ones saved."""
    if pace.pacer() is None:
        return channel.pending < settings.CARRIER_IN_FLIGHT + CLAIM_ROWS
    return channel.queued < claim_rows()


def events_address(serial: str) -> str:
    return events_url(config().base_url, serial)


def status_address(serial: str) -> str:
    """Operation 5 (contract section 1); the serial is checked as for the events address."""
    return events_address(serial).rsplit("/", 1)[0] + "/status"


def bearer(sealed: bytes | memoryview, seal_id: object) -> str:
    """The Authorization header line. Raises CannotOpen."""
    return f"Authorization: Bearer {open_access(sealed, seal_id)}"


def post(
    key: int, serial: str, sealed: bytes | memoryview, seal_id: object, *, kind: str, body: bytes
) -> fanout.Outgoing:
    """A message for one home; ``kind`` is its content type. Raises CannotOpen."""
    headers = [bearer(sealed, seal_id), f"Content-Type: {kind}", "Accept: application/json"]
    return fanout.Outgoing(key, "POST", events_address(serial), headers, body)


def quiet_time() -> timedelta:
    """Real time after which a request whose answer was lost can no longer take effect: the whole
    time a request may take, plus how late the vendor may apply it (a setting; not public)."""
    return timedelta(seconds=config().total_timeout_s + settings.CARRIER_LATE_EFFECT_S)
