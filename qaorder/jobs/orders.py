"""Sweeps over orders: unpaid ones expire, answered ones finish, overdue ones are refunded."""

import logging
from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from feiqingsong.errors import Refusal
from feiqingsong.failpoints import failpoint
from qaorder.lifecycle import Role
from qaorder.models import Order, OrderType, Status
from qaorder.models.payment import OPEN_STATES, PaymentState
from qaorder.payments import inquiry, pingpp, refunds
from qaorder.services import orders as services

logger = logging.getLogger("feiqingsong.jobs")

BATCH = 50
MAX_HUNG = 3
"""The same orders come first in each round, so one bad charge must not stop those behind it."""
# A charge that has expired may have been paid before, its notice lost.
MAY_BE_PAID = (*OPEN_STATES, PaymentState.EXPIRED)
NO_QUESTION = "超过期限未提交问题，系统退款"
NO_ANSWER = "医生超过期限未回答，系统退款"


def expire_unpaid() -> int:
    """Cancel unpaid orders past their deadline and its grace, after asking about live charges.

    Money paid in time still opens the order; the order of an unreachable provider waits.
    """
    before = timezone.now() - settings.ORDER_EXPIRY_GRACE
    due = Order.objects.filter(status=Status.UNPAID, pay_deadline__lt=before)
    cancelled = hung = 0
    for order in due.order_by("pay_deadline")[:BATCH]:
        try:
            for payment in order.payments.filter(state__in=MAY_BE_PAID):
                inquiry.ask(payment)
        except pingpp.ProviderError as error:
            logger.warning("order expiry waits: %s", type(error).__name__)
            hung += error.hangs
            if hung == MAX_HUNG:
                break
            continue
        order.refresh_from_db()
        if order.status == Status.UNPAID and _try(services.cancel_order, order, role=Role.CLOCK):
            cancelled += 1
        failpoint("sweep.cancelled")
    return cancelled


def finish_answered() -> int:
    """Finish consultations whose answer is older than the window."""
    return _sweep(
        Order.objects.filter(status=Status.ANSWERED),
        timezone.now() - settings.ORDER_FINISH_WINDOW,
        lambda order: _try(services.finish_order, order, role=Role.CLOCK),
    )


def refund_unasked() -> int:
    """Refund online orders that were paid but not asked in time."""
    return _sweep(
        Order.objects.filter(status=Status.PAID, order_type=OrderType.ONLINE),
        timezone.now() - settings.ORDER_ASK_WINDOW,
        lambda order: _try(refunds.refund_order, order, role=Role.CLOCK, reason=NO_QUESTION),
    )


def refund_unanswered() -> int:
    """Refund online orders that were asked but not answered in time.

    A monthly order's own question makes it a used one; staff decide about those.
    """
    return _sweep(
        Order.objects.filter(status=Status.WAITING, order_type=OrderType.ONLINE),
        timezone.now() - settings.ORDER_ANSWER_WINDOW,
        lambda order: _try(refunds.refund_order, order, role=Role.CLOCK, reason=NO_ANSWER),
    )


def lapse_monthly() -> int:
    """End monthly orders that nothing was asked in, at the end of their period."""
    now = timezone.now()
    rows = Order.objects.filter(
        status=Status.PAID, order_type=OrderType.MONTHLY, period__end_at__lte=now
    )
    return _sweep(rows, now, lambda order: _try(services.lapse_order, order))


def _sweep(rows: QuerySet[Order], before: datetime, move: Callable[[Order], bool]) -> int:
    """Move each due order in a transaction of its own, skipping those another copy holds."""
    due = rows.filter(status_at__lte=before).order_by("status_at")
    moved = 0
    for pk in list(due.values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            locked = Order.objects.select_for_update(
                skip_locked=connection.features.has_select_for_update_skip_locked
            )
            order = locked.filter(pk=pk).first()
            moved += bool(order and move(order))
    return moved


def _try(verb: Callable[..., object], order: Order, **kwargs: object) -> bool:
    """Whether the verb moved the order; somebody else may have been first."""
    try:
        verb(order=order, **kwargs)
    except Refusal:
        return False
    return True
