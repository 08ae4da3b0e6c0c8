"""Paying as the endpoints do, without HTTP."""

import uuid

from django.db import transaction

from accounts.models import User
from api.errors import CannotPay
from payments import charges, checkout
from payments.channels import is_remote
from payments.models import Payment
from pingpp_client import Json
from qaorder.models import Order

ADDRESS = "127.0.0.1"


def pay_order(*, order: Order, channel: str, payer: User) -> Json | None:
    """Return the charge that is handed out, or None for what is paid at once."""
    if is_remote(channel, order.amount_fen):
        asked = checkout.charge_for_order(
            order=order, channel=channel, client_ip=ADDRESS, payer=payer
        )
        return _keep(*asked)
    with transaction.atomic():
        checkout.pay_at_once(order=order, channel=channel, payer=payer)
    return None


def recharge(
    *, payer: User, channel: str, amount_fen: int, request_id: uuid.UUID | None = None
) -> Json:
    return _keep(
        *checkout.charge_for_recharge(
            payer=payer,
            channel=channel,
            amount_fen=amount_fen,
            client_ip=ADDRESS,
            request_id=request_id,
        )
    )


def _keep(payment: Payment, charge: Json) -> Json:
    with transaction.atomic():
        kept = charges.keep(payment, charge)
    if kept is None:
        raise CannotPay
    return kept
