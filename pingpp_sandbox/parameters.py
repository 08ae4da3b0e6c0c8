"""The provider's rules for request parameters. Source: Ping++ charge and refund docs.

They are strict where the real provider is, so that a client's mistake shows here first.
"""

import ipaddress
import re
from collections.abc import Collection, Mapping
from typing import Any

from pingpp_sandbox.errors import invalid, missing

SUBJECT_LENGTH = 32
BODY_LENGTH = 128
DESCRIPTION_LENGTH = 255
METADATA_PAIRS = 20
METADATA_LENGTH = 1000

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

Params = Mapping[str, Any]

# Per channel: its order numbers, and for how long a charge can be paid: by default, at most.
_CHANNELS = {
    "alipay": (re.compile(r"[A-Za-z0-9]{1,64}"), DAY, 15 * DAY),
    "wx": (re.compile(r"[A-Za-z0-9]{2,32}"), 2 * HOUR, 7 * DAY),
}


def charge_params(params: Params, *, app_id: str, now: int) -> dict[str, Any]:
    """The checked parameters of a charge, with defaults filled in.

    Raises: ApiError 400 with `param`.
    """
    channel = _one_of(params, "channel", _CHANNELS)
    app = params.get("app")
    return {
        "order_no": _order_no(params, channel),
        "app": known_app(app.get("id") if isinstance(app, dict) else None, app_id),
        "channel": channel,
        "amount": _amount(params),
        "client_ip": _client_ip(params),
        "currency": _one_of(params, "currency", ["cny"]),
        "subject": _text(params, "subject", SUBJECT_LENGTH),
        "body": _text(params, "body", BODY_LENGTH),
        "extra": _hash(params, "extra"),
        "time_expire": _time_expire(params, channel, now),
        "metadata": _metadata(params),
        "description": params.get("description") and _description(params),
    }


def refund_params(params: Params, *, remaining: int, channel: str) -> dict[str, Any]:
    """The checked parameters of a refund; `amount` defaults to all that remains.

    Units: fen.  Raises: ApiError 400 with `param`.
    """
    amount = remaining if params.get("amount") is None else _amount(params)
    if amount > remaining:
        raise invalid("amount", "超过可退款金额")
    # Only WeChat tells from which of the merchant's funds a refund is taken.
    funds = (params.get("funding_source") or "unsettled_funds") if channel == "wx" else None
    return {
        "amount": amount,
        "description": _description(params),
        "metadata": _metadata(params),
        "funding_source": funds,
    }


def known_app(given: object, app_id: str) -> str:
    """The app id, if it is this account's.

    Raises: ApiError 400.
    """
    if given is None:
        raise missing("app[id]")
    if given != app_id:
        raise invalid("app[id]", "没有这个应用")
    return app_id


def _required(params: Params, name: str) -> Any:
    # The Python SDK sends null for what its caller left out.
    if params.get(name) in (None, ""):
        raise missing(name)
    return params[name]


def _text(params: Params, name: str, longest: int) -> str:
    value = _required(params, name)
    if not isinstance(value, str) or len(value) > longest:
        raise invalid(name, f"必须是字符串, 最长 {longest} 个字符")
    return value


def _description(params: Params) -> str:
    return _text(params, "description", DESCRIPTION_LENGTH)


def _one_of(params: Params, name: str, known: Collection[str]) -> str:
    value = _text(params, name, SUBJECT_LENGTH)
    if value not in known:
        raise invalid(name, f"仅支持 {', '.join(known)}")
    return value


def _order_no(params: Params, channel: str) -> str:
    value = _required(params, "order_no")
    pattern, _, _ = _CHANNELS[channel]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise invalid("order_no", f"不符合 {channel} 渠道的格式")
    return value


def _amount(params: Params) -> int:
    amount = _required(params, "amount")
    # bool is a subclass of int; 1.0 would pass a comparison.
    if type(amount) is not int or amount <= 0:
        raise invalid("amount", "必须是大于 0 的整数, 单位分")
    return amount


def _client_ip(params: Params) -> str:
    value = _required(params, "client_ip")
    try:
        ipaddress.ip_address(value)
    except ValueError as error:
        raise invalid("client_ip", "必须是 IPv4 或 IPv6 地址") from error
    return value


def _hash(params: Params, name: str) -> dict[str, Any]:
    value = params.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid(name, "必须是一个 hash")
    return value


def _metadata(params: Params) -> dict[str, Any]:
    metadata = _hash(params, "metadata")
    length = sum(len(key) + len(str(value)) for key, value in metadata.items())
    if len(metadata) > METADATA_PAIRS or length > METADATA_LENGTH:
        raise invalid("metadata", f"最多 {METADATA_PAIRS} 对, 共 {METADATA_LENGTH} 个字符")
    return metadata


def _time_expire(params: Params, channel: str, now: int) -> int:
    _, default, longest = _CHANNELS[channel]
    value = params.get("time_expire")
    if value is None:
        return now + default
    if type(value) is not int or not now + MINUTE <= value <= now + longest:
        raise invalid("time_expire", f"必须在创建后 1 分钟到 {longest // DAY} 天之间")
    return value
