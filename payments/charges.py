"""The provider's charge of one attempt: asking for it, finding a lost one, keeping it."""

import json
import math
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.utils import timezone

import pingpp_client
from payments.models import Payment, PaymentState
from pingpp_client import Json
from qaorder.models import Channel, Order, Status
from qaorder.orders import lock_order

SUBJECT_PREFIX = "肺轻松#"
RECHARGE_SUBJECT = "肺轻松余额充值"
DEFAULT_LIFETIME = {Channel.ALIPAY: timedelta(hours=24), Channel.WX: timedelta(hours=2)}
"""The provider's own default expiry of a charge."""
CLOCK_SKEW = timedelta(minutes=2)
"""How far the two clocks may be apart when a lost charge is looked for."""
LOOKED_THROUGH = 1000
"""How many charges one search lists; the rest is for the next."""


def create_charge(payment: Payment, client_ip: str) -> Json:
    """Ask the provider for a charge of this attempt, noting when; outside any transaction.

    Raises: pingpp_client.ProviderError.
    """
    rows = Payment.objects.filter(pk=payment.pk)
    # A charge made from now on is newer than all that a search has looked through: it begins anew.
    rows.update(last_sent_at=timezone.now(), search_until=None)
    order = payment.order
    if order is None:
        subject = body = RECHARGE_SUBJECT
        metadata = {"owner": payment.payer.username}
    else:
        subject = f"{SUBJECT_PREFIX}{order.order_number[:-4]}"
        body = f"{SUBJECT_PREFIX}{order.order_number}"
        metadata = {"owner": payment.payer.username, "order_number": order.order_number}
    return pingpp_client.create_charge(
        order_no=payment.order_no,
        channel=payment.channel,
        amount_fen=payment.amount_fen,
        subject=subject,
        body=body,
        client_ip=client_ip,
        metadata=metadata,
        time_expire=_time_expire(payment),
    )


def find_charge(payment: Payment) -> Json | None:
    """Return the provider's charge of this attempt, paid ones first, or None; no transaction.

    For an attempt whose answer was lost: the provider cannot be asked by our number, so the
    charges made while the attempt was sent are looked through, newest first. None means that all
    were. What a search leaves over, the next one goes on with.
    Raises: pingpp_client.ProviderError; ProviderUnavailable (`kind` too_long) if charges are left.
    """
    start, end = _stretch(payment)
    found, oldest = None, end
    listing = pingpp_client.list_charges(
        created_gte=start, created_lte=end, channel=str(payment.channel)
    )
    try:
        for number, charge in enumerate(listing, 1):
            if charge.get("order_no") == payment.order_no:
                # Two requests of one attempt may have made two charges: a paid one is what matters,
                # so an unpaid one is kept in mind only.
                if charge.get("paid"):
                    return charge
                found = found or charge
            oldest = min(oldest, _created(charge, oldest))
            # A second that holds more than that is listed to its end, or the search would stay.
            if number >= LOOKED_THROUGH and oldest < end:
                raise pingpp_client.ProviderUnavailable("list_charges", "too_long")
    except pingpp_client.ProviderUnavailable as error:
        # One second that is too long to be listed at all is stepped over: money paid for a charge
        # in it is still recognised by our number.
        _go_on_from(payment, min(oldest, end - 1) if error.kind == "too_long" else oldest)
        if found is None:
            raise
    return found


def retrieve(charge_id: str) -> Json | None:
    """Return the provider's charge as it is now, or None if there is none.

    Raises: pingpp_client.ProviderError.
    """
    try:
        return pingpp_client.retrieve_charge(charge_id)
    except pingpp_client.ProviderRefused as error:
        if error.kind == "not_found":
            return None
        raise


def _stretch(payment: Payment) -> tuple[int, int]:
    """The unix seconds between which the provider may have made a charge of this attempt."""
    first = payment.sent_at or payment.created_at
    over = (payment.last_sent_at or first) + timedelta(seconds=settings.PINGPP_DEADLINE)
    end = payment.search_until or over + CLOCK_SKEW
    return int((first - CLOCK_SKEW).timestamp()), math.ceil(end.timestamp())


def _created(charge: Json, default: int) -> int:
    created = charge.get("created")
    return created if type(created) is int else default


def _go_on_from(payment: Payment, second: int) -> None:
    """Keep how far the search has come, unless the provider was asked for a charge meanwhile."""
    rows = Payment.objects.filter(pk=payment.pk, last_sent_at=payment.last_sent_at)
    rows.update(search_until=datetime.fromtimestamp(second, UTC))


def keep(payment: Payment, charge: Json) -> Json | None:
    """Store the charge of an attempt, unless another was first; return the one to hand out, if any.

    Call in a transaction. Everything may have changed while the provider was asked, so the order
    is looked at again: None means that it waits for no money. A charge that is not handed out stays
    known, so that its money is recognised if it comes.
    """
    order = lock_order(payment.order_id) if payment.order_id else None
    rows = Payment.objects.select_for_update(of=("self",)).select_related("payer")
    payment = rows.get(pk=payment.pk)
    attach(payment, charge)
    if not payment.payer.is_active or (order and not order.doctor.is_verified):
        return None
    kept: Json = json.loads(payment.charge) if payment.charge else charge
    # Paid already, if its notice was quicker than this answer: it is still what the client asked
    # for, and a refusal would look as if nothing had been paid.
    if order is None or payment.opened_order_id:
        return kept
    if order.status == Status.UNPAID and payment.state == PaymentState.PENDING:
        # What the order shows before it is paid; `advance` writes the channel that paid it.
        Order.objects.filter(pk=order.pk).update(channel=payment.channel)
        return kept
    return None


def attach(payment: Payment, charge: Json) -> None:
    """Store the provider's charge with a locked attempt that has none yet."""
    if payment.state != PaymentState.CREATING:
        return
    payment.state = PaymentState.PENDING
    payment.charge_id = charge["id"]
    payment.charge = json.dumps(charge, ensure_ascii=False)
    payment.expires_at = expiry_of(charge, payment)
    payment.leased_until = None
    payment.save()


def expiry_of(charge: Json, payment: Payment) -> datetime:
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
