"""Release: a completed order's money goes from in transit to the doctor and the platform."""

from django.db.models import Sum
from django.utils import timezone

from feiqingsong import money
from feiqingsong.failpoints import failpoint
from ledger import services as ledger
from ledger.models import TransactionKind
from qaorder.models import Bearer, Discrepancy, Order, Refund, Status
from qaorder.models.reconciliation import BLOCKING_KINDS

COMPLETED = (Status.FINISHED, Status.EVALUATED)


def release(order: Order) -> None:
    """Book a completed order's money, once, unless an open difference with the provider stops it.

    What refunds took of it in transit stays there. The platform's share is the one kept with the
    order, rounded down; the rest is the doctor's. Call with the order's row locked; an order that
    is not completed, or was released, is left alone.
    """
    if _is_stopped(order):
        return
    rows = Order.objects.filter(pk=order.pk, status__in=COMPLETED, released_at=None)
    if not rows.update(released_at=timezone.now()):
        return
    amount_fen = order.amount_fen - refunded_fen(order, Bearer.ORDER)
    if not amount_fen:
        return
    share, rest = money.split(amount_fen, order.platform_share_percent)
    legs = {
        ledger.held(): -amount_fen,
        ledger.platform(): share,
        ledger.earnings(order.doctor.user): rest,
    }
    ledger.post(
        TransactionKind.COMPLETION,
        f"completion:{order.pk}",
        {account: amount for account, amount in legs.items() if amount},
        order.order_number,
    )
    failpoint("finish.paid_out")


def refunded_fen(order: Order, bearer: Bearer) -> int:
    """Return what refunds of the money that paid the order took from this bearer, in fen."""
    taken = Refund.objects.filter(payment=order.paid_with, bearer=bearer)
    return taken.aggregate(total=Sum("amount_fen"))["total"] or 0


def _is_stopped(order: Order) -> bool:
    differences = Discrepancy.objects.filter(
        payment=order.paid_with, kind__in=BLOCKING_KINDS, resolved_at=None
    )
    return order.paid_with_id is not None and differences.exists()
