"""The test-mode pay URL and a page for somebody to pay a charge in a browser."""

import html
import re
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from pingpp_sandbox.api import Request, Response
from pingpp_sandbox.errors import ApiError

if TYPE_CHECKING:
    from pingpp_sandbox.sandbox import Sandbox

_TEXT = "text/plain; charset=utf-8"
_HTML = "text/html; charset=utf-8"
_PAGE = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>Ping++ sandbox</title></head>
<body><h1>{subject}</h1>
<dl><dt>订单号</dt><dd>{order_no}</dd><dt>渠道</dt><dd>{channel}</dd>
<dt>金额</dt><dd>{amount} 元</dd><dt>状态</dt><dd>{state}</dd></dl>
<form action="/notify/charges/{id}" method="get">
<input type="hidden" name="livemode" value="{livemode}"><button{disabled}>付款</button></form>
</body></html>
"""


def answer(sandbox: "Sandbox", request: Request) -> Response | None:
    """The answer to a page's request, None for any other path."""
    for pattern, page in _PAGES.items():
        match = re.fullmatch(pattern, request.path)
        if match and request.method == "GET":
            try:
                return page(sandbox, request, unquote(match[1]))
            except ApiError as error:
                return Response(error.status, error.message.encode(), _TEXT)
    return None


def _notify(sandbox: "Sandbox", request: Request, charge_id: str) -> Response:
    livemode = str(sandbox.options.livemode).lower()
    if request.query.get("livemode", livemode) != livemode:
        raise ApiError(f"livemode 应为 {livemode}")
    sandbox.pay(charge_id)
    return Response(200, b"success", _TEXT)


def _mock(sandbox: "Sandbox", request: Request, charge_id: str) -> Response:
    charge = sandbox.charges.stored(charge_id)
    is_expired = sandbox.clock.now() >= charge["time_expire"]
    state = "待支付"
    if charge["paid"]:
        state = "已支付"
    elif charge["reversed"] or is_expired:
        state = "已关闭"
    fields = {
        "subject": charge["subject"],
        "order_no": charge["order_no"],
        "channel": charge["channel"],
        "amount": f"{Decimal(charge['amount']) / 100:.2f}",
        "state": state,
        "id": quote(charge["id"]),
        "livemode": str(sandbox.options.livemode).lower(),
        "disabled": "" if state == "待支付" else " disabled",
    }
    safe = {name: html.escape(value) for name, value in fields.items()}
    return Response(200, _PAGE.format(**safe).encode(), _HTML)


_PAGES: dict[str, Callable[["Sandbox", Request, str], Response]] = {
    r"/notify/charges/([^/]+)": _notify,
    r"/mock/charges/([^/]+)": _mock,
}
