"""JSON endpoints below /sandbox/ that steer the sandbox."""

from collections.abc import Callable
from typing import Any

from pingpp_sandbox.account import Account
from pingpp_sandbox.errors import ApiError
from pingpp_sandbox.wire import Request, Response, json_response, refusal

PREFIX = "/sandbox/"
Verb = Callable[..., Any]


def answer(account: Account, request: Request) -> Response:
    """Carry out a control request.

    The JSON object of a POST holds the keyword arguments of the method it calls;
    unknown or bad ones are a 400.
    """
    # Pages in a browser send an Origin with each POST; none has any business here.
    if request.headers.get("Origin"):
        return json_response(403, {"error": "not from a browser"})
    for method, path, verb in _verbs(account):
        if match := request.match(method, PREFIX + path):
            try:
                return json_response(200, {"result": verb(*match.groups(), **request.json())})
            except (TypeError, ValueError) as error:
                return json_response(400, {"error": str(error)})
            except ApiError as error:
                return refusal(error)
    return json_response(404, {"error": "no such control"})


def _verbs(account: Account) -> tuple[tuple[str, str, Verb], ...]:
    return (
        ("GET", "state", account.state),
        ("GET", "book", account.book),
        ("GET", "events", account.events),
        ("POST", "faults", account.fault),
        ("POST", "faults/clear", account.clear_faults),
        ("POST", "clock", account.advance),
        ("POST", "options", account.set_options),
        ("POST", "charges/([^/]+)/pay", account.pay),
        ("POST", "charges/([^/]+)/console_refund", account.console_refund),
        ("POST", "refunds", account.script_refunds),
        ("POST", "refunds/([^/]+)", account.settle_refund),
        ("POST", "refunds/([^/]+)/fail_late", account.fail_refund_late),
        ("GET", "webhooks", account.webhooks.pending),
        ("POST", "webhooks/hold", account.webhooks.hold),
        ("POST", "webhooks/release", account.webhooks.release),
        ("POST", "webhooks/drop", account.webhooks.drop),
        ("POST", "webhooks/deliver", account.webhooks.deliver),
        ("POST", "webhooks/duplicate", account.duplicate_webhooks),
        ("POST", "webhooks/shuffle", account.shuffle_webhooks),
    )
