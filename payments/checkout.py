"""Paying: at once from the balance, or by the provider's charge, which the client pays.

The provider is asked outside any transaction; `charges.keep` stores its answer afterwards.
"""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

import pingpp_client
from accounts.models import User
from api import limit_table, limits
from api.errors import ChannelUnavailable, TooManyRequests
from api.failpoints import failpoint
from payments import attempts, charges
from payments.models import Payment, PaymentState
from payments.provider_places import ProviderPlaces
from payments.settlement import settle_at_once
from pingpp_client import Json
from qaorder.models import Order

# Charges have the order's number itself, then 01 to 99.
AT_ONCE_SUFFIX = "00"
POLL_SECONDS = 0.1

_places = ProviderPlaces()


def pay_at_once(*, order: Order, channel: str, payer: User) -> None:
    """Pay from the balance, or nothing for a free order; call in a transaction.

    Raises: CannotPay, InsufficientBalance (the order stays payable).
    """
    order = attempts.lock_payable(order)
    payment = Payment.objects.create(
        order=order,
        payer=payer,
        channel=channel,
        order_no=order.order_number + AT_ONCE_SUFFIX,
        amount_fen=order.amount_fen,
    )
    settle_at_once(payment, order)
    failpoint("pay.balance_debited")


def charge_for_order(
    *, order: Order, channel: str, client_ip: str, payer: User
) -> tuple[Payment, Json]:
    """Return an attempt to pay the order and the provider's charge for it, to be kept.

    A charge that is not expired is returned again instead of making a second one.
    Raises: CannotPay, ChannelUnavailable, TooManyRequests (the order stays payable).
    """
    patience = attempts.PATIENCE.total_seconds()
    deadline = time.monotonic() + min(settings.PINGPP_DEADLINE, patience)
    with pingpp_client.time_limit(settings.PINGPP_DEADLINE):
        while True:
            payment, is_mine = attempts.claim(order, channel, payer)
            if is_mine:
                # Only whoever asks needs a place: who waits, or gets a kept charge, costs the
                # provider nothing.
                with _share_of(payer, payment):
                    return payment, _ask(payment, client_ip)
            if payment.state == PaymentState.PENDING:
                return payment, json.loads(payment.charge)
            # Another request is asking the provider for this very charge: wait for its answer, but
            # not if it waits in vain itself, for that would only hold one more thread.
            if time.monotonic() > deadline or attempts.is_slow(payment):
                raise ChannelUnavailable
            time.sleep(POLL_SECONDS)


def charge_for_recharge(
    *,
    payer: User,
    channel: str,
    amount_fen: int,
    client_ip: str,
    request_id: uuid.UUID | None = None,
) -> tuple[Payment, Json]:
    """Return an attempt to grow the payer's balance and the provider's charge for it, to be kept.

    A request repeated with its `request_id` goes on with the attempt that the first one began.
    Units: fen.  Raises: ChannelUnavailable, TooManyRequests.
    """
    attempt = Payment(payer=payer, channel=channel, amount_fen=amount_fen)
    with _share_of(payer), pingpp_client.time_limit(settings.PINGPP_DEADLINE):
        payment, is_mine = attempts.claim_recharge(attempt, request_id or uuid.uuid4())
        failpoint("recharge.attempt_written")
        if is_mine:
            return payment, _ask(payment, client_ip)
    if payment.state == PaymentState.PENDING:
        return payment, json.loads(payment.charge)
    raise ChannelUnavailable


@contextmanager
def _share_of(payer: User, claimed: Payment | None = None) -> Iterator[None]:
    """Hold one of the payer's places at the provider, and count the charge that is asked for.

    Raises: ChannelUnavailable while the payer's other calls take them all, TooManyRequests; the
    claimed attempt is the next try's then.
    """
    with _places.hold(payer.pk, settings.PINGPP_MAX_PER_USER) as is_free:
        try:
            if not is_free:
                raise ChannelUnavailable
            limits.take((limit_table.CHARGES, payer.pk))
        except (ChannelUnavailable, TooManyRequests):
            if claimed is not None:
                attempts.give_back(claimed)
            raise
        yield


def _ask(payment: Payment, client_ip: str) -> Json:
    """Ask the provider for the claimed attempt's charge.  Raises: ChannelUnavailable."""
    failpoint("pay.attempt_written")
    try:
        charge = charges.find_charge(payment) if payment.sent_at else None
        if charge is None:
            attempts.mark_sent(payment)
            failpoint("pay.asked")
            charge = charges.create_charge(payment, client_ip)
    except pingpp_client.ProviderError as error:
        attempts.let_go(payment, error)
        raise ChannelUnavailable from error
    failpoint("pay.charge_created")
    return charge
