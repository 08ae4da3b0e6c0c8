"""A provider that answers byte for byte what a test says, and the fixture that sets it up."""

import base64
import json
import socket
import socketserver
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import pkcs1_15

MERCHANT_KEY = RSA.generate(1024)
PROVIDER_KEY = RSA.generate(1024)


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def is_signed_by(self, key: RSA.RsaKey) -> bool:
        timestamp = self.headers["pingplusplus-request-timestamp"]
        signed = self.body + self.path.encode() + timestamp.encode()
        signature = base64.b64decode(self.headers["pingplusplus-signature"])
        try:
            pkcs1_15.new(key).verify(SHA256.new(signed), signature)
        except ValueError:
            return False
        return True


Script = Callable[[socket.socket, Request], None]


def public_pem(key: RSA.RsaKey) -> str:
    return key.public_key().export_key().decode()


def sign(body: bytes, key: RSA.RsaKey = PROVIDER_KEY) -> str:
    return base64.b64encode(pkcs1_15.new(key).sign(SHA256.new(body))).decode()


def answer(status: int = 200, body: object = None, *, signature: str | None = None) -> Script:
    """Send a whole answer; `body` is bytes, or something to send as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(raw)}", "Connection: close"]
    if signature is not None:
        lines.append(f"X-Pingplusplus-Signature: {signature}")
    if 300 <= status < 400:
        lines.append("Location: /v1/elsewhere")
    message = "\r\n".join([*lines, "", ""]).encode() + raw
    return lambda wire, _request: wire.sendall(message)


def charge_answer(wire: socket.socket, request: Request) -> None:
    """Answer a charge as asked for, its keys in an order of its own."""
    asked = request.json
    charge = {"order_no": asked["order_no"], "extra": [], "id": f"ch_{asked['order_no']}"}
    charge |= {"channel": asked["channel"], "amount": asked["amount"], "metadata": []}
    answer(200, charge)(wire, request)


def drip(at_once: bytes, then: bytes) -> Script:
    """Send something at once, the rest byte by byte with pauses."""

    def script(wire: socket.socket, _request: Request) -> None:
        wire.sendall(at_once)
        for byte in then:
            time.sleep(0.05)
            wire.sendall(bytes([byte]))

    return script


def reset(wire: socket.socket, _request: Request) -> None:
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.close()


def silence(wire: socket.socket, _request: Request) -> None:
    wire.recv(1)


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = self.server
        assert isinstance(server, ScriptedProvider)
        try:
            if server.before_request:
                server.before_request(self.request)
            wire = self.request
            if server.tls:
                wire = server.tls.wrap_socket(wire, server_side=True)
            server.answer_request(wire)
        except OSError:
            pass


class ScriptedProvider(socketserver.ThreadingTCPServer):
    """Keeps every request in `requests` and answers by `script`."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: Script = charge_answer
        self.before_request: Callable[[socket.socket], None] | None = None
        self.tls: ssl.SSLContext | None = None
        self.requests: list[Request] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def answer_request(self, wire: socket.socket) -> None:
        with wire.makefile("rb") as incoming:
            request_line = incoming.readline().decode()
            if not request_line:
                return
            method, path, _ = request_line.split(" ")
            headers = {}
            while line := incoming.readline().decode().strip():
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            body = incoming.read(int(headers.get("content-length", 0)))
        request = Request(method, path, headers, body)
        self.requests.append(request)
        self.script(wire, request)
        if wire.fileno() >= 0:
            wire.shutdown(socket.SHUT_RDWR)
            wire.close()


@pytest.fixture(name="provider")
def scripted_provider(settings: Any) -> Iterator[ScriptedProvider]:
    """The scripted provider, and settings for it with short times."""
    settings.PINGPP_API_KEY = "sk_test_key"
    settings.PINGPP_APP_ID = "app_1"
    settings.PINGPP_LIVEMODE = False
    settings.PINGPP_PRIVATE_KEY = MERCHANT_KEY.export_key().decode()
    settings.PINGPP_PUBLIC_KEY = public_pem(PROVIDER_KEY)
    settings.PINGPP_CONNECT_TIMEOUT = 0.5
    settings.PINGPP_READ_TIMEOUT = 2.0
    settings.PINGPP_DEADLINE = 5.0
    settings.PINGPP_MAX_CONCURRENT = 4
    with ScriptedProvider() as server:
        settings.PINGPP_API_BASE = f"http://{server.address}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()
