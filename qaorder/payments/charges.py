"""The Ping++ charge of one attempt: what is sent, and finding one that may already be there."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from qaorder.models import Channel, Payment
from qaorder.payments import pingpp

SUBJECT_PREFIX = "肺轻松#"
RECHARGE_SUBJECT = "肺轻松余额充值"
DEFAULT_LIFETIME = {Channel.ALIPAY: timedelta(hours=24), Channel.WX: timedelta(hours=2)}
"""The provider's own default expiry of a charge."""
LOOK_BACK = timedelta(minutes=2)
"""How far the two clocks may be apart when a lost charge is looked for."""


def create_charge(payment: Payment, client_ip: str) -> dict[str, Any]:
    """Ask the provider for a charge of this attempt; outside any transaction.

    Raises: pingpp.ProviderError.
    """
    order = payment.order
    if order is None:
        subject = body = RECHARGE_SUBJECT
        metadata = {"owner": payment.payer.username}
    else:
        subject = f"{SUBJECT_PREFIX}{order.order_number[:-4]}"
        body = f"{SUBJECT_PREFIX}{order.order_number}"
        metadata = {"owner": payment.payer.username, "order_number": order.order_number}
    return pingpp.create_charge(
        order_no=payment.order_no,
        channel=payment.channel,
        amount_fen=payment.amount_fen,
        subject=subject,
        body=body,
        client_ip=client_ip,
        metadata=metadata,
        time_expire=_time_expire(payment),
    )


def find_charge(payment: Payment) -> dict[str, Any] | None:
    """Return the provider's charge of this attempt, paid ones first, or None; no transaction.

    For an attempt whose answer was lost: the provider cannot be asked by our number, so the
    charges since the attempt was sent are looked through.
    Raises: pingpp.ProviderError.
    """
    since = (payment.asked_at or payment.created_at) - LOOK_BACK
    found = None
    for charge in pingpp.list_charges(
        created_gte=int(since.timestamp()), channel=str(payment.channel)
    ):
        if charge.get("order_no") == payment.order_no:
            if charge.get("paid"):
                return charge
            found = found or charge
    return found


def expiry_of(charge: dict[str, Any], payment: Payment) -> datetime:
    """Return when the charge can no longer be paid; the provider's default if it does not say."""
    expires = charge.get("time_expire")
    if type(expires) is int and 0 < expires < 2**33:
        return datetime.fromtimestamp(expires, UTC)
    return timezone.now() + DEFAULT_LIFETIME[Channel(payment.channel)]


def _time_expire(payment: Payment) -> int | None:
    """The order's deadline where it is nearer than the provider's default, else None."""
    if payment.order is None:
        return None
    default = timezone.now() + DEFAULT_LIFETIME[Channel(payment.channel)]
    deadline = payment.order.pay_deadline
    return int(deadline.timestamp()) if deadline < default else None
