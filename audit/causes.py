"""Invariants between the book and what moved the money: payments, refunds, completions."""

from audit.booked import LEGS, STOOD_FOR, booked, without
from audit.invariant import Invariant

_SOURCE = """CASE WHEN p.channel = 'balance' THEN 'wallet:' || p.payer_id
    ELSE 'clearing:' || p.channel END"""

# What the rows demand of the book: reference, account, amount.
_PAID = "p.state = 'paid' AND p.amount_fen > 0"
_CAPTURES = f"""SELECT 'capture:' || p.id AS reference, {_SOURCE} AS code,
        -p.amount_fen AS amount_fen
    FROM payments_payment p WHERE {_PAID}
    UNION ALL SELECT 'capture:' || p.id, CASE WHEN p.order_id IS NULL
        THEN 'wallet:' || p.payer_id ELSE 'in_transit' END, p.amount_fen
    FROM payments_payment p WHERE {_PAID}"""  # noqa: S608 the names are ours
_REFUND = "'refund:' || r.id || ':' || r.attempt"
_RETURNED = f"""CASE r.means WHEN 'outside' THEN 'bank' WHEN 'balance' THEN 'wallet:' || p.payer_id
    ELSE {_SOURCE} END"""
_REFUNDS = f"""SELECT {_REFUND} AS reference, 'in_transit' AS code, -r.amount_fen AS amount_fen
    FROM payments_refund r WHERE r.status = 1 AND r.amount_fen > 0 AND r.payment_id IS NOT NULL
    UNION ALL SELECT {_REFUND}, {_RETURNED}, r.amount_fen
    FROM payments_refund r JOIN payments_payment p ON p.id = r.payment_id
    WHERE r.status = 1 AND r.amount_fen > 0
    UNION ALL SELECT {_REFUND}, 'suspense', -r.amount_fen
    FROM payments_refund r WHERE r.status = 1 AND r.suspense_id IS NOT NULL
    UNION ALL SELECT {_REFUND}, 'clearing:' || h.channel, r.amount_fen
    FROM payments_refund r JOIN payments_suspensecharge h ON h.id = r.suspense_id
    WHERE r.status = 1"""  # noqa: S608 the names are ours
# What refunds took of an order's money before it was released.
_TAKEN = """COALESCE((SELECT SUM(r.amount_fen) FROM payments_refund r
    JOIN payments_payment w ON w.id = r.payment_id AND w.opened_order_id = o.id
    WHERE r.bearer = 'order'), 0)"""
_COMPLETIONS = f"""SELECT 'completion:' || o.id AS reference, 'in_transit' AS code,
        {_TAKEN} - o.amount_fen AS amount_fen
    FROM qaorder_order o
    WHERE o.released_at IS NOT NULL AND o.amount_fen > {_TAKEN}"""  # noqa: S608 ours
_CAPTURED = booked("'payment', 'recharge'")
_REFUNDED = booked("'refund'")
_COMPLETED = booked("'completion'") + " AND a.kind = 'in_transit'"
# Of each undone transaction, what it says was booked before.
_MIRRORED = f"""SELECT substr(reference, 8) AS reference, code, -amount_fen AS amount_fen
    FROM ({booked("'undone'")}) undone"""  # noqa: S608 the names are ours
_STILL_STANDING = f""" UNION ALL {LEGS} WHERE t.kind = 'undone' AND substr(t.reference, 8) IN
    (SELECT {_REFUND} FROM payments_refund r)"""  # noqa: S608 the names are ours

