"""Which addresses a webhook may have: the public internet by https, nothing inside.

Checked when it is saved, and again on the address that is really dialled: a name may resolve to
something else by then.
"""

import re
from collections.abc import Collection, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from base.refusal import Refused

PORTS = frozenset({443, 8443})
LONGEST = 500
# Names that mean this machine, this network or a cloud's own services, whatever they resolve to.
INNER_NAMES = ("localhost", "localdomain", "local", "internal", "intranet", "lan", "home", "corp")
# At least two labels, the last of which begins with a letter: no IP address in any spelling.
NAME = re.compile(
    r"(?=.{4,253}$)([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z][-a-z0-9]{0,61}[a-z0-9]"
)
# These carry an IPv4 address in an IPv6 one; where the packet ends nobody knows.
TRANSLATED = tuple(
    map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96"))
)


def host_and_port(url: str, *, inner_allowed: Collection[str] = ()) -> tuple[str, int]:
    """Host and port of a webhook's address. Raises Refused with a sentence for the operator.

    ``inner_allowed`` names receivers as ``host:port`` that may be anything, for tests.
    """
    if len(url) > LONGEST or not url.isascii() or re.search(r"[\s\\\x00-\x20\x7f]", url):
        raise _no("Write an https address of at most 500 plain characters.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 443
    except ValueError:
        raise _no("This is no address.") from None
    if f"{host}:{port}" in inner_allowed and parts.scheme in ("http", "https"):
        return host, port
    if parts.scheme != "https":
        raise _no("The address must begin with https://.")
    if "@" in parts.netloc or parts.fragment:
        raise _no("Leave user name, password and # out of the address.")
    if port not in PORTS:
        raise _no("The port must be 443 or 8443.")
    if not NAME.fullmatch(host.rstrip(".").lower()):
        raise _no("Use a full host name, not an IP address.")
    if host.rstrip(".").lower().rsplit(".", 1)[-1] in INNER_NAMES:
        raise _no("This name belongs to an inner network.")
    return host, port


def is_public(address: str) -> bool:
    """Whether this IP address is somewhere on the public internet."""
    try:
        found = ip_address(address.split("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return found.is_global and not _is_odd(found)


def _is_odd(found: IPv4Address | IPv6Address) -> bool:
    return (
        found.is_multicast
        or found.is_reserved
        or any(found in net for net in TRANSLATED if net.version == found.version)
    )


def check_resolved(addresses: Iterable[str]) -> None:
    """Raises Refused unless every address the name has is public, and there is one."""
    found = list(addresses)
    if not found:
        raise _no("This name is not known to the name servers.")
    if not all(map(is_public, found)):
        raise _no("This name leads to an inner network.")


def _no(sentence: str) -> Refused:
    return Refused(sentence, field="url", code="address")
