"""The provider's rules for request parameters. Source: Ping++ charge and refund docs."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from pingpp_sandbox.errors import ApiError, channel_refused, invalid, missing

SUBJECT_LENGTH = 32
BODY_LENGTH = 128
DESCRIPTION_LENGTH = 255
METADATA_PAIRS = 20
METADATA_LENGTH = 1000
# Documented for recharges; for charges the provider names no limit.
MAX_AMOUNT = 1_000_000_000
# Of WeChat refunds only; the first is the default.
FUNDING_SOURCES = ("unsettled_funds", "recharge_funds")

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

CHANNELS = frozenset({"alipay", "alipay_qr", "wx", "wx_pub", "wx_lite"})
# Real channels that this sandbox has no credential for.
UNAVAILABLE_CHANNELS = frozenset(
    {
        "alipay_wap",
        "alipay_scan",
        "alipay_lite",
        "alipay_pc_direct",
        "wx_pub_qr",
        "wx_pub_scan",
        "wx_wap",
        "upacp",
        "upacp_pc",
        "upacp_wap",
        "upacp_qr",
        "upacp_scan",
        "cb_wx",
        "cb_alipay",
    }
)
_OPEN_ID_CHANNELS = frozenset({"wx_pub", "wx_lite"})
_ALIPAY_ORDER_NO = re.compile(r"[A-Za-z0-9]{1,64}")
_WX_ORDER_NO = re.compile(r"[A-Za-z0-9]{2,32}")


def is_wx(channel: str) -> bool:
    """Whether the channel shares the WeChat merchant number's order numbers."""
    return channel == "wx" or channel.startswith("wx_")


def charge_params(params: Mapping[str, Any], *, app_id: str, now: int) -> dict[str, Any]:
    """The checked parameters of a charge, with defaults filled in.

    Raises: ApiError 400 with `param`, 402 for a channel that is not available.
    """
    channel = _channel(params)
    return {
        "order_no": _order_no(params, channel),
        "app": _app(params, app_id),
        "channel": channel,
        "amount": _required_amount(params),
        "client_ip": _client_ip(params),
        "currency": _currency(params),
        "subject": _text(params, "subject", SUBJECT_LENGTH),
        "body": _text(params, "body", BODY_LENGTH),
        "extra": _extra(params, channel),
        "time_expire": _time_expire(params, channel, now),
        "metadata": _metadata(params),
        "description": _optional_text(params, "description", DESCRIPTION_LENGTH),
    }


def refund_params(params: Mapping[str, Any], *, remaining: int, channel: str) -> dict[str, Any]:
    """The checked parameters of a refund; `amount` defaults to all that remains.

    Units: fen.  Raises: ApiError 400 with `param`.
    """
    amount = remaining if params.get("amount") is None else _amount(params)
    if amount > remaining:
        raise invalid("amount", "超过可退款金额")
    return {
        "amount": amount,
        "description": _text(params, "description", DESCRIPTION_LENGTH),
        "metadata": _metadata(params),
        "funding_source": _funding_source(params, channel),
    }


def _funding_source(params: Mapping[str, Any], channel: str) -> str | None:
    if not is_wx(channel):
        return None
    value = params.get("funding_source")
    if value is None:
        return FUNDING_SOURCES[0]
    if value not in FUNDING_SOURCES:
        raise invalid("funding_source", f"必须是 {' 或 '.join(FUNDING_SOURCES)}")
    return value


def _text(params: Mapping[str, Any], name: str, limit: int) -> str:
    if params.get(name) in (None, ""):
        raise missing(name)
    value = params[name]
    if not isinstance(value, str):
        raise invalid(name, "必须是字符串")
    if len(value) > limit:
        raise invalid(name, f"最长 {limit} 个字符")
    return value


def _optional_text(params: Mapping[str, Any], name: str, limit: int) -> str | None:
    if params.get(name) is None:
        return None
    return "" if params[name] == "" else _text(params, name, limit)