INVARIANTS = (
    Invariant(
        "I10a",
        "每笔到账的支付都按原额入账一次",
        "every paid payment with money has its capture, from its source, of its amount",
        without(_CAPTURES, _CAPTURED),
    ),
    Invariant(
        "I10b",
        "每笔成功的退款都按原额原路入账一次",
        "every succeeded refund has its transaction, back to its source, of its amount",
        without(_REFUNDS, _REFUNDED),
    ),
    Invariant(
        "I11a",
        "入账必有到账的支付；零元支付不入账",
        "every capture has a paid payment of its amount; nothing is booked for 0.00",
        without(_CAPTURED, _CAPTURES),
    ),
    Invariant(
        "I11b",
        "退款入账必有成功的退款",
        "every refund in the book has a succeeded refund of its amount",
        without(_REFUNDED, f"{_REFUNDS} UNION ALL {_MIRRORED}"),
    ),
    Invariant(
        "I11c",
        "撤销的交易确有其事，且只撤销不再成立的",
        "what was undone was booked before, and no success stands on it any more",
        without(_MIRRORED, f"{_REFUNDED} UNION ALL {STOOD_FOR}") + _STILL_STANDING,
    ),
    Invariant(
        "I17a",
        "每个结算的订单恰好入账一次，金额为订单金额减去途中退款",
        "every released order is booked once, at its amount less what refunds took in transit",
        without(_COMPLETIONS, _COMPLETED),
    ),
    Invariant(
        "I17b",
        "未结算的订单不入账",
        "nothing is booked for an order that was not released",
        without(_COMPLETED, _COMPLETIONS),
    ),
    Invariant(
        "I17d",
        "完成的订单都已结算，除非有未处理的差异",
        "every completed order was released, unless an open difference stops it; no other was",
        """
        SELECT o.id AS order_id, o.status FROM qaorder_order o
        WHERE o.status IN (4, 5) AND o.released_at IS NULL AND NOT EXISTS (
            SELECT 1 FROM payments_discrepancy d
            JOIN payments_payment w ON w.id = d.payment_id AND w.opened_order_id = o.id
            WHERE d.resolved_at IS NULL
            AND d.kind IN ('refund_unknown', 'differs', 'unpaid', 'absent'))
        UNION ALL SELECT id, status FROM qaorder_order
        WHERE released_at IS NOT NULL AND status NOT IN (4, 5)
        """,
    ),
    Invariant(
        "I17e",
        "平台分成按下单时的比例，向下取整",
        "the platform's share of a release is that of the order, rounded down",
        """
        SELECT o.id AS order_id, -h.amount_fen AS released_fen, COALESCE(s.amount_fen, 0) AS share
        FROM qaorder_order o
        JOIN ledger_transaction t ON t.reference = 'completion:' || o.id
        JOIN ledger_entry h ON h.transaction_id = t.id
        JOIN ledger_account ha ON ha.id = h.account_id AND ha.code = 'in_transit'
        LEFT JOIN (SELECT e.transaction_id, e.amount_fen FROM ledger_entry e
            JOIN ledger_account a ON a.id = e.account_id AND a.code = 'platform') s
            ON s.transaction_id = t.id
        WHERE COALESCE(s.amount_fen, 0) <> (-h.amount_fen * o.platform_share_percent) / 100
        """,
    ),
    Invariant(
        "I17c",
        "结算只付给该医生和平台",
        "a pay-out goes to the order's doctor and the platform only",
        """
        SELECT t.id AS transaction_id, a.code, e.amount_fen FROM ledger_transaction t
        JOIN ledger_entry e ON e.transaction_id = t.id
        JOIN ledger_account a ON a.id = e.account_id
        LEFT JOIN qaorder_order o ON t.reference = 'completion:' || o.id
        LEFT JOIN accounts_doctor d ON d.id = o.doctor_id
        WHERE t.kind = 'completion' AND NOT (a.code = 'in_transit' AND e.amount_fen < 0)
            AND NOT (e.amount_fen > 0
                AND a.code IN ('platform', COALESCE('earnings:' || d.user_id, '')))
        """,
    ),
    Invariant(
        "I27",
        "在途账户等于未结算订单与未完成退款之和",
        "in transit is the money of paid orders not released and of refunds not yet back",
        f"""
        SELECT booked_fen, owed_fen FROM (SELECT
            (SELECT COALESCE(SUM(e.amount_fen), 0) FROM ledger_entry e
                JOIN ledger_account a ON a.id = e.account_id
                WHERE a.kind = 'in_transit') AS booked_fen,
            (SELECT COALESCE(SUM(o.amount_fen - {_TAKEN}), 0) FROM qaorder_order o
                WHERE o.status BETWEEN 1 AND 5 AND o.released_at IS NULL)
            + (SELECT COALESCE(SUM(amount_fen), 0) FROM payments_refund
                WHERE status <> 1 AND payment_id IS NOT NULL) AS owed_fen) sums
        WHERE booked_fen <> owed_fen
        """,  # noqa: S608 the names are ours
    ),
)
