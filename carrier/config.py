"""Where Carrier's Open API is and who we are to it.

None of this is public (contract sections 1 and 2.2): host names, OAuth addresses, the way a client
authenticates and the scope separator all have to be settings.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

# The six scopes of the reference page (contract section 1), spelled as it spells them.
READ_USER = "Read-User"
READ_SYSTEM = "Read-System"
WRITE_SYSTEM = "Write-System"
READ_EQUIP = "Read-Equip"
READ_UTILITY_EVENTS = "Read-UtilityEvents"
WRITE_UTILITY_EVENTS = "Write-UtilityEvents"


@dataclass(frozen=True, kw_only=True)
class CarrierConfig:
    """Settings of one client. Times are seconds, `max_body_bytes` counts decoded bytes.

    Every address must be https. Plain http is accepted on a loopback address and for the hosts
    named in `plain_http_hosts`, which exists for a sandbox on a private container network and for
    nothing else. Raises ValueError for an address that would carry a token in the clear.
    """

    base_url: str
    authorize_url: str
    token_url: str
    revoke_url: str | None
    client_id: str
    client_secret: str = field(repr=False)
    client_auth: Literal["basic", "body"] = "basic"
    scopes: tuple[str, ...] = ()
    redirect_uri: str = ""
    ca_bundle: str | None = None
    connect_timeout_s: float = 3.0
    total_timeout_s: float = 20.0
    max_body_bytes: int = 1_048_576
    plain_http_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("base_url", "authorize_url", "token_url", "revoke_url"):
            url: str | None = getattr(self, name)
            if url is not None:
                _check_address(name, url, self.plain_http_hosts)
        if self.client_auth not in ("basic", "body"):
            raise ValueError(f"client_auth is 'basic' or 'body', not {self.client_auth!r}")


def _check_address(name: str, url: str, plain_http_hosts: tuple[str, ...]) -> None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host or parts.username or parts.password or parts.fragment:
        raise ValueError(f"{name} must be a plain absolute address")
    if parts.scheme == "https":
        return
    if parts.scheme == "http" and (is_loopback(host) or host in plain_http_hosts):
        return
    raise ValueError(f"{name} must be https (http only on a loopback address)")


def is_loopback(host: str) -> bool:
    """True for localhost and for literal loopback addresses; names are not resolved."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
