"""Paying: claim an attempt, ask the provider outside any transaction, store the answer."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from accounts.models import User
from feiqingsong import limit_table, limits
from feiqingsong.errors import CannotPay, ChannelUnavailable, TooManyRequests
from feiqingsong.failpoints import failpoint
from qaorder.models import Channel, Order, Payment, Status
from qaorder.models.payment import OPEN_STATES, PaymentState
from qaorder.payments import charges, pingpp
from qaorder.payments.bulkhead import Shares
from qaorder.payments.gateways import gateway_for
from qaorder.payments.settlement import settle_at_once
from qaorder.services.orders import new_order_number

MAX_RETRIES_PER_ORDER = 99
AT_ONCE_SUFFIX = "00"
LEASE_MARGIN = timedelta(seconds=5)
POLL_SECONDS = 0.1
PATIENCE = timedelta(seconds=2)
"""How long a request waits for another one that asks for the same charge."""

Charge = dict[str, Any]
OnStored = Callable[[Charge | None], None]

_shares = Shares()


def _ignore(charge: Charge | None) -> None:
    """The caller keeps nothing."""


def pay_order(
    *, order: Order, channel: str, client_ip: str, payer: User, on_stored: OnStored = _ignore
) -> Charge | None:
    """Pay from the balance at once, or return the provider's charge for the client to pay.

    Nothing to pay is paid at once through any channel; then and for the balance there is no
    charge (None). A charge that is not expired is returned again instead of making a second one.
    `on_stored` runs in the transaction that makes the result final.
    Raises: CannotPay, InsufficientBalance, ChannelUnavailable, TooManyRequests (the order stays
    payable).
    """
    if not gateway_for(channel, order.amount_fen).remote:
        _pay_at_once(order, channel, payer, on_stored)
        return None
    deadline = time.monotonic() + min(settings.PINGPP_DEADLINE, PATIENCE.total_seconds())
    with pingpp.time_limit(settings.PINGPP_DEADLINE):
        while True:
            payment, is_mine = _claim(order, channel, payer)
            if is_mine:
                with _share_of(payer, payment):
                    return _obtain_charge(payment, client_ip, on_stored)
            if payment.state == PaymentState.PENDING:
                return _store(payment, json.loads(payment.charge), on_stored)
            # Another request is asking the provider for this very charge: wait for its answer, but
            # not if it waits in vain itself, for that would only hold one more thread.
            if time.monotonic() > deadline or _is_slow(payment):
                raise ChannelUnavailable
            time.sleep(POLL_SECONDS)


def recharge(
    *,
    payer: User,
    channel: str,
    amount_fen: int,
    client_ip: str,
    request_id: uuid.UUID | None = None,
    on_stored: OnStored = _ignore,
) -> Charge:
    """Return a charge whose payment will grow the payer's balance.

    A request repeated with its `request_id` goes on with the attempt that the first one began.
    Units: fen.  Raises: ChannelUnavailable, TooManyRequests.
    """
    attempt = Payment(payer=payer, channel=channel, amount_fen=amount_fen)
    with _share_of(payer), pingpp.time_limit(settings.PINGPP_DEADLINE):
        payment, is_mine = _claim_recharge(attempt, request_id or uuid.uuid4())
        failpoint("recharge.attempt_written")
        if is_mine:
            return _obtain_charge(payment, client_ip, on_stored)
        if payment.state == PaymentState.PENDING:
            return _store(payment, json.loads(payment.charge), on_stored)
        raise ChannelUnavailable


@contextmanager
def _share_of(payer: User, claimed: Payment | None = None) -> Iterator[None]:
    """Hold one of the payer's places at the provider, and count the charge that is asked for.

    Raises: ChannelUnavailable while the payer's other calls take them all, TooManyRequests; the
    claimed attempt is the next try's then.
    """
    with _shares.share(payer.pk, settings.PINGPP_MAX_PER_USER) as is_free:
        try:
            if not is_free:
                raise ChannelUnavailable
            limits.take((limit_table.CHARGES, payer.pk))
        except (ChannelUnavailable, TooManyRequests):
            if claimed is not None:
                rows = Payment.objects.filter(pk=claimed.pk, state=PaymentState.CREATING)
                rows.update(leased_until=None)
            raise
        yield


@transaction.atomic
def _pay_at_once(order: Order, channel: str, payer: User, on_stored: OnStored) -> None:
    order = _lock_payable(order)
    payment = Payment.objects.create(
        order=order,
        payer=payer,
        channel=channel,
        order_no=order.order_number + AT_ONCE_SUFFIX,
        amount_fen=order.amount_fen,
    )
    settle_at_once(payment, order)
    failpoint("pay.balance_debited")
    on_stored(None)


def _lock(order_id: int) -> Order:
    """Lock the order; its doctor is read along, as of now."""
    rows = Order.objects.select_for_update(of=("self",)).select_related("doctor")
    return rows.get(pk=order_id)


def _lock_payable(order: Order) -> Order:
    locked = _lock(order.pk)
    if (
        locked.status != Status.UNPAID
        or not locked.doctor.is_verified
        or timezone.now() > locked.pay_deadline - settings.ORDER_PAY_MARGIN
    ):
        raise CannotPay
    return locked


@transaction.atomic
def _claim(order: Order, channel: str, payer: User) -> tuple[Payment, bool]:
    """Return the order's open attempt through this channel, and whether it is ours to send."""
    order = _lock_payable(order)
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
def _claim_recharge(attempt: Payment, request_id: uuid.UUID) -> tuple[Payment, bool]:
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
    payment = rows.select_for_update().filter(state__in=OPEN_STATES).first()
    if payment and payment.state == PaymentState.PENDING:
        if payment.expires_at and payment.expires_at > timezone.now():
            return payment, False
        # If it was paid after all, its notice still finds this row.
        Payment.objects.filter(pk=payment.pk).update(state=PaymentState.EXPIRED)
        payment = None
    if payment is None:
        payment = new_attempt()
    elif not is_free(payment):
        return payment, False
    _lease(payment)
    return payment, True


