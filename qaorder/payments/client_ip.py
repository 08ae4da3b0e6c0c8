"""The address of the device that pays, which the provider asks for."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

UNKNOWN = "127.0.0.1"


def client_ip(request: HttpRequest) -> str:
    """Return the caller's IP address, as far as our own proxies vouch for it.

    `TRUSTED_PROXY_COUNT` proxies append to X-Forwarded-For; what a client wrote further left
    proves nothing.
    """
    address = request.META.get("REMOTE_ADDR", "")
    count = settings.TRUSTED_PROXY_COUNT
    forwarded = request.headers.get("X-Forwarded-For", "")
    if count and forwarded:
        hops = [hop.strip() for hop in forwarded.split(",")]
        if len(hops) >= count:
            address = hops[-count]
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return UNKNOWN
