"""Sweeps over orders: unpaid ones expire, answered ones finish, overdue ones are refunded."""

import logging
from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

import pingpp_client
from api.errors import log_bug
from api.failpoints import failpoint
from payments import inquiry, refunds
from payments.models import OPEN_STATES, PaymentState
from qaorder import orders as services
from qaorder import worklist
from qaorder.lifecycle import Role
from qaorder.models import Order, OrderType, Period, Status

logger = logging.getLogger("feiqingsong.jobs")

# A charge that has expired may have been paid before, its notice lost.
MAY_BE_PAID = (*OPEN_STATES, PaymentState.EXPIRED)
NO_QUESTION = "超过期限未提交问题，系统退款"
NO_ANSWER = "医生超过期限未回答，系统退款"


def expire_unpaid() -> int:
    """Cancel unpaid orders past their deadline and its grace, after inquiring about live charges.

    Money paid in time still opens the order; the order of an unreachable provider waits, and no
    other order with it.
    """
    before = timezone.now() - settings.ORDER_EXPIRY_GRACE
    due = Order.objects.filter(worklist.is_due(), status=Status.UNPAID, pay_deadline__lt=before)
    cancelled = hung = 0
    for _ in worklist.turns():
        order = _claim(due.order_by("pay_deadline"))
        if order is None:
            break
        try:
            cancelled += _expire(order)
        except pingpp_client.ProviderError as error:
            logger.warning("order %d stays unpaid: %s", order.pk, type(error).__name__)
            hung += error.hangs
        except Exception as error:
            log_bug(error)
        if hung == worklist.MAX_HUNG:
            break
    return cancelled


@transaction.atomic
def _claim(due: QuerySet[Order]) -> Order | None:
    """The next order to inquire about, pushed back in case the inquiry fails."""
    order = worklist.pick(due)
    if order is not None:
        worklist.push_back(order)
    return order


def _expire(order: Order) -> bool:
    """Inquire about the order's charges, then cancel it, if it is still unpaid."""
    with pingpp_client.time_limit(worklist.row_seconds()):
        for payment in order.payments.filter(state__in=MAY_BE_PAID):
            inquiry.inquire(payment)
    # Looked at again: the inquiry held no lock, so its money may have opened the order by now,
    # or somebody cancelled it.
    with transaction.atomic():
        order = services.lock_order(order.pk)
        is_unpaid = order.status == Status.UNPAID
        if is_unpaid:
            services.cancel_order(order=order, role=Role.CLOCK)
    failpoint("sweep.cancelled")
    return is_unpaid


def finish_answered() -> int:
    """Finish consultations whose answer is older than the window."""
    before = timezone.now() - settings.ORDER_FINISH_WINDOW
    return _sweep(
        Order.objects.filter(status=Status.ANSWERED, status_at__lte=before).order_by("status_at"),
        lambda order: services.finish_order(order=order, role=Role.CLOCK),
    )


def refund_unasked() -> int:
    """Refund online orders that were paid but not asked in time."""
    return _refund(Status.PAID, timezone.now() - settings.ORDER_ASK_WINDOW, NO_QUESTION)


def refund_unanswered() -> int:
    """Refund online orders that were asked but not answered in time.

    A monthly order's own question makes it a used one; staff decide about those.
    """
    return _refund(Status.WAITING, timezone.now() - settings.ORDER_ANSWER_WINDOW, NO_ANSWER)


def lapse_monthly() -> int:
    """End monthly orders that nothing was asked in, at the end of their period.

    Every period is looked at once when it is over, whatever has become of its order, so that the
    sweep need not step over all that ever ended.
    """
    now = timezone.now()
    over = Order.objects.filter(period__closed_at=None, period__end_at__lte=now)
    return _sweep(over.order_by("period__end_at"), _close)


def _refund(status: Status, before: datetime, reason: str) -> int:
    rows = Order.objects.filter(status=status, order_type=OrderType.ONLINE, status_at__lte=before)
    return _sweep(
        rows.order_by("status_at"),
        lambda order: refunds.refund_order(order=order, role=Role.CLOCK, reason=reason),
    )


def _close(order: Order) -> bool:
    """Lapse the order of a period that is over, unless something was asked or it was refunded."""
    Period.objects.filter(order=order).update(closed_at=timezone.now())
    is_unasked = order.status == Status.PAID
    if is_unasked:
        services.lapse_order(order=order)
    return is_unasked


def _sweep(due: QuerySet[Order], move: Callable[[Order], object]) -> int:
    """Move the due orders, each in a transaction of its own; return how many moved.

    One that fails is pushed back and the next has its turn.
    """
    moved, rows = 0, due.filter(worklist.is_due())
    for _ in worklist.turns():
        order = None
        try:
            with transaction.atomic():
                order = worklist.pick(rows)
                if order is None:
                    break
                has_moved = move(order) is not False
            moved += has_moved
        except Exception as error:
            if order is None:
                raise
            log_bug(error)
            worklist.push_back(order)
            logger.warning("order %d failed %d times", order.pk, order.failures)
    return moved
