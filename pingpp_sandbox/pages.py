"""The test-mode pay URL, and pages for a person: the customer's wallet, the merchant's console."""

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, quote, unquote

from pingpp_sandbox.account import Account
from pingpp_sandbox.credentials import CHINA
from pingpp_sandbox.errors import ApiError, invalid
from pingpp_sandbox.wire import Request, Response

_TEXT = "text/plain; charset=utf-8"
_HTML = "text/html; charset=utf-8"
_CLOSED_TO_OTHERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
}
_NEWEST = 20
_REFUNDS = "100"
_OUR_HOST = re.compile(r"(localhost|127(\.[0-9]+){3})(:[0-9]+)?")
_YUAN = re.compile(r"[0-9]{1,8}(\.[0-9]{1,2})?")
_STATUSES = {"pending": "处理中", "succeeded": "已退款", "failed": "退款失败"}

_PAGE = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>Ping++ sandbox</title>
<style>body{{font-family:sans-serif;margin:2em}}table{{border-collapse:collapse}}
td,th{{border:1px solid #bbb;padding:.3em .6em;text-align:left}}form{{display:inline}}</style>
</head><body>{body}</body></html>
"""
_CHARGE = """<p><a href="/">全部</a></p><h1>{subject}</h1>
<dl><dt>订单号</dt><dd>{order_no}</dd><dt>渠道</dt><dd>{channel}</dd>
<dt>金额</dt><dd>{amount} 元</dd><dt>状态</dt><dd>{state}</dd>
<dt>可退</dt><dd>{left} 元</dd></dl>
"""
_ROW = """<tr><td>{created}</td><td><a href="/mock/charges/{id}">{order_no}</a></td>
<td>{channel}</td><td>{amount}</td><td>{state}</td>"""
_BUTTONS = """<form action="/mock/charges/{id}/pay" method="post">
<button{pay_off}>付款</button></form>
<form action="/mock/charges/{id}/refund" method="post">
<button{refund_off}>控制台全额退款</button></form>
<form action="/mock/charges/{id}/refund" method="post">
<input name="amount" size="8" placeholder="元" required>
<button{refund_off}>控制台部分退款</button></form>
"""
_REFUND = "<li>{created} {amount} 元 {state} {description} <code>{id}</code></li>"


def answer(account: Account, request: Request) -> Response | None:
    """The answer to a page's request, None for any other."""
    for (method, pattern), page in _PAGES.items():
        match = request.match(method, pattern)
        if match is None:
            continue
        if method == "POST" and not _is_from_here(request):
            return Response(403, "只接受本站页面上的操作".encode(), _TEXT)
        try:
            return page(account, request, *map(unquote, match.groups()))
        except ApiError as error:
            return Response(error.status, error.message.encode(), _TEXT)
    return None


def _is_from_here(request: Request) -> bool:
    """Whether a button of these pages was pressed: browsers send an Origin with each POST."""
    host = request.headers.get("Host", "")
    # A foreign name that was made to point here would be its own origin.
    is_ours = _OUR_HOST.fullmatch(host) is not None
    return is_ours and request.headers.get("Origin") == f"http://{host}"


def _notify(account: Account, request: Request, charge_id: str) -> Response:
    livemode = str(account.options.livemode).lower()
    if request.query.get("livemode", livemode) != livemode:
        raise ApiError(f"livemode 应为 {livemode}")
    account.pay(charge_id)
    return Response(200, b"success", _TEXT)


def _index(account: Account, request: Request) -> Response:
    query = {"app[id]": account.options.app_id, "limit": str(_NEWEST)}
    rows = []
    for charge in account.charges.page(query)["data"]:
        fields = _charge_fields(account, charge["id"])
        rows.append(_filled(_ROW, fields) + f"<td>{_refund_list(account, charge['id'])}</td>")
        rows.append(f"<td>{_filled(_BUTTONS, fields)}</td></tr>")
    head = "".join(f"<th>{name}" for name in ("时间", "订单号", "渠道", "金额", "状态", "退款", ""))
    return _html(f"<h1>Ping++ 沙箱</h1><table><tr>{head}</tr>{''.join(rows)}</table>")


def _charge(account: Account, request: Request, charge_id: str) -> Response:
    fields = _charge_fields(account, charge_id)
    refunds = _refund_list(account, charge_id)
    return _html(_filled(_CHARGE, fields) + refunds + _filled(_BUTTONS, fields))


def _pay(account: Account, request: Request, charge_id: str) -> Response:
    account.pay(charge_id)
    return _back_to(charge_id)


def _refund(account: Account, request: Request, charge_id: str) -> Response:
    form = parse_qs(request.body.decode(errors="replace"), keep_blank_values=True)
    amount = None
    if "amount" in form:
        yuan = form["amount"][-1]
        if not _YUAN.fullmatch(yuan):
            raise invalid("amount", "应为最多两位小数的金额")
        amount = int(Decimal(yuan) * 100)
    account.console_refund(charge_id, amount)
    return _back_to(charge_id)


def _charge_fields(account: Account, charge_id: str) -> dict[str, str]:
    charge = account.charges.stored(charge_id)
    left = account.refunds.left(charge)
    state = "待支付"
    if charge["paid"]:
        state = "已退款" if charge["amount_refunded"] == charge["amount"] else "已支付"
        if 0 < charge["amount_refunded"] < charge["amount"]:
            state = "部分退款"
    elif charge["reversed"] or account.clock.now() >= charge["time_expire"]:
        state = "已关闭"
    return {
        "id": quote(charge["id"]),
        "subject": charge["subject"],
        "order_no": charge["order_no"],
        "channel": charge["channel"],
        "created": _time(charge["created"]),
        "amount": _yuan(charge["amount"]),
        "left": _yuan(left),
        "state": state,
        "pay_off": "" if state == "待支付" else " disabled",
        "refund_off": "" if charge["paid"] and left else " disabled",
    }


def _refund_list(account: Account, charge_id: str) -> str:
    items = []
    for refund in account.refunds.page(charge_id, {"limit": _REFUNDS})["data"]:
        fields = {
            "created": _time(refund["created"]),
            "amount": _yuan(refund["amount"]),
            "state": _STATUSES[refund["status"]],
        }
        items.append(_filled(_REFUND, refund | fields))
    return f"<ul>{''.join(items)}</ul>" if items else ""


def _filled(template: str, fields: dict[str, Any]) -> str:
    return template.format(**{name: html.escape(str(value)) for name, value in fields.items()})


def _html(body: str) -> Response:
    return Response(200, _PAGE.format(body=body).encode(), _HTML, _CLOSED_TO_OTHERS)


def _back_to(charge_id: str) -> Response:
    return Response(303, b"", _TEXT, {"Location": f"/mock/charges/{quote(charge_id)}"})


def _time(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC).astimezone(CHINA):%Y-%m-%d %H:%M:%S}"


def _yuan(fen: int) -> str:
    return f"{Decimal(fen) / 100:.2f}"


_PAGES: dict[tuple[str, str], Callable[..., Response]] = {
    ("GET", r"/"): _index,
    ("GET", r"/notify/charges/([^/]+)"): _notify,
    ("GET", r"/mock/charges/([^/]+)"): _charge,
    ("POST", r"/mock/charges/([^/]+)/pay"): _pay,
    ("POST", r"/mock/charges/([^/]+)/refund"): _refund,
}
