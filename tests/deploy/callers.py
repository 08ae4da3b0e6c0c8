"""Callers of the proxy: patients from any address of loopback, and those who do not play fair."""

import http.client
import itertools
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

HOST = "feiqingsong.test"
TIMEOUT = 15.0
DRIP_SECONDS = 0.3

_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_TLS.check_hostname = False
_TLS.verify_mode = ssl.CERT_NONE


@dataclass
class Answer:
    status: int
    headers: Any
    raw: bytes

    @property
    def json(self) -> Any:
        assert self.headers["Content-Type"] == "application/json", self.raw
        return json.loads(self.raw.decode())

    @property
    def detail(self) -> str:
        assert list(self.json) == ["detail"]
        return str(self.json["detail"])


def connect(port: int, source: str = "127.0.0.1", *, tls: bool = True, name: str = HOST) -> Any:
    """Return a connection from this address of loopback, with TLS unless told otherwise."""
    raw = socket.socket()
    raw.settimeout(TIMEOUT)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    raw.bind((source, 0))
    raw.connect(("127.0.0.1", port))
    return _TLS.wrap_socket(raw, server_hostname=name) if tls else raw


def connect_as(address: str, path: str) -> socket.socket:
    """Return a plain connection whose PROXY header names this IPv6 address."""
    raw = socket.socket(socket.AF_UNIX)
    raw.settimeout(TIMEOUT)
    raw.connect(path)
    raw.sendall(f"PROXY TCP6 {address} 2001:db8::ffff 40000 80\r\n".encode())
    return raw


def ask(sock: Any, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    """Send one request on this connection; underscores in names of headers become hyphens."""
    connection = http.client.HTTPConnection(HOST)
    connection.sock = sock
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with suppress(BrokenPipeError, ConnectionResetError):  # answered before all was sent
        connection.request(method, path, body, named)
    response = connection.getresponse()
    return Answer(response.status, response.headers, response.read())


def call(port: int, method: str, path: str, body: Any = None, **options: Any) -> Answer:
    """One request on a TLS connection of its own; JSON unless the body is bytes."""
    headers = options.pop("headers", {})
    if isinstance(body, dict):
        body = json.dumps(body).encode()
        headers = {"Content_Type": "application/json"} | headers
    with connect(port, **options) as sock:
        return ask(sock, method, path, body, Connection="close", **headers)


def send_raw(sock: Any, request: bytes) -> bytes:
    """Return whatever comes back until the server closes."""
    answer = b""
    with sock, suppress(ConnectionError, ssl.SSLError):
        sock.sendall(request)
        while chunk := sock.recv(65536):
            answer += chunk
    return answer


def is_open(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    return False


@contextmanager
def dripping(sockets: list[Any], start: bytes) -> Iterator[None]:
    """Send `start` on each, and then a byte to each now and then, as long as they let us."""
    stop = threading.Event()
    for sock in sockets:
        sock.sendall(start)

    def drip() -> None:
        while not stop.wait(DRIP_SECONDS):
            for sock in sockets:
                with suppress(OSError):
                    sock.send(b"a")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        for sock in sockets:
            sock.close()


def is_closed(sock: Any) -> bool:
    """Whether the other side has given up this connection."""
    sock.settimeout(0.2)
    try:
        return sock.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def timed(request: Callable[[], None], seconds: float) -> list[float]:
    """Call the function again and again for so long; return how long each call took."""
    waits, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        started = time.monotonic()
        request()
        waits.append(time.monotonic() - started)
        time.sleep(0.1)
    return waits


def ask_until_refused(sockets: list[Any], most: int = 5000) -> int:
    """Ask on these in turn, for what nginx answers itself; return how often until a 429."""
    for number, sock in zip(range(most), itertools.cycle(sockets), strict=False):
        if ask(sock, "GET", "/.well-known/acme-challenge/none").status == 429:
            return number
    raise AssertionError(f"{most} requests and no 429")
