"""The address of the device that calls: for the provider, which asks for it, and for the limits."""

import ipaddress
from typing import Any

from django.conf import settings

UNKNOWN = "127.0.0.1"
NETWORK_BITS = 64
"""One household or phone has a whole /64 of IPv6, and may use an address of it per request."""


def client_address(request: Any) -> str:
    """Return the caller's IP address, as far as our own proxies vouch for it.

    `TRUSTED_PROXY_COUNT` proxies append to X-Forwarded-For; what a client wrote further left
    proves nothing. An IPv4 address mapped into IPv6 is that IPv4 address.
    """
    address = request.META.get("REMOTE_ADDR", "")
    count = settings.TRUSTED_PROXY_COUNT
    forwarded = request.headers.get("X-Forwarded-For", "")
    if count and forwarded:
        hops = [hop.strip() for hop in forwarded.split(",")]
        if len(hops) >= count:
            address = hops[-count]
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return UNKNOWN
    # Without the zone of a link-local address, which may be any text.
    return str(getattr(found, "ipv4_mapped", None) or ipaddress.ip_address(found.packed))


def client_network(request: Any) -> str:
    """Return what counts as one caller: the IPv4 address, or the /64 of the IPv6 one."""
    found = ipaddress.ip_address(client_address(request))
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((int(found), NETWORK_BITS), strict=False))
