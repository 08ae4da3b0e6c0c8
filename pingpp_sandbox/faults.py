"""Ways in which the provider can be made to fail."""

import json
import threading
from dataclasses import asdict, dataclass
from typing import Any

from pingpp_sandbox.errors import ApiError

OPERATIONS = (
    "charge.create",
    "charge.retrieve",
    "charge.list",
    "charge.reverse",
    "refund.create",
    "refund.retrieve",
    "refund.list",
    "event.retrieve",
    "event.list",
)
# status: answer with an error of that HTTP status; no_message, error_text, garbage, null:
# answers no client expects; delay: answer late; drip: one byte per interval; hang: no answer
# until the faults are cleared; drop: reset the connection.
KINDS = ("status", "no_message", "error_text", "garbage", "null", "delay", "drip", "hang", "drop")

_GARBAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
_CONTENT_STATUS = 200


@dataclass
class Fault:
    """One fault for the next `times` requests (None: all until cleared) of an operation.

    With `commit` the request takes effect first, and only its answer goes wrong.
    Units: `seconds` of a delay, of the interval of a drip, or the longest of a hang.
    """

    kind: str
    operation: str | None = None
    times: int | None = 1
    status: int = 500
    seconds: float | None = None
    commit: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind: one of {', '.join(KINDS)}")
        if self.operation is not None and self.operation not in OPERATIONS:
            raise ValueError(f"operation: one of {', '.join(OPERATIONS)}")
        if self.times is not None and (type(self.times) is not int or self.times < 1):
            raise ValueError("times: a positive integer or null")
        if type(self.status) is not int or not 200 <= self.status <= 599:
            raise ValueError("status: an HTTP status")
        if self.kind in ("delay", "drip") and not _is_seconds(self.seconds):
            raise ValueError("seconds: a number, required for delay and drip")

    def answer(self) -> tuple[int, bytes]:
        """HTTP status and body of the kinds that answer something of their own."""
        if self.kind == "garbage":
            return _CONTENT_STATUS, _GARBAGE
        if self.kind == "null":
            return _CONTENT_STATUS, b"null"
        if self.kind == "no_message":
            return self.status, b'{"error": {"type": "api_error"}}'
        if self.kind == "error_text":
            return self.status, b'{"error": "text"}'
        return self.status, json.dumps(_error(self.status).envelope()).encode()


class Faults:
    """The faults that wait for their requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._cleared = threading.Event()

    def add(self, fault: Fault) -> None:
        """Set a fault behind those already waiting."""
        with self._lock:
            self._faults.append(fault)

    def take(self, operation: str) -> Fault | None:
        """The first fault that is meant for such a request, if any."""
        with self._lock:
            for fault in self._faults:
                if fault.operation not in (None, operation):
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if not fault.times:
                        self._faults.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        """Forget all faults, and let hanging requests go."""
        with self._lock:
            self._faults.clear()
            self._cleared.set()
            self._cleared = threading.Event()

    def sleep(self, seconds: float | None) -> None:
        """Wait that long (None: for ever), but not beyond the next `clear`."""
        with self._lock:
            cleared = self._cleared
        cleared.wait(seconds)

    def shown(self) -> list[dict[str, Any]]:
        """The waiting faults as JSON."""
        with self._lock:
            return [asdict(fault) for fault in self._faults]


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _error(status: int) -> ApiError:
    if status == 402:
        code = "channel_request_error"
        return ApiError(
            "对支付渠道的请求未能成功。", status=status, kind="channel_error", code=code
        )
    if status < 500:
        return ApiError("请求未能成功。", status=status)
    return ApiError("服务暂时不可用。", status=status, kind="api_error")
