"""What becomes of a connection whose body nobody read to its end."""

import http.client
import json
import socket
from contextlib import suppress

import pytest

from api.middleware import MAX_BODY, MAX_DISCARDED
from tests.hostile.server import Server
from tests.support import people
from tests.support.processes import HOST

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
JSON = {"Content-Type": "application/json"}
LOGIN = "/accounts/login/"


def raw(server: Server, sent: bytes) -> bytes:
    """Send bytes and then no more; return everything that comes until the server closes."""
    received = b""
    with socket.create_connection((HOST, server.web.port), timeout=20) as client:
        # Who sends more than the server will read may be cut off while sending.
        with suppress(ConnectionError):
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
        while piece := client.recv(65536):
            received += piece
    return received


def chunked(url: str, *chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    head = (
        f"POST {url} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    ).encode()
    return head + b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in chunks) + end


@pytest.mark.parametrize(
    ("url", "size", "status"),
    [
        (LOGIN, MAX_BODY + 1, 413),
        (LOGIN, 4 * 1024 * 1024, 413),
        (LOGIN, MAX_DISCARDED, 413),
        ("/accounts/me/", 200_000, 401),
        ("/qaorder/nothing/", 200_000, 401),
        ("/nothing/", 200_000, 404),
        (LOGIN, MAX_BODY, 400),
    ],
)
def test_the_same_connection_serves_the_next_request(server, url, size, status):
    connection = http.client.HTTPConnection(HOST, server.web.port, timeout=20)
    connection.connect()
    port = connection.sock.getsockname()[1]

    connection.request("POST", url, b" " * size, JSON)
    first = connection.getresponse()
    first.read()
    assert connection.sock is not None, "closed"
    connection.request("GET", "/accounts/me/")
    second = connection.getresponse()

    assert (first.status, second.status) == (status, 401)
    assert connection.sock.getsockname()[1] == port
    connection.close()


def test_a_chunked_body_is_read_as_any_other(server):
    people.make_patient("patient1")
    body = json.dumps({"username": "patient1", "password": "wrong"}).encode()

    answer = raw(server, chunked(LOGIN, body[:10], body[10:]))

    assert answer.startswith(b"HTTP/1.1 401 ")


def test_a_chunked_body_over_the_limit_is_413(server):
    answer = raw(server, chunked(LOGIN, *[b" " * 65536] * 5))

    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_chunked_body_is_not_read_for_ever(server):
    chunks = [b" " * 65536] * ((MAX_BODY + MAX_DISCARDED) // 65536 + 16)

    answer = raw(server, chunked(LOGIN, *chunks, end=b""))

    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("broken", [b"zz\r\n", b"5\r\nab", b"-1\r\n\r\n", b"3\r\nabcde\r\n"])
def test_a_broken_chunk_is_400(server, broken):
    answer = raw(server, chunked(LOGIN, b"{", end=broken))

    assert answer.startswith(b"HTTP/1.1 400 ")
