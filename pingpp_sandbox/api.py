"""The provider's HTTP API: routes, authentication, request signatures."""

import base64
import binascii
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote_plus

from pingpp_sandbox import keys
from pingpp_sandbox.errors import ApiError
from pingpp_sandbox.events import compact

if TYPE_CHECKING:
    from pingpp_sandbox.sandbox import Sandbox

JSON_TYPE = "application/json;charset=utf-8"
SIGNATURE = "Pingplusplus-Signature"
TIMESTAMP = "Pingplusplus-Request-Timestamp"

# The PHP client numbers them.
_EXPAND = re.compile(r"expand\[\d*\]")


@dataclass
class Request:
    """An HTTP request; `target` is path and query exactly as they were sent."""

    method: str
    target: str
    headers: Any
    body: bytes

    @property
    def path(self) -> str:
        """The path, still encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """The decoded query; the last of repeated names counts."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def expand(self) -> set[str]:
        """The fields that `expand[]=…` names, for objects in place of their ids."""
        pairs = parse_qsl(self.target.partition("?")[2])
        return {value for name, value in pairs if _EXPAND.fullmatch(name)}

    def json(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises: ApiError 400.
        """
        try:
            value = json.loads(self.body or b"{}", parse_constant=_no_constant)
            # Half a surrogate pair is legal in JSON text but cannot be answered as UTF-8.
            compact(value).encode()
        except (ValueError, RecursionError) as error:
            raise ApiError("请求内容不是有效的 JSON。") from error
        if not isinstance(value, dict):
            raise ApiError("请求内容必须是一个 JSON 对象。")
        return value


@dataclass
class Response:
    """An HTTP answer."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(default_factory=dict)


Action = Callable[["Sandbox", Request, list[str]], dict[str, Any]]

_ROUTES: list[tuple[str, str, str, Action]] = [
    ("POST", r"/v1/charges", "charge.create", lambda s, r, ids: s.charges.create(r.json())),
    ("GET", r"/v1/charges", "charge.list", lambda s, r, ids: s.charges.page(r.query, r.expand)),
    (
        "GET",
        r"/v1/charges/([^/]*)",
        "charge.retrieve",
        lambda s, r, ids: s.charges.get(ids[0], r.expand),
    ),
    (
        "POST",
        r"/v1/charges/([^/]*)/refunds",
        "refund.create",
        lambda s, r, ids: s.refunds.create(ids[0], r.json()),
    ),
    (
        "GET",
        r"/v1/charges/([^/]*)/refunds",
        "refund.list",
        lambda s, r, ids: s.refunds.page(ids[0], r.query),
    ),
    (
        "GET",
        r"/v1/charges/([^/]*)/refunds/([^/]*)",
        "refund.retrieve",
        lambda s, r, ids: s.refunds.get(*ids),
    ),
    (
        "POST",
        r"/v1/charges/([^/]*)/reverse",
        "charge.reverse",
        lambda s, r, ids: s.charges.reverse(*ids),
    ),
    ("GET", r"/v1/events", "event.list", lambda s, r, ids: s.event_log.page(r.query)),
    ("GET", r"/v1/events/([^/]*)", "event.retrieve", lambda s, r, ids: s.event_log.get(*ids)),
]


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
        match = re.fullmatch(pattern, request.path)
        if match and method == request.method:
            return Call(operation, action, [unquote_plus(text) for text in match.groups()])
    return None


def perform(sandbox: "Sandbox", request: Request, call: Call) -> Response:
    """Carry out an API call and answer as the provider would."""
    try:
        _authenticate(sandbox, request)
        return json_response(200, call.action(sandbox, request, call.ids))
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


def refusal(error: ApiError) -> Response:
    """The answer to a request that is refused."""
    return json_response(error.status, error.envelope())


def json_response(status: int, value: Any) -> Response:
    """An answer in JSON."""
    return Response(status, json.dumps(value, ensure_ascii=False).encode())


def _authenticate(sandbox: "Sandbox", request: Request) -> None:
    given = _given_key(request.headers.get("Authorization", ""))
    if not hmac.compare_digest(given.encode(), sandbox.options.api_key.encode()):
        # Never the whole key, even a wrong one: it may be right elsewhere.
        raise ApiError(f"提供了无效的 API KEY: {given[:8]}***。", status=401)
    if sandbox.options.check_signatures and not _is_signed(sandbox, request):
        # Assumption: what the provider answers here is not documented.
        raise ApiError("提供了无效的签名。", status=401)


def _given_key(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _is_signed(sandbox: "Sandbox", request: Request) -> bool:
    signature = request.headers.get(SIGNATURE, "")
    timestamp = request.headers.get(TIMESTAMP, "")
    if not signature:
        return False
    signed = [request.body + (request.target + timestamp).encode("latin-1")] if timestamp else []
    if request.body:
        # The PHP client signs only the body.
        signed.append(request.body)
    public = sandbox.keys.merchant_public
    return any(keys.is_signed(public, text, signature) for text in signed)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
