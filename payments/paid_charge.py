"""What the provider's charge says of money that was collected."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

CHARGE_ID_LENGTH = 40
"""What a payment's row can keep; the provider's own are shorter."""
_IDENTIFIER = re.compile(r"[0-9A-Za-z_]{1,64}", re.ASCII)


@dataclass(frozen=True)
class PaidCharge:
    """What a charge says of money that was collected in our app, in fen."""

    charge_id: str
    order_no: str
    channel: str
    amount_fen: int
    paid_at: datetime
    is_refunded: bool = False
    refunds: tuple[Any, ...] = ()


def read_paid_charge(charge: Any) -> PaidCharge | None:
    """Return the facts of a paid charge of ours, or None if it is not paid or not ours.

    Ours: this app, this mode (test or live), CNY, and shaped like a charge.
    """
    if not isinstance(charge, dict) or charge.get("paid") is not True:
        return None
    app = charge.get("app")
    if isinstance(app, dict):
        app = app.get("id")
    ours = (settings.PINGPP_APP_ID, settings.PINGPP_LIVEMODE, "cny")
    if (app, charge.get("livemode"), charge.get("currency")) != ours:
        return None
    names = [_identifier(charge.get(key)) for key in ("id", "order_no", "channel")]
    if not all(names) or len(names[0]) > CHARGE_ID_LENGTH:
        return None
    amount = charge.get("amount")
    if type(amount) is not int or not 0 < amount < 2**62:
        return None
    back = _refunds(charge)
    is_refunded = bool(back) or charge.get("amount_refunded") not in (None, 0)
    return PaidCharge(names[0], names[1], names[2], amount, _time_paid(charge), is_refunded, back)


def _identifier(value: Any) -> str:
    return value if isinstance(value, str) and _IDENTIFIER.fullmatch(value) else ""


def _refunds(charge: dict[str, Any]) -> tuple[Any, ...]:
    """What was given back already, or is on its way."""
    listed = charge.get("refunds")
    rows = listed.get("data") if isinstance(listed, dict) else None
    answers = rows if isinstance(rows, list) else []
    return tuple(r for r in answers if isinstance(r, dict) and r.get("status") != "failed")


def _time_paid(charge: dict[str, Any]) -> datetime:
    paid = charge.get("time_paid")
    if type(paid) is int and 0 < paid < 2**33:
        return datetime.fromtimestamp(paid, UTC)
    return timezone.now()
