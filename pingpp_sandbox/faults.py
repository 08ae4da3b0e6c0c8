"""Ways in which the provider can be made to fail."""

import json
import threading
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from typing import Any

from pingpp_sandbox.errors import ApiError, channel_refused

OPERATIONS = (
    "charge.create",
    "charge.retrieve",
    "charge.list",
    "charge.reverse",
    "refund.create",
    "refund.retrieve",
    "refund.list",
    "event.retrieve",
)
# status: answer with an error of that HTTP status; no_message, error_text, garbage, null:
# answers no client expects; delay: answer late; drip: one byte per interval; hang: no answer
# until the faults are cleared; drop: reset the connection.
KINDS = ("status", "no_message", "error_text", "garbage", "null", "delay", "drip", "hang", "drop")

_NO_ERRORS = {
    "garbage": (200, b"<html><body><h1>502 Bad Gateway</h1></body></html>"),
    "null": (200, b"null"),
}
_BAD_ERRORS = {
    "no_message": b'{"error": {"type": "api_error"}}',
    "error_text": b'{"error": "text"}',
}


@dataclass
class Fault:
    """One fault for the next `times` requests (None: all until cleared) of an operation.

    With `commit` the request takes effect first, and only its answer goes wrong. With `charge`
    it is for requests about that charge and its refunds only; with `in_lists` also for the
    pages of charges that the charge is on.
    Units: `seconds` of a delay, of the interval of a drip, or the longest of a hang.
    """

    kind: str
    operation: str | None = None
    times: int | None = 1
    status: int = 500
    seconds: float | None = None
    commit: bool = False
    charge: str | None = None
    in_lists: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind: one of {', '.join(KINDS)}")
        if self.operation is not None and self.operation not in OPERATIONS:
            raise ValueError(f"operation: one of {', '.join(OPERATIONS)}")
        if self.times is not None and (type(self.times) is not int or self.times < 1):
            raise ValueError("times: a positive integer or null")
        if type(self.status) is not int or not 200 <= self.status <= 599:
            raise ValueError("status: an HTTP status")
        if self.in_lists and self.charge is None:
            raise ValueError("in_lists: needs a charge")
        if self.kind in ("delay", "drip") and self.seconds is None:
            raise ValueError("seconds: required for delay and drip")

    def is_for(self, operation: str, charge_id: str | None) -> bool:
        """Whether it is meant for a request; `charge_id` is that in its address."""
        return self.operation in (None, operation) and self.charge in (None, charge_id)

    def answer(self) -> tuple[int, bytes] | None:
        """HTTP status and body of the kinds that answer something of their own."""
        if self.kind in _NO_ERRORS:
            return _NO_ERRORS[self.kind]
        if self.kind in _BAD_ERRORS:
            return self.status, _BAD_ERRORS[self.kind]
        if self.kind == "status":
            return self.status, json.dumps(_error(self.status).envelope()).encode()
        return None


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

    def take(self, operation: str, charge_id: str | None = None) -> Fault | None:
        """The first fault that is meant for such a request, if any."""
        return self._take(lambda fault: fault.is_for(operation, charge_id))

    def take_listed(self, charge_ids: Collection[str]) -> Fault | None:
        """The first fault that is meant for a page of these charges, if any."""
        return self._take(lambda fault: fault.in_lists and fault.charge in charge_ids)

    def _take(self, is_meant: Callable[[Fault], bool]) -> Fault | None:
        with self._lock:
            fault = next(filter(is_meant, self._faults), None)
            if fault is not None and fault.times is not None:
                fault.times -= 1
                if not fault.times:
                    self._faults.remove(fault)
            return fault

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


def _error(status: int) -> ApiError:
    if status == 402:
        return channel_refused("wx", "系统繁忙")
    kind = "api_error" if status >= 500 else "invalid_request_error"
    return ApiError("请求未能成功。", status=status, kind=kind)