def _channel(params: Mapping[str, Any]) -> str:
    channel = _text(params, "channel", SUBJECT_LENGTH)
    if channel in UNAVAILABLE_CHANNELS:
        raise channel_refused(channel, "该渠道未开通", code="channel_request_info", param="channel")
    if channel not in CHANNELS:
        raise invalid("channel", "没有这个支付渠道")
    return channel


def _order_no(params: Mapping[str, Any], channel: str) -> str:
    if params.get("order_no") in (None, ""):
        raise missing("order_no")
    pattern = _WX_ORDER_NO if is_wx(channel) else _ALIPAY_ORDER_NO
    value = params["order_no"]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise invalid("order_no", f"不符合 {channel} 渠道的格式")
    return value


def _app(params: Mapping[str, Any], app_id: str) -> str:
    app = params.get("app")
    given = app.get("id") if isinstance(app, dict) else None
    if given is None:
        raise missing("app[id]")
    return known_app(given, app_id)


def known_app(given: object, app_id: str) -> str:
    """The app id, if it is this account's.

    Raises: ApiError 400.
    """
    if given != app_id:
        raise invalid("app[id]", "没有这个应用")
    return app_id


def _required_amount(params: Mapping[str, Any]) -> int:
    if params.get("amount") is None:
        raise missing("amount")
    return _amount(params)


def _amount(params: Mapping[str, Any]) -> int:
    amount = params["amount"]
    # bool is a subclass of int; 1.0 would pass a comparison.
    if type(amount) is not int or not 0 < amount <= MAX_AMOUNT:
        raise invalid("amount", "必须是大于 0 的整数, 单位分")
    return amount


def _client_ip(params: Mapping[str, Any]) -> str:
    value = _text(params, "client_ip", BODY_LENGTH)
    try:
        ipaddress.ip_address(value)
    except ValueError as error:
        raise invalid("client_ip", "必须是 IPv4 或 IPv6 地址") from error
    return value


def _currency(params: Mapping[str, Any]) -> str:
    if _text(params, "currency", SUBJECT_LENGTH) != "cny":
        raise invalid("currency", "仅支持 cny")
    return "cny"


def _hash(params: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = params.get(name)
    # PHP clients write an empty hash as [].
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise invalid(name, "必须是一个 hash")
    return value


def _extra(params: Mapping[str, Any], channel: str) -> dict[str, Any]:
    extra = _hash(params, "extra")
    if channel in _OPEN_ID_CHANNELS and not isinstance(extra.get("open_id"), str):
        raise missing("extra[open_id]")
    return extra


def _metadata(params: Mapping[str, Any]) -> dict[str, Any]:
    metadata = _hash(params, "metadata")
    if any(isinstance(value, dict | list) for value in metadata.values()):
        raise invalid("metadata", "只能有一层")
    length = sum(len(key) + len(str(value)) for key, value in metadata.items())
    if len(metadata) > METADATA_PAIRS or length > METADATA_LENGTH:
        raise invalid("metadata", f"最多 {METADATA_PAIRS} 对, 共 {METADATA_LENGTH} 个字符")
    return metadata


def _time_expire(params: Mapping[str, Any], channel: str, now: int) -> int:
    default, longest = (2 * HOUR, 7 * DAY) if is_wx(channel) else (DAY, 15 * DAY)
    value = params.get("time_expire")
    if value is None:
        return now + default
    if type(value) is not int or not now + MINUTE <= value <= now + longest:
        raise invalid("time_expire", f"必须在创建后 1 分钟到 {longest // DAY} 天之间")
    return value


def charge_is_open(charge: Mapping[str, Any], now: float) -> None:
    """Pass if the charge can still be paid or closed.

    Raises: ApiError 400 `charge_closed` for an expired or reversed charge.
    """
    if charge["reversed"] or now >= charge["time_expire"]:
        raise ApiError("该 charge 已关闭。", code="charge_closed", param="id")
