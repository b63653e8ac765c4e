"""What both senders and lookers need: the process's fan-out, addresses, headers, time bounds."""

from datetime import timedelta

from django.conf import settings

from carrier import fanout
from carrier.wire import events_url
from enrollments.vendor_session import TOKEN_MARGIN, config, open_access

__all__ = ["TOKEN_MARGIN", "bearer", "events_address", "quiet_time", "requests", "status_address"]


def requests() -> fanout.Fanout:
    """The fan-out of this process; its connections stay open between waves and events."""
    vendor = config()
    return fanout.shared(
        in_flight=settings.CARRIER_IN_FLIGHT,
        connect_timeout_s=vendor.connect_timeout_s,
        total_timeout_s=vendor.total_timeout_s,
        max_body_bytes=vendor.max_body_bytes,
        ca_bundle=vendor.ca_bundle,
    )


def events_address(serial: str) -> str:
    return events_url(config().base_url, serial)


def status_address(serial: str) -> str:
    """Operation 5 (contract section 1); the serial is checked as for the events address."""
    return events_address(serial).rsplit("/", 1)[0] + "/status"


def bearer(sealed: bytes | memoryview, seal_id: object) -> str:
    """The Authorization header line. Raises CannotOpen."""
    return f"Authorization: Bearer {open_access(sealed, seal_id)}"


def quiet_time() -> timedelta:
    """Real time after which a request whose answer was lost can no longer take effect: the whole
    time a request may take, plus how late the vendor may apply it (a setting; not public)."""
    return timedelta(seconds=config().total_timeout_s + settings.CARRIER_LATE_EFFECT_S)
