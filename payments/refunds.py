"""Refunds: one row written with the status change, sent afterwards, open until the money is back.

The row comes first and the provider is asked later, by `run_jobs`, so that no crash can lose or
double a refund. What the provider may already know of is looked for there before it is sent again.
A refund that failed waits for staff, who send it again, pay it to the balance, or settled it
outside.
"""

from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from api import money
from api.errors import CannotRefund
from api.failpoints import failpoint
from ledger import services as ledger
from ledger.models import Account, TransactionKind
from payments.channels import account_of, is_remote
from payments.models import (
    Bearer,
    Payment,
    Refund,
    RefundMeans,
    RefundOrigin,
    RefundStatus,
    SuspenseCharge,
    SuspenseResolution,
)
from payments.release import COMPLETED, refunded_fen
from qaorder.lifecycle import Event, Role, advance
from qaorder.models import Order, OrderType, Status
from qaorder.orders import lock_order
from qaorder.periods import end_period, is_used, lock_patient


@transaction.atomic
def refund_order(
    *, order: Order, role: Role, actor: User | None = None, reason: str = ""
) -> Refund:
    """Cancel a paid, unanswered order and give all its money back the way it came.

    Raises: CannotRefund outside statuses 1 and 2, and for a monthly order that was used, unless
    the doctor or staff refund it.
    """
    order, payment = lock_paid(order)
    cancel_paid(order, role=role, actor=actor)
    return open_refund(payment, reason=reason, role=role)


def lock_paid(order: Order) -> tuple[Order, Payment]:
    """Return the order and the payment that opened it, both locked, in that order.

    Raises: CannotRefund if nothing paid it.
    """
    order = lock_order(order.pk)
    payment = Payment.objects.select_for_update().filter(opened_order=order).first()
    if payment is None:
        raise CannotRefund
    return order, payment


def cancel_paid(order: Order, *, role: Role, actor: User | None) -> None:
    """Move a locked order whose money goes back to 6 and end its period.  Raises: CannotRefund."""
    if order.order_type == OrderType.MONTHLY:
        lock_patient(order.patient_id)
        # Who may refund in which status is `lifecycle.TRANSITIONS`; this rule is the one that a
        # table of statuses cannot hold.
        if role in (Role.PATIENT, Role.CLOCK) and is_used(order.period):
            raise CannotRefund
        end_period(order.period)
    advance(order, Event.REFUND, role, actor)


@transaction.atomic
def refund_completed(*, order: Order, bearer: Bearer, reason: str) -> Refund:
    """Give a served order's money back at staff's word; the order keeps its status (3 to 5).

    What is still in transit pays, else `bearer` (doctor or platform); a monthly period that runs
    ends.  Raises: CannotRefund in any other status, and when nothing is left to give back.
    """
    order, payment = lock_paid(order)
    left = payment.amount_fen - payment.refunded_fen
    if order.status not in (Status.ANSWERED, *COMPLETED) or not left:
        raise CannotRefund
    if order.order_type == OrderType.MONTHLY:
        lock_patient(order.patient_id)
        end_period(order.period)
    return open_refund(payment, reason=reason, role=Role.STAFF, bearer=bearer_of(order, bearer))


def bearer_of(order: Order, bearer: Bearer) -> Bearer:
    """Return who pays: a doctor who was not paid yet loses what is in transit, nothing else."""
    return Bearer.ORDER if bearer == Bearer.DOCTOR and order.released_at is None else bearer


def open_refund(
    payment: Payment,
    *,
    reason: str,
    role: Role,
    amount_fen: int | None = None,
    bearer: Bearer = Bearer.ORDER,
    is_taken: bool = False,
    **columns: Any,
) -> Refund:
    """Write the refund of a locked, paid payment, or of a part, in the caller's transaction.

    Money from the balance, or none, is back at once; the provider's is sent by `refund_outbox`.
    `is_taken` says that the bearer's money is in transit already.
    Raises: CannotRefund if the payment has less left; InsufficientBalance if the payer bears it.
    """
    amount = payment.amount_fen - payment.refunded_fen if amount_fen is None else amount_fen
    _claim(payment, amount)
    refund = Refund.objects.create(
        payment=payment, amount_fen=amount, reason=reason, role=role, bearer=bearer, **columns
    )
    # Every refund leaves from transit; whoever bears it puts the money there first.
    if amount and bearer != Bearer.ORDER and not is_taken:
        _take(refund)
    failpoint("refund.row_written")
    if not is_remote(payment.channel, payment.amount_fen):
        succeed(refund)
    return refund


def _claim(payment: Payment, amount_fen: int) -> None:
    """Keep all refunds within the payment, by a condition and the constraint behind it."""
    # Claimed when it is opened, and kept while it is open or failed: the money is promised.
    rows = Payment.objects.filter(pk=payment.pk, refunded_fen__lte=F("amount_fen") - amount_fen)
    if not rows.update(refunded_fen=F("refunded_fen") + amount_fen):
        raise CannotRefund


def _take(refund: Refund) -> None:
    """Book the money of a refund back into transit, from whoever bears it."""
    legs = {ledger.in_transit(): refund.amount_fen} | _sources(refund)
    reference = f"reversal:{refund.pk}"
    ledger.post(TransactionKind.REVERSAL, reference, legs, refund.order_number)


def _sources(refund: Refund) -> dict[Account, int]:
    payment, amount = refund.payment, refund.amount_fen
    if payment is None or refund.bearer == Bearer.PLATFORM:
        return {ledger.platform(): -amount}
    if refund.bearer == Bearer.PAYER or payment.order is None:
        return {ledger.wallet(payment.payer): -amount}
    order = payment.order
    # As if all reversals were one, so that roundings add up to what was released.
    before = refunded_fen(order, Bearer.DOCTOR) - amount
    percent = order.platform_share_percent
    share = money.split(before + amount, percent)[0] - money.split(before, percent)[0]
    legs = {ledger.platform(): -share, ledger.earnings(order.doctor.user): share - amount}
    return {account: fen for account, fen in legs.items() if fen}


