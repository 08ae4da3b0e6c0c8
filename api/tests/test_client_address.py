"""Whose address a request has, and which addresses are one caller."""

import pytest
from django.test import RequestFactory

from api.client_address import client_address, client_network


def request_from(peer, forwarded=None):
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    return RequestFactory().get("/", headers=headers, REMOTE_ADDR=peer)


@pytest.mark.parametrize(
    ("peer", "address", "network"),
    [
        ("203.0.113.9", "203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::1", "fe80::/64"),
        ("", "127.0.0.1", "127.0.0.1"),
        ("nonsense", "127.0.0.1", "127.0.0.1"),
    ],
)
def test_an_ipv6_caller_is_their_network_and_a_mapped_one_is_ipv4(peer, address, network):
    request = request_from(peer)

    assert (client_address(request), client_network(request)) == (address, network)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "network"),
    [
        (0, "198.51.100.1", "203.0.113.9"),
        (1, "10.9.9.9, ::ffff:198.51.100.1", "198.51.100.1"),
        (2, "10.9.9.9, 2001:db8:1:2::7, 192.0.2.7", "2001:db8:1:2::/64"),
        (2, "192.0.2.7", "203.0.113.9"),
    ],
)
def test_what_a_client_says_of_itself_is_no_address(settings, proxies, forwarded, network):
    settings.TRUSTED_PROXY_COUNT = proxies

    assert client_network(request_from("203.0.113.9", forwarded)) == network
