"""What the sandbox's tests share: parameters, a merchant that takes webhooks."""

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pingpp_sandbox.sandbox import APP_ID

ORDER_NO = "12257268238541425696240003"
NODE_REASON = "needs node"
# Of a charge in the document that the apps were written against.
# fmt: off
SAMPLE_KEYS = [
    "order_no", "extra", "app", "livemode", "currency", "time_settle", "time_expire", "id",
    "subject", "failure_msg", "channel", "metadata", "body", "credential", "client_ip",
    "description", "amount_refunded", "refunded", "object", "paid", "amount_settle", "time_paid",
    "failure_code", "refunds", "created", "transaction_no", "amount",
]
# fmt: on
# Real keys have twice as many and take seconds to make.
FAST_BITS = 1024


def charge_params(**changes: Any) -> dict[str, Any]:
    """Parameters of a good alipay charge; a value of `...` leaves the parameter out."""
    params = {
        "order_no": ORDER_NO,
        "app": {"id": APP_ID},
        "channel": "alipay",
        "amount": 1500,
        "client_ip": "127.0.0.1",
        "currency": "cny",
        "subject": "肺轻松#1225726823854142569624",
        "body": f"肺轻松#{ORDER_NO}",
        "metadata": {"owner": "patient1", "order_number": ORDER_NO},
    }
    return {name: value for name, value in (params | changes).items() if value is not ...}


def wait_until(is_true: Callable[[], Any], seconds: float = 5) -> None:
    """Wait for something another thread does."""
    until = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.005)


class Merchant:
    """An HTTP server that keeps each notice and answers `statuses` in turn, then 200."""

    def __init__(self) -> None:
        self.notices: list[tuple[bytes, str]] = []
        self.statuses: list[int] = []
        self.seconds = 0.0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks/?a=b"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(merchant) -> type[BaseHTTPRequestHandler]:  # noqa: N805 the class below has self
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                merchant.notices.append((raw, self.headers["X-Pingplusplus-Signature"]))
                time.sleep(merchant.seconds)
                self.send_response(merchant.statuses.pop(0) if merchant.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        return Handler
