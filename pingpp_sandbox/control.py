"""JSON endpoints below /sandbox/ that steer the sandbox."""

import inspect
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pingpp_sandbox.api import Request, Response, json_response
from pingpp_sandbox.errors import ApiError

if TYPE_CHECKING:
    from pingpp_sandbox.sandbox import Sandbox

PREFIX = "/sandbox/"
Verb = Callable[..., Any]


def answer(sandbox: "Sandbox", request: Request) -> Response:
    """Carry out a control request.

    The JSON object of a POST holds the keyword arguments of the method it calls;
    unknown or bad ones are a 400.
    """
    # Pages in a browser send an Origin with each POST; none has any business here.
    if request.headers.get("Origin"):
        return json_response(403, {"error": "not from a browser"})
    verb, ids = _find(sandbox, request)
    if verb is None:
        return json_response(404, {"error": "no such control"})
    try:
        arguments = request.json()
        bound = inspect.signature(verb).bind(*ids, **arguments)
    except (TypeError, ApiError) as error:
        return json_response(400, {"error": str(error)})
    try:
        return json_response(200, {"result": verb(*bound.args, **bound.kwargs)})
    except ValueError as error:
        return json_response(400, {"error": str(error)})
    except ApiError as error:
        return json_response(error.status, error.envelope())


def _find(sandbox: "Sandbox", request: Request) -> tuple[Verb | None, tuple[str, ...]]:
    for (method, pattern), verb in _verbs(sandbox).items():
        match = re.fullmatch(pattern, request.path)
        if match and method == request.method:
            return verb, match.groups()
    return None, ()


def _verbs(sandbox: "Sandbox") -> dict[tuple[str, str], Verb]:
    return {
        ("GET", "/sandbox/state"): sandbox.state,
        ("GET", "/sandbox/book"): sandbox.book,
        ("GET", "/sandbox/events"): sandbox.events,
        ("POST", "/sandbox/faults"): sandbox.fault,
        ("POST", "/sandbox/faults/clear"): sandbox.clear_faults,
        ("POST", "/sandbox/clock"): sandbox.advance,
        ("POST", "/sandbox/options"): sandbox.set_options,
        ("POST", r"/sandbox/charges/([^/]+)/pay"): sandbox.pay,
        ("POST", r"/sandbox/charges/([^/]+)/console_refund"): sandbox.console_refund,
        ("POST", "/sandbox/refunds"): sandbox.script_refunds,
        ("POST", r"/sandbox/refunds/([^/]+)"): sandbox.settle_refund,
        ("POST", r"/sandbox/refunds/([^/]+)/fail_late"): sandbox.fail_refund_late,
        ("GET", "/sandbox/webhooks"): sandbox.webhooks.pending,
        ("POST", "/sandbox/webhooks/hold"): sandbox.webhooks.hold,
        ("POST", "/sandbox/webhooks/release"): sandbox.webhooks.release,
        ("POST", "/sandbox/webhooks/drop"): sandbox.webhooks.drop,
        ("POST", "/sandbox/webhooks/deliver"): sandbox.webhooks.deliver,
        ("POST", "/sandbox/webhooks/duplicate"): sandbox.duplicate_webhooks,
        ("POST", "/sandbox/webhooks/shuffle"): sandbox.shuffle_webhooks,
    }
