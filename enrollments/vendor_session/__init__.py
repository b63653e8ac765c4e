"""Window to Carrier's OAuth server: connect, renew, leave, and clients with a token."""

from enrollments.vendor_session.access import client, config, open_access
from enrollments.vendor_session.connecting import connect, start
from enrollments.vendor_session.giving_back import decide, erase, leave, stop_joining
from enrollments.vendor_session.renewing import TOKEN_MARGIN, Refreshed, refresh, refresh_many

__all__ = [
    "TOKEN_MARGIN",
    "Refreshed",
    "client",
    "config",
    "connect",
    "decide",
    "erase",
    "leave",
    "open_access",
    "refresh",
    "refresh_many",
    "start",
    "stop_joining",
]
