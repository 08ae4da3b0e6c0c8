"""Attempts to pay: which one a request goes on with, its number, and whose turn it is.

An attempt is written before the provider is asked. The request that holds its lease asks; the
others wait for that answer.
"""

import uuid
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

import pingpp_client
from accounts.models import User
from api.errors import CannotPay, ChannelUnavailable
from payments.models import OPEN_STATES, Payment, PaymentState
from qaorder.models import Channel, Order, Status
from qaorder.orders import lock_order, new_order_number

MAX_RETRIES_PER_ORDER = 99
LEASE_MARGIN = timedelta(seconds=5)
PATIENCE = timedelta(seconds=2)
"""How long a request waits for another one that asks for the same charge."""


def lock_payable(order: Order) -> Order:
    """Return the order, locked, if money may still be asked for it.  Raises: CannotPay."""
    locked = lock_order(order.pk)
    # The margin is for who pays at the provider: a charge handed out in the last minutes would be
    # paid too late, and refunded. One rule for all channels, so that the order ends at one time.
    if (
        locked.status != Status.UNPAID
        or not locked.doctor.is_verified
        or timezone.now() > locked.pay_deadline - settings.ORDER_PAY_MARGIN
    ):
        raise CannotPay
    return locked


@transaction.atomic
def claim(order: Order, channel: str, payer: User) -> tuple[Payment, bool]:
    """Return the order's open attempt through this channel, and whether it is ours to send.

    Raises: CannotPay; ChannelUnavailable once the order's numbers are used up.
    """
    order = lock_payable(order)
    return _claim_attempt(
        order.payments.filter(channel=channel),
        lambda: Payment(
            order=order,
            payer=payer,
            channel=channel,
            order_no=_next_number(order),
            amount_fen=order.amount_fen,
        ),
    )


@transaction.atomic
def claim_recharge(attempt: Payment, request_id: uuid.UUID) -> tuple[Payment, bool]:
    """Return the request's open attempt, by default this one, and whether it is ours to send."""
    number = new_order_number(attempt.payer.patient, request_id)
    earlier = Payment.objects.filter(payer=attempt.payer, order_no=number)
    # A number that the provider refused or saw expire is used up.
    attempt.order_no = new_order_number(attempt.payer.patient) if earlier.exists() else number
    return _claim_attempt(earlier, lambda: attempt)


def _claim_attempt(
    rows: QuerySet[Payment], new_attempt: Callable[[], Payment]
) -> tuple[Payment, bool]:
    """Return the open one of the attempts, and whether it is ours to send; in a transaction.

    Ours: a new one, or one that nobody is sending (its request died or timed out).
    """
    # There is one at most: payment_one_open_per_order_and_channel. Where there is none yet the
    # order's lock keeps two requests from making two; a recharge has no order, but its number is
    # unique.
    payment = rows.select_for_update().filter(state__in=OPEN_STATES).first()
    if payment and payment.state == PaymentState.PENDING:
        if payment.expires_at and payment.expires_at > timezone.now():
            return payment, False
        # If it was paid after all, its notice still finds this row.
        Payment.objects.filter(pk=payment.pk).update(state=PaymentState.EXPIRED)
        payment = None
    if payment is None:
        payment = new_attempt()
    # CREATING, and its lease runs: the request that holds it is at the provider right now.
    elif not is_free(payment):
        return payment, False
    _lease(payment)
    return payment, True


def _next_number(order: Order) -> str:
    """The order number for the first charge, two digits more for each later one."""
    # Every number is used once, for the provider refuses one that was paid, and an answer that
    # comes late must find its own attempt. The balance has a number of its own (AT_ONCE_SUFFIX).
    used = order.payments.filter(duplicate_of=None).exclude(channel=Channel.BALANCE).count()
    if used > MAX_RETRIES_PER_ORDER:
        raise ChannelUnavailable
    return f"{order.order_number}{used:02d}" if used else order.order_number


def is_free(payment: Payment) -> bool:
    """Whether no request holds the attempt, by the database's clock, which all servers share."""
    return not Payment.objects.filter(pk=payment.pk, leased_until__gt=Now()).exists()


def is_slow(payment: Payment) -> bool:
    """Whether the request that holds the lease has been at the provider for long."""
    leased_before = Now() + (_lease_length() - PATIENCE)
    return Payment.objects.filter(pk=payment.pk, leased_until__lt=leased_before).exists()


def _lease(payment: Payment) -> None:
    """Save the attempt as held by this request; the end of its lease says whose it is."""
    payment.leased_until = Now() + _lease_length()
    payment.save()
    payment.refresh_from_db(fields=["leased_until"])


def _lease_length() -> timedelta:
    # Longer than any request can be at the provider, with room for what it does before and after.
    return timedelta(seconds=settings.PINGPP_DEADLINE) * 2 + LEASE_MARGIN


def _held(payment: Payment) -> QuerySet[Payment]:
    """The attempt's row while this request's lease on it has not gone to another."""
    return Payment.objects.filter(
        pk=payment.pk, state=PaymentState.CREATING, leased_until=payment.leased_until
    )


def mark_sent(payment: Payment) -> None:
    """Note that from now on the provider may know of the attempt.

    Raises: ChannelUnavailable if this request was so slow that its lease is over.
    """
    # Before the request goes out, or a death in between would leave a charge nobody looks for; and
    # the earliest time stays, since a search for the charge begins there.
    rows = _held(payment).filter(leased_until__gt=Now())
    if not rows.update(sent_at=Coalesce("sent_at", Now())):
        raise ChannelUnavailable


def give_back(payment: Payment) -> None:
    """Let the next try have an attempt that nothing was sent for."""
    rows = Payment.objects.filter(pk=payment.pk, state=PaymentState.CREATING)
    rows.update(leased_until=None)


def let_go(payment: Payment, error: pingpp_client.ProviderError) -> None:
    """Let the next try have the attempt; remember whether the provider may know of it."""
    rows = _held(payment)
    never_sent = isinstance(error, pingpp_client.ProviderUnavailable) and not error.sent
    was_refused = isinstance(error, pingpp_client.ProviderRefused)
    if was_refused and (error.operation, error.kind) == ("create_charge", "channel"):
        # The channel refuses this number or this payment: the next try needs a number of its own.
        rows.update(state=PaymentState.FAILED, leased_until=None)
    # `payment` was read before `mark_sent`: None says that no earlier try was sent either, so that
    # nothing of this attempt is at the provider. Else the time stays, whatever became of this try.
    elif payment.sent_at is None and (never_sent or was_refused):
        rows.update(sent_at=None, leased_until=None)
    else:
        # Who was asking about it meanwhile must look again.
        rows.update(leased_until=None, inquired_at=timezone.now())
