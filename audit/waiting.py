"""Invariants of time and of references: nothing waits too long, no row has lost its parent."""

from datetime import datetime, timedelta

from django.conf import settings

from audit.invariant import Invariant, Parameters

STUCK_AFTER = timedelta(minutes=15)
"""Every sweep runs each few seconds; what is this late will not happen by itself."""


def _stuck(now: datetime) -> Parameters:
    return {"late": now - STUCK_AFTER}


def _overdue(now: datetime) -> Parameters:
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
        _stuck,
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
        _overdue,
    ),
    Invariant(
        "I21",
        "没有失去所属的记录",
        "no row points to a row that is gone",
        """
        SELECT 'payment' AS what, p.id AS row_id FROM payments_payment p
        LEFT JOIN qaorder_order o ON o.id = p.order_id
        WHERE p.order_id IS NOT NULL AND o.id IS NULL
        UNION ALL SELECT 'duplicate', d.id FROM payments_payment d
        LEFT JOIN payments_payment p ON p.id = d.duplicate_of_id
        WHERE d.duplicate_of_id IS NOT NULL AND p.id IS NULL
        UNION ALL SELECT 'refund', r.id FROM payments_refund r
        LEFT JOIN payments_payment p ON p.id = r.payment_id
        LEFT JOIN payments_suspensecharge h ON h.id = r.held_id WHERE p.id IS NULL AND h.id IS NULL
        UNION ALL SELECT 'event', e.id FROM qaorder_orderevent e
        LEFT JOIN qaorder_order o ON o.id = e.order_id WHERE o.id IS NULL
        UNION ALL SELECT 'period', s.id FROM qaorder_period s
        LEFT JOIN qaorder_order o ON o.id = s.order_id WHERE o.id IS NULL
        UNION ALL SELECT 'free order', o.id FROM qaorder_order o
        LEFT JOIN qaorder_period s ON s.id = o.covered_by_id
        WHERE o.covered_by_id IS NOT NULL AND s.id IS NULL
        UNION ALL SELECT 'question', q.id FROM qaorder_question q
        LEFT JOIN qaorder_order o ON o.id = q.order_id WHERE o.id IS NULL
        UNION ALL SELECT 'answer', a.id FROM qaorder_answer a
        LEFT JOIN qaorder_question q ON q.id = a.question_id WHERE q.id IS NULL
        UNION ALL SELECT 'evaluation', v.id FROM qaorder_evaluation v
        LEFT JOIN qaorder_order o ON o.id = v.order_id WHERE o.id IS NULL
        UNION ALL SELECT 'entry', e.id FROM ledger_entry e
        LEFT JOIN ledger_transaction t ON t.id = e.transaction_id WHERE t.id IS NULL
        UNION ALL SELECT 'entry account', e.id FROM ledger_entry e
        LEFT JOIN ledger_account a ON a.id = e.account_id WHERE a.id IS NULL
        """,
    ),
)
