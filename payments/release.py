"""Release: a completed order's money goes from in transit to the doctor and the platform."""

from django.db.models import Sum
from django.dispatch import receiver
from django.utils import timezone

from api import money
from api.failpoints import failpoint
from ledger import services as ledger
from ledger.models import TransactionKind
from payments.models import Bearer, Discrepancy, Refund
from payments.models.reconciliation import BLOCKING_KINDS
from qaorder.lifecycle import order_completed
from qaorder.models import Order, Status

COMPLETED = (Status.FINISHED, Status.EVALUATED)


@receiver(order_completed)
def release(order: Order, **_signal: object) -> None:
    """Book a completed order's money, once, unless an open difference with the provider stops it.

    What refunds took of it in transit stays there. The platform's share is the one kept with the
    order, rounded down; the rest is the doctor's. Call with the order's row locked; an order that
    is not completed, or was released, is left alone.
    """
    if _is_stopped(order):
        return
    # Whoever resolves a difference comes here too, whether the order was released or not.
    rows = Order.objects.filter(pk=order.pk, status__in=COMPLETED, released_at=None)
    if not rows.update(released_at=timezone.now()):
        return
    amount_fen = order.amount_fen - refunded_fen(order, Bearer.ORDER)
    if not amount_fen:
        return
    share, rest = money.split(amount_fen, order.platform_share_percent)
    legs = {
        ledger.in_transit(): -amount_fen,
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
    taken = Refund.objects.filter(payment__opened_order=order, bearer=bearer)
    return taken.aggregate(total=Sum("amount_fen"))["total"] or 0


def _is_stopped(order: Order) -> bool:
    return Discrepancy.objects.filter(
        payment__opened_order=order, kind__in=BLOCKING_KINDS, resolved_at=None
    ).exists()
