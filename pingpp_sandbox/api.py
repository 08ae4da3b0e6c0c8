"""The provider's HTTP API: routes, authentication, request signatures."""

import base64
import binascii
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from pingpp_sandbox import keys
from pingpp_sandbox.account import Account
from pingpp_sandbox.errors import ApiError
from pingpp_sandbox.wire import Request, Response, json_response, refusal

SIGNATURE = "Pingplusplus-Signature"
TIMESTAMP = "Pingplusplus-Request-Timestamp"

_CHARGES = r"/v1/charges"
_CHARGE = rf"{_CHARGES}/([^/]*)"
_REFUNDS = rf"{_CHARGE}/refunds"
_REFUND = rf"{_REFUNDS}/([^/]*)"

Action = Callable[..., dict[str, Any]]

_ROUTES: tuple[tuple[str, str, str, Action], ...] = (
    ("POST", _CHARGES, "charge.create", lambda a, r: a.charges.create(r.json())),
    ("GET", _CHARGES, "charge.list", lambda a, r: a.charges.page(r.query, r.expand)),
    ("GET", _CHARGE, "charge.retrieve", lambda a, r, id: a.charges.get(id, r.expand)),
    ("POST", rf"{_CHARGE}/reverse", "charge.reverse", lambda a, r, id: a.charges.reverse(id)),
    ("POST", _REFUNDS, "refund.create", lambda a, r, id: a.refunds.create(id, r.json())),
    ("GET", _REFUNDS, "refund.list", lambda a, r, id: a.refunds.page(id, r.query)),
    ("GET", _REFUND, "refund.retrieve", lambda a, r, *ids: a.refunds.get(*ids)),
    ("GET", r"/v1/events/([^/]*)", "event.retrieve", lambda a, r, id: a.event_log.get(id)),
)


@dataclass
class Call:
    """A request to a known route of the API."""

    operation: str
    action: Action
    ids: list[str]

    @property
    def charge_id(self) -> str | None:
        """The charge that it is about, if it is about one."""
        return None if self.operation.startswith("event.") or not self.ids else self.ids[0]


def find_call(request: Request) -> Call | None:
    """The API call of a request, None for an unknown route."""
    for method, pattern, operation, action in _ROUTES:
        if match := request.match(method, pattern):
            return Call(operation, action, [unquote_plus(text) for text in match.groups()])
    return None


def perform(account: Account, request: Request, call: Call) -> Response:
    """Carry out an API call and answer as the provider would."""
    try:
        _authenticate(account, request)
        return json_response(200, call.action(account, request, *call.ids))
    except ApiError as error:
        return refusal(error)


def listed_ids(response: Response) -> set[str]:
    """The ids of the objects on a page, none for an error."""
    return {each["id"] for each in json.loads(response.body).get("data", [])}


def no_such_call(request: Request) -> Response:
    """404, or 405 where another method would be known."""
    if any(re.fullmatch(pattern, request.path) for _, pattern, _, _ in _ROUTES):
        return refusal(ApiError("这个地址不接受该请求方法。", status=405))
    return refusal(ApiError("没有这个地址。", status=404))


def _authenticate(account: Account, request: Request) -> None:
    given = _given_key(request.headers.get("Authorization", ""))
    if not hmac.compare_digest(given.encode(), account.options.api_key.encode()):
        # Never the whole key, even a wrong one: it may be right elsewhere.
        raise ApiError(f"提供了无效的 API KEY: {given[:8]}***。", status=401)
    if account.options.check_signatures and not _is_signed(account, request):
        # Assumption: what the provider answers here is not documented.
        raise ApiError("提供了无效的签名。", status=401)


def _given_key(authorization: str) -> str:
    """The Python SDK sends Bearer, the Node SDK Basic with the key as the user's name."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _is_signed(account: Account, request: Request) -> bool:
    timestamp = request.headers.get(TIMESTAMP, "")
    signed = request.body + (request.target + timestamp).encode("latin-1")
    return keys.is_signed(account.keys.merchant_public, signed, request.headers.get(SIGNATURE, ""))
