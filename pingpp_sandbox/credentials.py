"""What a client would hand to the wallet to pay a charge."""

import base64
import string
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from pingpp_sandbox.ids import random_text

NOTIFY_URL = "https://notify.pingxx.com/notify/charges/"
CHINA = timezone(timedelta(hours=8))

_HEX = string.digits + "ABCDEF"
_TEST_PARTNER = "2008601268521360"
_LIVE_PARTNER = "2088601268521360"
_WX_PARTNER = "1900000109"


def credential(charge: Mapping[str, Any]) -> dict[str, Any]:
    """The credential of a charge that is not paid, keyed by its channel."""
    return {charge["channel"]: _MAKERS[charge["channel"]](charge), "object": "credential"}


def transaction_no(now: float) -> str:
    """A channel's own number for a payment: the date in China and digits."""
    date = datetime.fromtimestamp(now, UTC).astimezone(CHINA)
    return date.strftime("%Y%m%d") + random_text(12, string.digits)


def _alipay(charge: Mapping[str, Any]) -> dict[str, str]:
    partner = _LIVE_PARTNER if charge["livemode"] else _TEST_PARTNER
    expires = datetime.fromtimestamp(charge["time_expire"], UTC).astimezone(CHINA)
    sign = base64.b64encode(random_text(24).encode()).decode()
    fields = {
        "service": "mobile.securitypay.pay",
        "_input_charset": "utf-8",
        "notify_url": quote(NOTIFY_URL + charge["id"], safe=""),
        "partner": partner,
        "out_trade_no": charge["order_no"],
        "subject": charge["subject"],
        "body": f"{charge['body']} {charge['id']}",
        "total_fee": f"{Decimal(charge['amount']) / 100:.2f}",
        "payment_type": "1",
        "seller_id": partner,
        "it_b_pay": expires.strftime("%Y-%m-%d %H:%M:%S"),
        "sign": quote(sign, safe=""),
        "sign_type": "RSA",
    }
    return {"orderInfo": "&".join(f'{name}="{value}"' for name, value in fields.items())}


def _wx(charge: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "appId": "wx" + random_text(16, _HEX).lower(),
        "partnerId": _WX_PARTNER,
        "prepayId": random_text(36),
        "nonceStr": random_text(32),
        # A number, in this channel alone: so does the provider.
        "timeStamp": charge["created"],
        "packageValue": "Sign=WXPay",
        "sign": random_text(32, _HEX),
    }


_MAKERS: dict[str, Any] = {"alipay": _alipay, "wx": _wx}
