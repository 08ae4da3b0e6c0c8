"""gunicorn that is down, hangs, or dies in the middle: JSON, and nothing is sent twice."""

import http.client
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from qaorder.models import Order
from tests.deploy.callers import call
from tests.deploy.conftest import Practice
from tests.deploy.servers import Gunicorn, Nginx
from tests.support.processes import free_port

pytestmark = [pytest.mark.slow]

SERVER = "server 127.0.0.1:8000 max_fails=0;"
CHANGES = {SERVER: SERVER * 2, "proxy_read_timeout 30s;": "proxy_read_timeout 5s;"}
"""A second way to gunicorn, which a second try would take; and no half a minute of waiting."""
SECRET = "blood-in-sputum"


class Wire:
    """The way from nginx to gunicorn, which breaks before the request, after it, or hangs."""

    def __init__(self, gunicorn: Gunicorn) -> None:
        self.gunicorn = gunicorn
        self.breaks = "before"
        self.requests: list[bytes] = []
        self.lost: list[int] = []
        self._held: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        for connection in (self._listener, *self._held):
            connection.close()

    def _serve(self) -> None:
        with suppress(OSError):  # closed
            while True:
                self._treat(self._listener.accept()[0])

    def _treat(self, connection: socket.socket) -> None:
        request = _read_request(connection)
        if request:
            self.requests.append(request)
        if self.breaks == "hangs":
            self._held.append(connection)
            return
        if self.breaks == "after":
            with socket.create_connection(("127.0.0.1", self.gunicorn.port)) as onward:
                onward.sendall(request)
                answer = http.client.HTTPResponse(onward)
                answer.begin()
                answer.read()
                self.lost.append(answer.status)
        connection.close()


def _read_request(connection: socket.socket) -> bytes:
    request = b""
    while chunk := connection.recv(65536):
        request += chunk
        head, end, body = request.partition(b"\r\n\r\n")
        length = re.search(rb"\r\nContent-Length: (\d+)", head)
        if end and len(body) >= (int(length[1]) if length else 0):
            break
    return request


@pytest.fixture(scope="module")
def broken_wire(gunicorn: Gunicorn) -> Iterator[Wire]:
    wire = Wire(gunicorn)
    yield wire
    wire.close()


@pytest.fixture(scope="module")
def nginx(broken_wire: Wire, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    nginx = Nginx(tmp_path_factory.mktemp("nginx"), broken_wire.port, **CHANGES)
    yield nginx
    nginx.end()


@pytest.fixture
def wire(broken_wire: Wire) -> Wire:
    broken_wire.requests.clear()
    broken_wire.breaks = "before"
    return broken_wire


def assert_says(answer: Any, status: int, detail: str) -> None:
    assert (answer.status, answer.detail) == (status, detail)
    assert answer.headers["Retry-After"] == "2"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_no_request_is_sent_a_second_time(nginx: Nginx, wire: Wire, method):
    answer = call(nginx.port, method, "/qaorder/order/destroy/1/", b"a=b")

    assert_says(answer, 502, "服务暂不可用，请稍后重试")
    assert len(wire.requests) == 1


def test_an_order_whose_answer_was_lost_was_placed_once(practice: Practice, wire: Wire):
    wire.breaks = "after"

    answer = practice.place_order()

    assert_says(answer, 502, "服务暂不可用，请稍后重试")
    assert (len(wire.requests), wire.lost) == (1, [201])
    assert Order.objects.count() == 1


def test_an_answer_that_does_not_come_is_a_504(nginx: Nginx, wire: Wire):
    wire.breaks = "hangs"

    answer = call(nginx.port, "PUT", f"/qaorder/order/finish/1/?search={SECRET}", b"")

    assert_says(answer, 504, "服务响应超时，请稍后重试")
    assert len(wire.requests) == 1
    assert SECRET not in nginx.words()


def test_a_service_that_is_down_is_a_502(tmp_path: Path):
    nginx = Nginx(tmp_path, free_port())
    try:
        answers = [
            call(nginx.port, "GET", f"/admin/?search={SECRET}"),
            call(nginx.port, "POST", "/qaorder/file/upload/", b"1" * 2**20),
        ]
    finally:
        nginx.end()

    for answer in answers:
        assert_says(answer, 502, "服务暂不可用，请稍后重试")
    assert SECRET not in nginx.words()
