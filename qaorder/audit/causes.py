"""Invariants between the book and what moved the money: payments, refunds, completions."""

from qaorder.audit.invariant import Invariant

_SOURCE = """CASE WHEN p.channel = 'balance' THEN 'wallet:' || p.payer_id
    ELSE 'clearing:' || p.channel END"""
_LEGS = """SELECT t.reference, a.code, e.amount_fen FROM ledger_transaction t
    JOIN ledger_entry e ON e.transaction_id = t.id JOIN ledger_account a ON a.id = e.account_id"""

# What the rows demand of the book: reference, account, amount.
_PAID = "p.state = 'paid' AND p.amount_fen > 0"
_CAPTURES = f"""SELECT 'capture:' || p.id AS reference, {_SOURCE} AS code,
        -p.amount_fen AS amount_fen
    FROM qaorder_payment p WHERE {_PAID}
    UNION ALL SELECT 'capture:' || p.id, CASE WHEN p.order_id IS NULL
        THEN 'wallet:' || p.payer_id ELSE 'held' END, p.amount_fen
    FROM qaorder_payment p WHERE {_PAID}"""  # noqa: S608 the names are ours
_REFUNDS = f"""SELECT 'refund:' || r.id AS reference, 'held' AS code, -r.amount_fen AS amount_fen
    FROM qaorder_refund r WHERE r.status = 1 AND r.amount_fen > 0
    UNION ALL SELECT 'refund:' || r.id, {_SOURCE}, r.amount_fen
    FROM qaorder_refund r JOIN qaorder_payment p ON p.id = r.payment_id
    WHERE r.status = 1 AND r.amount_fen > 0"""  # noqa: S608 the names are ours
_COMPLETIONS = """SELECT 'completion:' || o.id AS reference, 'held' AS code,
        -o.amount_fen AS amount_fen
    FROM qaorder_order o WHERE o.status IN (4, 5) AND o.amount_fen > 0"""
_HELD = """SELECT 'held:' || h.id AS reference, 'clearing:' || h.channel AS code,
        -h.amount_fen AS amount_fen FROM qaorder_heldcharge h
    UNION ALL SELECT 'held:' || h.id, 'suspense', h.amount_fen FROM qaorder_heldcharge h"""


def _booked(kinds: str) -> str:
    return f"{_LEGS} WHERE t.kind IN ({kinds})"


def _without(some: str, others: str) -> str:
    return f"""SELECT reference, code, amount_fen FROM ({some}) one
        EXCEPT SELECT reference, code, amount_fen FROM ({others}) other"""  # noqa: S608 ours


_CAPTURED = _booked("'payment', 'recharge'")
_REFUNDED = _booked("'refund'")
_COMPLETED = _booked("'completion'") + " AND a.kind = 'held'"
_SUSPENDED = _booked("'suspense'")

