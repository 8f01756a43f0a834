"""Which addresses of an annotation file may be opened: those of public hosts, over HTTP.

Whoever writes such a file chooses addresses that this machine then opens. Hosts that only this
machine or its network can reach are nobody's photographs, so they are refused, also behind a name
or a redirect.
"""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING
from urllib.request import getproxies, proxy_bypass

if TYPE_CHECKING:
    import httpx

_HOST = re.compile(r"[\w.-]+|[0-9A-Fa-f:.]+(%[\w.-]+)?", re.ASCII)
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet.

    Private, loopback, link-local, multicast and reserved addresses do not, nor does an IPv6 address
    that stands for such an IPv4 address.
    """
    found = ip_address(address)
    if isinstance(found, IPv6Address):
        found = _inner(found) or found
    return found.is_global and not found.is_multicast


def fault(address: httpx.URL) -> str | None:
    """Why an address may not be opened, in a few words; None if it may.

    A name is resolved, and all its addresses must be public. A name that cannot be resolved is left
    to the connection, which fails, or to a proxy.
    """
    if address.scheme not in ("http", "https"):
        return "not an address of http or https"
    if not address.host:
        return "an address without a host"
    if address.port is not None and not 0 < address.port < 65536:
        return f"a port that does not exist ({address.port})"
    host = address.raw_host.decode("ascii")
    if not _HOST.fullmatch(host):
        return "not a valid host name"
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return None
    except UnicodeError:
        return "not a valid host name"
    return next(filter(None, (refused_peer(str(place[0])) for *_, place in found)), None)


def refused_peer(address: str) -> str | None:
    """Why nothing is taken from an IP address; None if it may be."""
    if is_public(address):
        return None
    return f"{address} is no public address; nothing is downloaded from this machine or its network"


def through_proxy(address: httpx.URL) -> bool:
    """Whether the environment names a proxy for this address, which then makes the connection."""
    proxies = getproxies()
    known = address.scheme in proxies or "all" in proxies
    return known and not proxy_bypass(address.host)


def _inner(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for, if any."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