def succeed(refund: Refund, means: RefundMeans = RefundMeans.CHANNEL) -> None:
    """Close an open or failed refund and book the money back; call with the row locked."""
    refund.status, refund.means = RefundStatus.SUCCEEDED, means
    refund.finished_at = timezone.now()
    refund.save()
    target = _target(refund)
    if target is None:
        return
    legs = {_transit(refund): -refund.amount_fen, target: refund.amount_fen}
    # With the attempt, since one that was undone is booked again when the next one succeeds.
    reference = f"refund:{refund.pk}:{refund.attempt}"
    ledger.post(TransactionKind.REFUND, reference, legs, refund.order_number)


def _transit(refund: Refund) -> Account:
    return ledger.in_transit() if refund.payment else ledger.suspense()


def _target(refund: Refund) -> Account | None:
    if refund.means == RefundMeans.OUTSIDE:
        return ledger.bank()
    if refund.payment is None:
        return ledger.clearing(refund.source.channel)
    if refund.means == RefundMeans.BALANCE:
        return ledger.wallet(refund.payment.payer)
    return account_of(refund.payment)


def fail(refund: Refund) -> None:
    """Note that the provider will not give the money back; call with the row locked."""
    refund.status, refund.finished_at = RefundStatus.FAILED, timezone.now()
    refund.save()
    # Held money is there again for staff to decide about.
    if refund.suspense is not None:
        SuspenseCharge.objects.filter(
            pk=refund.suspense.pk, resolution=SuspenseResolution.REFUNDED
        ).update(resolution="", resolved_at=None)


@transaction.atomic
def refuse(refund_pk: int, code: str) -> None:
    """Note a definite refusal by the provider: nothing of this attempt exists there."""
    refund = lock(refund_pk)
    if refund.status == RefundStatus.OPEN and refund.refund_id is None:
        refund.failure_code = code[:60]
        fail(refund)


@transaction.atomic
def give_up(refund: Refund) -> Refund:
    """Stop waiting for the provider: the refund counts as failed, so that staff can end it.

    Raises: CannotRefund unless it has been open for REFUND_OVERDUE.
    """
    refund = lock(refund.pk)
    # If the provider pays it after all: recorded, or the console's if it was ended otherwise.
    overdue = timezone.now() - settings.REFUND_OVERDUE
    if refund.status != RefundStatus.OPEN or refund.created_at > overdue:
        raise CannotRefund
    fail(refund)
    return refund


@transaction.atomic
def retry(refund: Refund) -> Refund:
    """Send a failed refund again, as its next attempt.  Raises: CannotRefund if it has not failed.

    Held money is refunded anew instead.
    """
    refund = _lock_failed(refund)
    refund.status, refund.finished_at = RefundStatus.OPEN, None
    refund.sent_at, refund.next_try_at = None, timezone.now()
    refund.save()
    return refund


@transaction.atomic
def end_otherwise(refund: Refund, means: RefundMeans) -> Refund:
    """Close a failed refund by paying it to the balance, or because it was settled outside.

    Raises: CannotRefund if it has not failed.
    """
    refund = _lock_failed(refund)
    succeed(refund, means)
    return refund


@transaction.atomic
def undo(refund: Refund) -> Refund:
    """Take a refund's success back, because the provider says that it failed after all.

    Raises: CannotRefund unless the channel had returned the money.
    """
    refund = lock(refund.pk)
    if (refund.status, refund.means) != (RefundStatus.SUCCEEDED, RefundMeans.CHANNEL):
        raise CannotRefund
    target = _target(refund)
    if target is not None:
        legs = {target: -refund.amount_fen, _transit(refund): refund.amount_fen}
        reference = f"undone:refund:{refund.pk}:{refund.attempt}"
        ledger.post(TransactionKind.UNDONE, reference, legs, refund.order_number)
    refund.attempt += 1
    if refund.suspense is not None and refund.origin == RefundOrigin.CONSOLE:
        refund.suspense.refunded_fen -= refund.amount_fen
        refund.suspense.save(update_fields=["refunded_fen"])
    fail(refund)
    return refund


def lock(refund_pk: int) -> Refund:
    """Return the refund, locked after the payment or held charge whose money it gives back."""
    # A refund never changes its source, so it can be read before either is locked.
    rows = Refund.objects.select_related("payment__order", "suspense")
    source = rows.get(pk=refund_pk).source
    type(source)._default_manager.select_for_update().values("pk").get(pk=source.pk)
    return rows.select_for_update(of=("self",)).get(pk=refund_pk)


def begin_attempt(refund: Refund) -> None:
    """Let a locked, failed refund's next attempt be ours; a success under its old number is not."""
    refund.attempt += 1
    refund.refund_id, refund.origin = None, RefundOrigin.SERVICE


def _lock_failed(refund: Refund) -> Refund:
    """Return a failed refund, locked and about to begin its next attempt."""
    refund = lock(refund.pk)
    if refund.status != RefundStatus.FAILED or refund.payment is None:
        raise CannotRefund
    begin_attempt(refund)
    return refund


def refund_of(order: Order) -> Refund | None:
    """Return the refund of the money that paid the order, else the order's latest, or None."""
    refunds = Refund.objects.filter(payment__order=order).select_related("payment__order")
    newest = refunds.order_by("-pk")
    return newest.filter(payment__opened_order=order).first() or newest.first()