INVARIANTS = (
    Invariant(
        "I10a",
        "每笔到账的支付都按原额入账一次",
        "every paid payment with money has its capture, from its source, of its amount",
        _without(_CAPTURES, _CAPTURED),
    ),
    Invariant(
        "I10b",
        "每笔成功的退款都按原额原路入账一次",
        "every succeeded refund has its transaction, back to its source, of its amount",
        _without(_REFUNDS, _REFUNDED),
    ),
    Invariant(
        "I11a",
        "入账必有到账的支付；零元支付不入账",
        "every capture has a paid payment of its amount; nothing is booked for 0.00",
        _without(_CAPTURED, _CAPTURES),
    ),
    Invariant(
        "I11b",
        "退款入账必有成功的退款",
        "every refund in the book has a succeeded refund of its amount",
        _without(_REFUNDED, _REFUNDS),
    ),
    Invariant(
        "I17a",
        "每个完成的订单恰好结算一次，金额为订单金额",
        "every finished order is paid out once, at its amount",
        _without(_COMPLETIONS, _COMPLETED),
    ),
    Invariant(
        "I17b",
        "未完成的订单不结算",
        "nothing is paid out for an order that is not finished",
        _without(_COMPLETED, _COMPLETIONS),
    ),
    Invariant(
        "I17c",
        "结算只付给该医生和平台",
        "a pay-out goes to the order's doctor and the platform only",
        """
        SELECT t.id AS transaction_id, a.code, e.amount_fen FROM qaorder_order o
        JOIN ledger_transaction t ON t.reference = 'completion:' || o.id
        JOIN ledger_entry e ON e.transaction_id = t.id
        JOIN ledger_account a ON a.id = e.account_id
        JOIN accounts_doctor d ON d.id = o.doctor_id
        WHERE NOT (a.code = 'held' AND e.amount_fen < 0) AND NOT (e.amount_fen > 0
            AND a.code IN ('platform', 'earnings:' || d.user_id))
        """,
    ),
    Invariant(
        "I30a",
        "每笔异常到账都已入账待处理",
        "every held charge is in suspense, at its amount",
        _without(_HELD, _SUSPENDED),
    ),
    Invariant(
        "I30b",
        "待处理入账必有异常到账",
        "everything in suspense is a held charge",
        _without(_SUSPENDED, _HELD),
    ),
    Invariant(
        "I30c",
        "一笔渠道支付不会既入账又挂起",
        "the money of one charge is booked once: as a payment or as held",
        """
        SELECT p.id AS payment_id, h.id AS held_id FROM qaorder_heldcharge h
        JOIN qaorder_payment p ON p.charge_id = h.charge_id AND p.state = 'paid'
        """,
    ),
    Invariant(
        "I27",
        "在途账户等于进行中订单与未完成退款之和",
        "the held account is the money of orders in 1, 2, 3 and of refunds not yet back",
        """
        SELECT booked_fen, owed_fen FROM (SELECT
            (SELECT COALESCE(SUM(e.amount_fen), 0) FROM ledger_entry e
                JOIN ledger_account a ON a.id = e.account_id WHERE a.kind = 'held') AS booked_fen,
            (SELECT COALESCE(SUM(amount_fen), 0) FROM qaorder_order WHERE status IN (1, 2, 3))
            + (SELECT COALESCE(SUM(amount_fen), 0) FROM qaorder_refund WHERE status <> 1)
                AS owed_fen) sums
        WHERE booked_fen <> owed_fen
        """,
    ),
    Invariant(
        "I28",
        "渠道清算等于到账减退款（人工调整除外）",
        "a channel's clearing account is what it collected less what went back",
        """
        SELECT code, SUM(amount_fen) AS difference_fen FROM (
            SELECT a.code, e.amount_fen FROM ledger_entry e
            JOIN ledger_account a ON a.id = e.account_id AND a.kind = 'clearing'
            JOIN ledger_transaction t ON t.id = e.transaction_id AND t.kind <> 'adjustment'
            UNION ALL SELECT 'clearing:' || channel, amount_fen FROM qaorder_payment
            WHERE state = 'paid' AND channel <> 'balance' AND amount_fen > 0
            UNION ALL SELECT 'clearing:' || channel, amount_fen FROM qaorder_heldcharge
            UNION ALL SELECT 'clearing:' || p.channel, -r.amount_fen FROM qaorder_refund r
            JOIN qaorder_payment p ON p.id = r.payment_id
            WHERE r.status = 1 AND p.channel <> 'balance' AND r.amount_fen > 0) legs
        GROUP BY code HAVING SUM(amount_fen) <> 0
        """,
    ),
    Invariant(
        "I29",
        "待处理账户等于异常到账之和（人工调整除外）",
        "the suspense account is the sum of the held charges",
        """
        SELECT booked_fen, held_fen FROM (SELECT
            (SELECT COALESCE(SUM(e.amount_fen), 0) FROM ledger_entry e
                JOIN ledger_account a ON a.id = e.account_id AND a.kind = 'suspense'
                JOIN ledger_transaction t ON t.id = e.transaction_id AND t.kind <> 'adjustment')
                AS booked_fen,
            (SELECT COALESCE(SUM(amount_fen), 0) FROM qaorder_heldcharge) AS held_fen) sums
        WHERE booked_fen <> held_fen
        """,
    ),
)
