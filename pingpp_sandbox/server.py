"""The HTTP server of an account, and how its faults look on the wire."""

import functools
import logging
import socket
import struct
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pingpp_sandbox import api, bodies, control, pages, wire
from pingpp_sandbox.account import Account
from pingpp_sandbox.errors import ApiError
from pingpp_sandbox.faults import Fault
from pingpp_sandbox.webhooks import SIGNATURE_HEADER

IDLE_SECONDS = 60

_NODE_SDK = "NodeBindings"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

logger = logging.getLogger(__name__)


class Server(ThreadingHTTPServer):
    """Serves one account in daemon threads."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], account: Account) -> None:
        self.account = account
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        """Bind without the name look-up of the base class, which can take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        host, port = self.socket.getsockname()[:2]
        self.server_address = (host, port)
        self.server_name, self.server_port = host, port

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are normal here, anything else is a bug."""
        if not isinstance(sys.exc_info()[1], OSError):
            logger.exception("request failed")


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    server_version = "PingppSandbox"
    sys_version = ""
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    # Buffered, so that headers and body leave in one packet.
    wbufsize = -1
    server: Server

    def __getattr__(self, name: str) -> Any:
        """One way in for every method there is or may be; the base class answers 501 in HTML."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is no HTTP in JSON too."""
        # What could not be read has neither.
        self.command, self.request_version = self.command or "", self.protocol_version
        self._refuse(ApiError("这不是有效的 HTTP 请求。", status=code))

    def log_message(self, format: str, *args: Any) -> None:
        """Log the request line, and never a header."""
        logger.info(format, *args)

    def _answer(self) -> None:
        # The Node SDK sends a request when its socket connects, so on a socket that is used
        # again, as they are since Node 19, it would wait for ever.
        if _NODE_SDK in self.headers.get("User-Agent", ""):
            self.close_connection = True
        try:
            body = bodies.read(self.headers, self.rfile)
        except ApiError as error:
            self._refuse(error)
            return
        account = self.server.account
        request = wire.Request(self.command, self.path, self.headers, body)
        call = api.find_call(request)
        if call is not None:
            self._call(request, call)
        elif request.path.startswith(control.PREFIX):
            self._send(control.answer(account, request))
        else:
            self._send(pages.answer(account, request) or api.no_such_call(request))

    def _call(self, request: wire.Request, call: api.Call) -> None:
        account = self.server.account
        account.count(call.operation)
        # Once, and at the moment that the fault wants.
        perform = functools.cache(lambda: api.perform(account, request, call))
        fault = account.faults.take(call.operation, call.charge_id)
        if fault is None and call.operation == "charge.list":
            fault = account.faults.take_listed(api.listed_ids(perform()))
        if fault is None:
            self._send(perform())
            return
        if fault.commit:
            perform()
        answer = fault.answer()
        if answer is not None:
            self._send(wire.Response(*answer))
        elif fault.kind == "drip":
            self._drip(perform(), fault)
        elif fault.kind == "delay":
            account.faults.sleep(fault.seconds)
            self._send(perform())
        else:
            if fault.kind == "hang":
                account.faults.sleep(fault.seconds)
            self._reset()

    def _refuse(self, error: ApiError) -> None:
        """Refuse what leaves the connection in no known state."""
        self.close_connection = True
        self._send(wire.refusal(error))

    def _send(self, response: wire.Response) -> None:
        self._head(response)
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def _head(self, response: wire.Response) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        if response.content_type == wire.JSON_TYPE:
            self.send_header(SIGNATURE_HEADER, self.server.account.sign(response.body))
        for name, value in response.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def _drip(self, response: wire.Response, fault: Fault) -> None:
        self._head(response)
        for byte in response.body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            self.server.account.faults.sleep(fault.seconds)

    def _reset(self) -> None:
        """End the connection with a TCP reset instead of an answer."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.connection.close()
