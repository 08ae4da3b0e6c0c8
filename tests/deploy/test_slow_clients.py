"""Clients that send or read as slowly as they like: gunicorn alone is stopped, nginx holds them."""

import functools
import statistics
import time

import pytest

from tests.deploy.callers import (
    HOST,
    ask_until_refused,
    call,
    connect,
    connect_as,
    dripping,
    is_closed,
    timed,
)
from tests.deploy.conftest import Practice
from tests.deploy.servers import LARGE, Gunicorn, Nginx

pytestmark = [pytest.mark.slow]

AT_ONCE = 16
"""What gunicorn serves at once: two workers with eight threads each."""
ADDRESSES = [f"127.0.0.{number}" for number in range(10, 18)]
SECONDS = 3.0
HEADER = f"GET /qaorder/ HTTP/1.1\r\nHost: {HOST}\r\nX-Slow: ".encode()
BODY = (
    f"POST /accounts/login/ HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
    "Content-Length: 5000\r\n\r\n{"
).encode()
READER = f"GET {LARGE} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
LIST = "/qaorder/order/patient/list/"
UNDER_WAY, BURST = 100, 200
"""limit_conn and limit_req of nginx.conf."""
HEADER_SECONDS = 10


def my_orders(practice: Practice) -> None:
    assert practice.call("GET", LIST).status == 200


def test_gunicorn_without_a_proxy_serves_nobody_else(gunicorn: Gunicorn):
    sockets = [connect(gunicorn.port, tls=False) for _ in range(AT_ONCE + 1)]

    with dripping(sockets, HEADER), connect(gunicorn.port, tls=False) as patient:
        time.sleep(0.5)
        patient.settimeout(2.0)
        patient.sendall(f"GET {LIST} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        with pytest.raises(TimeoutError):
            patient.recv(1)


@pytest.mark.parametrize(
    ("number", "start"),
    [
        pytest.param(200, HEADER, id="headers"),
        pytest.param(200, BODY, id="bodies"),
        pytest.param(AT_ONCE + 2, READER, id="answers"),
    ],
)
def test_slow_clients_from_many_addresses_hold_up_no_patient(
    nginx: Nginx, practice: Practice, number, start
):
    sources = [ADDRESSES[index % len(ADDRESSES)] for index in range(number)]

    with dripping([connect(nginx.port, source) for source in sources], start):
        time.sleep(0.5)
        waits = timed(functools.partial(my_orders, practice), SECONDS)

    assert statistics.median(waits) < 1
    assert max(waits) < SECONDS


def test_a_header_that_is_not_there_in_time_ends_its_connection(nginx: Nginx):
    sockets = [connect(nginx.port, tls=tls) for tls in (True, False)]

    with dripping(sockets, HEADER):
        time.sleep(HEADER_SECONDS - 2)
        before = [is_closed(sock) for sock in sockets]
        time.sleep(4)
        after = [is_closed(sock) for sock in sockets]

    assert before == [False, False]
    assert after == [True, True]


def test_one_address_has_a_hundred_requests_under_way_and_no_more(nginx: Nginx, practice: Practice):
    greedy, other = "127.0.0.30", "127.0.0.31"

    with dripping([connect(nginx.port, greedy) for _ in range(UNDER_WAY)], BODY):
        time.sleep(0.5)
        refused = call(nginx.port, "GET", LIST, source=greedy)
        answer = practice.call("GET", LIST, source=other)

    assert refused.status == 429
    assert refused.detail == "请求过于频繁，请稍后重试"
    assert refused.headers["Retry-After"] == "1"
    assert answer.status == 200


def test_one_address_asks_two_hundred_times_at_once_and_then_at_its_rate(nginx: Nginx):
    greedy, other = "127.0.0.40", "127.0.0.41"

    with connect(nginx.plain_port, greedy, tls=False) as sock:
        asked = ask_until_refused([sock])

    assert asked >= BURST
    assert call(nginx.port, "GET", "/none/", source=other).status == 404
    time.sleep(1)
    assert call(nginx.port, "GET", "/none/", source=greedy).status == 404


def test_one_subscriber_of_ipv6_is_one_address(nginx: Nginx):
    mine = [f"2001:db8:0:7:{number}::a0a" for number in range(8)]
    neighbour = "2001:db8:0:8::1"

    asked = ask_until_refused([connect_as(address, nginx.plain_six) for address in mine])

    assert BURST <= asked < BURST * len(mine)
    assert ask_until_refused([connect_as(neighbour, nginx.plain_six)]) >= BURST