def is_free(payment: Payment) -> bool:
    """Whether no request holds the attempt, by the database's clock, which all servers share."""
    return not Payment.objects.filter(pk=payment.pk, leased_until__gt=Now()).exists()


def _lease(payment: Payment) -> None:
    """Save the attempt as held by this request; the end of its lease says whose it is."""
    payment.leased_until = Now() + _lease_length()
    payment.save()
    payment.refresh_from_db(fields=["leased_until"])


def _lease_length() -> timedelta:
    return timedelta(seconds=settings.PINGPP_DEADLINE) * 2 + LEASE_MARGIN


def _held(payment: Payment) -> QuerySet[Payment]:
    """The attempt's row while this request's lease on it has not gone to another."""
    return Payment.objects.filter(
        pk=payment.pk, state=PaymentState.CREATING, leased_until=payment.leased_until
    )


def _is_slow(payment: Payment) -> bool:
    """Whether the request that holds the lease has been at the provider for long."""
    leased_before = Now() + (_lease_length() - PATIENCE)
    return Payment.objects.filter(pk=payment.pk, leased_until__lt=leased_before).exists()


def _next_number(order: Order) -> str:
    """The order number for the first charge, two digits more for each later one."""
    used = order.payments.filter(duplicate_of=None).exclude(channel=Channel.BALANCE).count()
    if used > MAX_RETRIES_PER_ORDER:
        raise ChannelUnavailable
    return f"{order.order_number}{used:02d}" if used else order.order_number


def _obtain_charge(payment: Payment, client_ip: str, on_stored: OnStored) -> Charge:
    """Ask the provider for the claimed attempt's charge and store it."""
    failpoint("pay.attempt_written")
    try:
        charge = charges.find_charge(payment) if payment.asked_at else None
        if charge is None:
            _mark_asked(payment)
            failpoint("pay.asked")
            charge = charges.create_charge(payment, client_ip)
    except pingpp.ProviderError as error:
        _release(payment, error)
        raise ChannelUnavailable from error
    failpoint("pay.charge_created")
    return _store(payment, charge, on_stored)


def _mark_asked(payment: Payment) -> None:
    """Note that from now on the provider may know of the attempt.

    Raises: ChannelUnavailable if this request was so slow that its lease is over.
    """
    rows = _held(payment).filter(leased_until__gt=Now())
    if not rows.update(asked_at=Coalesce("asked_at", Now())):
        raise ChannelUnavailable


def _release(payment: Payment, error: pingpp.ProviderError) -> None:
    """Let the next try have the attempt; remember whether the provider may know of it."""
    rows = _held(payment)
    never_sent = isinstance(error, pingpp.ProviderUnavailable) and not error.sent
    if isinstance(error, pingpp.ProviderRefused) and (error.operation, error.http_status) == (
        "create_charge",
        402,
    ):
        # The channel refuses this number or this payment: the next try needs a number of its own.
        rows.update(state=PaymentState.FAILED, leased_until=None)
    elif payment.asked_at is None and (never_sent or isinstance(error, pingpp.ProviderRefused)):
        rows.update(asked_at=None, leased_until=None)
    else:
        # Who was asking about it meanwhile must look again.
        rows.update(leased_until=None, checked_at=timezone.now())


def _store(payment: Payment, charge: Charge, on_stored: OnStored) -> Charge:
    """Keep the charge and hand it out if the order still waits for money.

    Everything may have changed while the provider was asked: the order is looked at again. A
    charge that is not handed out stays known, so that its money is recognised if it comes.
    """
    with transaction.atomic():
        handed_out = _store_locked(payment, charge)
        if handed_out is not None:
            on_stored(handed_out)
    failpoint("pay.charge_stored")
    if handed_out is None:
        raise CannotPay
    return handed_out


def _store_locked(payment: Payment, charge: Charge) -> Charge | None:
    """Keep the charge, unless another one was first; return the one to hand out, if any."""
    order = None
    if payment.order_id:
        order = _lock(payment.order_id)
    payment = (
        Payment.objects.select_for_update(of=("self",)).select_related("payer").get(pk=payment.pk)
    )
    keep_charge(payment, charge)
    if not payment.payer.is_active or (order and not order.doctor.is_verified):
        return None
    kept: Charge = json.loads(payment.charge) if payment.charge else charge
    if order is None or order.paid_with_id == payment.pk:
        return kept
    if order.status == Status.UNPAID and payment.state == PaymentState.PENDING:
        Order.objects.filter(pk=order.pk).update(channel=payment.channel)
        return kept
    return None


def keep_charge(payment: Payment, charge: Charge) -> None:
    """Store the provider's charge with a locked attempt that has none yet."""
    if payment.state != PaymentState.CREATING:
        return
    payment.state = PaymentState.PENDING
    payment.charge_id = charge["id"]
    payment.charge = json.dumps(charge, ensure_ascii=False)
    payment.expires_at = charges.expiry_of(charge, payment)
    payment.leased_until = None
    payment.save()
