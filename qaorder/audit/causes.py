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
_REFUND = "'refund:' || r.id || ':' || r.attempt"
_RETURNED = f"""CASE r.means WHEN 'outside' THEN 'bank' WHEN 'balance' THEN 'wallet:' || p.payer_id
    ELSE {_SOURCE} END"""
_REFUNDS = f"""SELECT {_REFUND} AS reference, 'held' AS code, -r.amount_fen AS amount_fen
    FROM qaorder_refund r WHERE r.status = 1 AND r.amount_fen > 0 AND r.payment_id IS NOT NULL
    UNION ALL SELECT {_REFUND}, {_RETURNED}, r.amount_fen
    FROM qaorder_refund r JOIN qaorder_payment p ON p.id = r.payment_id
    WHERE r.status = 1 AND r.amount_fen > 0
    UNION ALL SELECT {_REFUND}, 'suspense', -r.amount_fen
    FROM qaorder_refund r WHERE r.status = 1 AND r.held_id IS NOT NULL
    UNION ALL SELECT {_REFUND}, 'clearing:' || h.channel, r.amount_fen
    FROM qaorder_refund r JOIN qaorder_heldcharge h ON h.id = r.held_id
    WHERE r.status = 1"""  # noqa: S608 the names are ours
# What refunds took of an order's money before it was released.
_TAKEN = """COALESCE((SELECT SUM(r.amount_fen) FROM qaorder_refund r
    WHERE r.payment_id = o.paid_with_id AND r.bearer = 'order'), 0)"""
_COMPLETIONS = f"""SELECT 'completion:' || o.id AS reference, 'held' AS code,
        {_TAKEN} - o.amount_fen AS amount_fen
    FROM qaorder_order o
    WHERE o.released_at IS NOT NULL AND o.amount_fen > {_TAKEN}"""  # noqa: S608 ours
_ASSIGNED = """SELECT 'assigned:' || h.id AS reference, 'suspense' AS code,
        h.refunded_fen - h.amount_fen AS amount_fen
    FROM qaorder_heldcharge h WHERE h.resolution IN ('assigned', 'kept', 'corrected')"""
_DISPUTED = """SELECT 'dispute:' || d.id AS reference, 'platform' AS code,
        -d.provider_amount_fen AS amount_fen
    FROM qaorder_discrepancy d WHERE d.resolution = 'disputed'
    UNION ALL SELECT 'dispute:' || d.id, 'clearing:' || COALESCE(h.channel, p.channel),
        d.provider_amount_fen
    FROM qaorder_discrepancy d LEFT JOIN qaorder_payment p ON p.id = d.payment_id
    LEFT JOIN qaorder_heldcharge h ON h.charge_id = d.charge_id
    WHERE d.resolution = 'disputed'"""
_PAYOUTS = """SELECT 'settlement:' || id AS reference, 'clearing:' || channel AS code,
        amount_fen + fee_fen AS amount_fen FROM qaorder_payout WHERE booked_at IS NOT NULL
    UNION ALL SELECT 'settlement:' || id, 'bank', -amount_fen FROM qaorder_payout
    WHERE booked_at IS NOT NULL AND amount_fen > 0
    UNION ALL SELECT 'settlement:' || id, 'platform', -fee_fen FROM qaorder_payout
    WHERE booked_at IS NOT NULL AND fee_fen > 0"""
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
_GIVEN = _booked("'assigned'") + " AND a.kind = 'suspense'"
_STOOD_FOR = _booked("'dispute'")
_PAID_OUT = _booked("'settlement'")
# Of each undone transaction, what it says was booked before.
_MIRRORED = f"""SELECT substr(reference, 8) AS reference, code, -amount_fen AS amount_fen
    FROM ({_booked("'undone'")}) undone"""  # noqa: S608 the names are ours
