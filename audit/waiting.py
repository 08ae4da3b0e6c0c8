"""Invariants of time: nothing waits too long."""

from datetime import datetime, timedelta

from django.conf import settings

from audit.invariant import Invariant

STUCK_AFTER = timedelta(minutes=15)
"""Every sweep runs each few seconds; what is this late will not happen by itself."""


def times(now: datetime) -> dict[str, datetime]:
    """Return what the queries compare with, of an audit at this time."""
    late = now - STUCK_AFTER
    return {
        "late": late,
        "pay": late - settings.ORDER_EXPIRY_GRACE,
        "ask": late - settings.ORDER_ASK_WINDOW,
        "answer": late - settings.ORDER_ANSWER_WINDOW,
        "finish": late - settings.ORDER_FINISH_WINDOW,
    }


INVARIANTS = (
    Invariant(
        "I14",
        "没有卡住的支付或退款",
        "no attempt, charge or refund is left lying for 15 minutes",
        """
        SELECT 'creating' AS what, id AS row_id FROM payments_payment
        WHERE state = 'creating' AND created_at < %(late)s
            AND (leased_until IS NULL OR leased_until < %(late)s)
        UNION ALL SELECT 'unasked', id FROM payments_payment
        WHERE state = 'pending' AND ((created_at < %(late)s AND inquired_at <= created_at)
            OR (expires_at < %(late)s AND inquired_at < %(late)s))
        UNION ALL SELECT 'unsent', id FROM payments_refund
        WHERE status = 0 AND sent_at IS NULL AND attempt = 1 AND created_at < %(late)s
        UNION ALL SELECT 'unhandled', id FROM payments_refund
        WHERE status = 0 AND next_try_at < %(late)s
        """,
    ),
    Invariant(
        "I40",
        "到期的订单都已由系统处理",
        "no order is overdue for a move of the clock",
        """
        SELECT id AS order_id, status FROM qaorder_order
        WHERE (status = 0 AND pay_deadline < %(pay)s)
            OR (status = 1 AND order_type = 'online' AND status_at < %(ask)s)
            OR (status = 2 AND order_type = 'online' AND status_at < %(answer)s)
            OR (status = 3 AND status_at < %(finish)s)
        UNION ALL SELECT o.id, o.status FROM qaorder_order o
        JOIN qaorder_period s ON s.order_id = o.id
        WHERE o.status = 1 AND s.end_at < %(late)s AND o.status_at < %(late)s
        """,
    ),
)