_STILL_STANDING = f""" UNION ALL {_LEGS} WHERE t.kind = 'undone' AND substr(t.reference, 8) IN
    (SELECT {_REFUND} FROM qaorder_refund r)"""  # noqa: S608 the names are ours

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
        _without(_REFUNDED, f"{_REFUNDS} UNION ALL {_MIRRORED}"),
    ),
    Invariant(
        "I11c",
        "撤销的交易确有其事，且只撤销不再成立的",
        "what was undone was booked before, and no success stands on it any more",
        _without(_MIRRORED, f"{_REFUNDED} UNION ALL {_STOOD_FOR}") + _STILL_STANDING,
    ),
    Invariant(
        "I17a",
        "每个结算的订单恰好入账一次，金额为订单金额减去途中退款",
        "every released order is booked once, at its amount less what refunds took in transit",
        _without(_COMPLETIONS, _COMPLETED),
    ),
    Invariant(
        "I17b",
        "未结算的订单不入账",
        "nothing is booked for an order that was not released",
        _without(_COMPLETED, _COMPLETIONS),
    ),
    Invariant(
        "I17d",
        "完成的订单都已结算，除非有未处理的差异",
        "every completed order was released, unless an open difference stops it; no other was",
        """
        SELECT o.id AS order_id, o.status FROM qaorder_order o
        WHERE o.status IN (4, 5) AND o.released_at IS NULL AND NOT EXISTS (
            SELECT 1 FROM qaorder_discrepancy d WHERE d.payment_id = o.paid_with_id
            AND d.resolved_at IS NULL
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
        JOIN ledger_account ha ON ha.id = h.account_id AND ha.code = 'held'
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
        WHERE h.resolution <> 'corrected'
        """,
    ),
    Invariant(
        "I30d",
        "归还或转入平台的异常到账都已出账，且只出一次",
        "held money that was assigned or kept left suspense, at what remained",
        _without(_ASSIGNED, _GIVEN),
    ),
    Invariant(
        "I30e",
        "异常到账出账必有处理结果，去向相符",
        "what left suspense was decided: kept goes to the platform, assigned to a wallet",
        _without(_GIVEN, _ASSIGNED)
        + " UNION ALL "
        + _LEGS
        + """ JOIN qaorder_heldcharge h ON t.reference = 'assigned:' || h.id
        WHERE a.kind <> 'suspense'
            AND (h.resolution <> 'kept' OR a.kind <> 'platform')
            AND (h.resolution <> 'assigned' OR a.kind <> 'wallet')
            AND (h.resolution <> 'corrected' OR a.code <> 'clearing:' || h.channel)""",
    ),
    Invariant(
        "I30f",
        "退回渠道的异常到账都有其退款",
        "held money that was refunded has its refund, or went back in the console",
        """
        SELECT h.id AS held_id, h.amount_fen FROM qaorder_heldcharge h
        WHERE h.resolution = 'refunded' AND h.refunded_fen < h.amount_fen AND NOT EXISTS (
            SELECT 1 FROM qaorder_refund r WHERE r.held_id = h.id AND r.status <> 2
            AND r.origin = 'service' AND r.amount_fen = h.amount_fen - h.refunded_fen)
        UNION ALL SELECT h.id, h.amount_fen FROM qaorder_heldcharge h
        WHERE h.refunded_fen <> COALESCE((SELECT SUM(r.amount_fen) FROM qaorder_refund r
            WHERE r.held_id = h.id AND r.origin = 'console' AND r.status = 1), 0)
        """,
    ),
    Invariant(
        "I43a",
        "不认可的渠道后台退款由平台承担",
        "a disputed refund of the console is booked against the platform",
        _without(_DISPUTED, _STOOD_FOR),
    ),
    Invariant(
        "I43b",
        "平台承担的都是不认可的差异",
        "the platform stands for disputed differences only",
        _without(_STOOD_FOR, _DISPUTED),
    ),
    Invariant(
        "I44a",
        "每笔渠道结算都按额入账",
        "every booked payout of the provider is in the book",
        _without(_PAYOUTS, _PAID_OUT),
    ),
    Invariant(
        "I44b",
        "渠道结算入账必有其记录",
        "every settlement in the book has its payout",
        _without(_PAID_OUT, _PAYOUTS),
    ),
    Invariant(
        "I45a",
        "由医生、平台或付款人承担的退款都已冲回在途",
        "what somebody else than the order bears of refunds was taken back into transit",
        """
        SELECT payment_id, SUM(borne_fen) AS borne_fen, SUM(taken_fen) AS taken_fen FROM (
            SELECT r.payment_id, r.amount_fen AS borne_fen, 0 AS taken_fen FROM qaorder_refund r
            WHERE r.bearer IN ('doctor', 'platform', 'payer') AND r.amount_fen > 0
            UNION ALL SELECT r.payment_id, 0, e.amount_fen FROM qaorder_refund r
            JOIN ledger_transaction t ON t.reference = 'reversal:' || r.id
            JOIN ledger_entry e ON e.transaction_id = t.id
            JOIN ledger_account a ON a.id = e.account_id AND a.code = 'held') sums
        GROUP BY payment_id HAVING SUM(borne_fen) <> SUM(taken_fen)
        """,
    ),
    Invariant(
        "I45b",
        "冲回只向承担方",
        "a reversal takes from the one who bears it, and has its refund",
        """
        SELECT t.id AS transaction_id, a.code, e.amount_fen FROM ledger_transaction t
        JOIN ledger_entry e ON e.transaction_id = t.id
        JOIN ledger_account a ON a.id = e.account_id
        LEFT JOIN qaorder_refund r ON t.reference = 'reversal:' || r.id
        LEFT JOIN qaorder_payment p ON p.id = r.payment_id
        LEFT JOIN qaorder_order o ON o.id = p.order_id
        LEFT JOIN accounts_doctor d ON d.id = o.doctor_id
        WHERE t.kind = 'reversal' AND (r.id IS NULL OR NOT (
            (a.code = 'held' AND e.amount_fen > 0)
            OR (r.bearer = 'platform' AND a.code = 'platform' AND e.amount_fen < 0)
            OR (r.bearer = 'doctor' AND a.code IN ('platform', 'earnings:' || d.user_id)
                AND e.amount_fen < 0)
            OR (r.bearer = 'payer' AND a.code = 'wallet:' || p.payer_id AND e.amount_fen < 0)))
        """,
    ),
    Invariant(
        "I27",
        "在途账户等于未结算订单与未完成退款之和",
        "the held account is the money of paid orders not released and of refunds not yet back",
        f"""
        SELECT booked_fen, owed_fen FROM (SELECT
            (SELECT COALESCE(SUM(e.amount_fen), 0) FROM ledger_entry e
                JOIN ledger_account a ON a.id = e.account_id WHERE a.kind = 'held') AS booked_fen,
            (SELECT COALESCE(SUM(o.amount_fen - {_TAKEN}), 0) FROM qaorder_order o
                WHERE o.status BETWEEN 1 AND 5 AND o.released_at IS NULL)
            + (SELECT COALESCE(SUM(amount_fen), 0) FROM qaorder_refund
                WHERE status <> 1 AND payment_id IS NOT NULL) AS owed_fen) sums
        WHERE booked_fen <> owed_fen
        """,  # noqa: S608 the names are ours
    ),
    Invariant(
        "I28",
        "渠道清算等于到账减退款、减结算（人工调整除外）",
        "a channel's clearing account is what it collected less what went back or to the bank",
        """
        SELECT code, SUM(amount_fen) AS difference_fen FROM (
            SELECT a.code, e.amount_fen FROM ledger_entry e
            JOIN ledger_account a ON a.id = e.account_id AND a.kind = 'clearing'
            JOIN ledger_transaction t ON t.id = e.transaction_id
                AND t.kind NOT IN ('adjustment', 'dispute', 'settlement')
                AND substr(t.reference, 1, 15) <> 'undone:dispute:'
            UNION ALL SELECT 'clearing:' || channel, amount_fen FROM qaorder_payment
            WHERE state = 'paid' AND channel <> 'balance' AND amount_fen > 0
            UNION ALL SELECT 'clearing:' || channel, CASE WHEN resolution = 'corrected'
                THEN refunded_fen ELSE amount_fen END FROM qaorder_heldcharge
            UNION ALL SELECT 'clearing:' || p.channel, -r.amount_fen FROM qaorder_refund r
            JOIN qaorder_payment p ON p.id = r.payment_id
            WHERE r.status = 1 AND r.means = 'channel' AND p.channel <> 'balance'
                AND r.amount_fen > 0
            UNION ALL SELECT 'clearing:' || h.channel, -r.amount_fen FROM qaorder_refund r
            JOIN qaorder_heldcharge h ON h.id = r.held_id WHERE r.status = 1) legs
        GROUP BY code HAVING SUM(amount_fen) <> 0
        """,
    ),
    Invariant(
        "I29",
        "待处理账户等于未处理的异常到账（人工调整除外）",
        "the suspense account is the held money that is undecided or on its way back",
        """
        SELECT booked_fen, held_fen FROM (SELECT
            (SELECT COALESCE(SUM(e.amount_fen), 0) FROM ledger_entry e
                JOIN ledger_account a ON a.id = e.account_id AND a.kind = 'suspense'
                JOIN ledger_transaction t ON t.id = e.transaction_id AND t.kind <> 'adjustment')
                AS booked_fen,
            (SELECT COALESCE(SUM(amount_fen - refunded_fen), 0) FROM qaorder_heldcharge
                WHERE resolution = '')
            + (SELECT COALESCE(SUM(amount_fen), 0) FROM qaorder_refund
                WHERE held_id IS NOT NULL AND status = 0) AS held_fen) sums
        WHERE booked_fen <> held_fen
        """,
    ),
)
