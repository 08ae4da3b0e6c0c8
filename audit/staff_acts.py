"""Invariants between the book and what staff decide: held money, reversals, disputes, payouts."""

from audit.booked import LEGS, STOOD_FOR, booked, without
from audit.invariant import Invariant

_ASSIGNED = """SELECT 'assigned:' || h.id AS reference, 'suspense' AS code,
        h.refunded_fen - h.amount_fen AS amount_fen
    FROM payments_suspensecharge h WHERE h.resolution IN ('assigned', 'kept', 'corrected')"""
_DISPUTED = """SELECT 'dispute:' || d.id AS reference, 'platform' AS code,
        -d.provider_amount_fen AS amount_fen
    FROM payments_discrepancy d WHERE d.resolution = 'disputed'
    UNION ALL SELECT 'dispute:' || d.id, 'clearing:' || COALESCE(h.channel, p.channel),
        d.provider_amount_fen
    FROM payments_discrepancy d LEFT JOIN payments_payment p ON p.id = d.payment_id
    LEFT JOIN payments_suspensecharge h ON h.charge_id = d.charge_id
    WHERE d.resolution = 'disputed'"""
_PAYOUTS = """SELECT 'payout:' || id AS reference, 'clearing:' || channel AS code,
        amount_fen + fee_fen AS amount_fen FROM payments_payout WHERE booked_at IS NOT NULL
    UNION ALL SELECT 'payout:' || id, 'bank', -amount_fen FROM payments_payout
    WHERE booked_at IS NOT NULL AND amount_fen > 0
    UNION ALL SELECT 'payout:' || id, 'platform', -fee_fen FROM payments_payout
    WHERE booked_at IS NOT NULL AND fee_fen > 0"""
_HELD = """SELECT 'suspense:' || h.id AS reference, 'clearing:' || h.channel AS code,
        -h.amount_fen AS amount_fen FROM payments_suspensecharge h
    UNION ALL SELECT 'suspense:' || h.id, 'suspense', h.amount_fen FROM payments_suspensecharge h"""
_SUSPENDED = booked("'suspense'")
_GIVEN = booked("'assigned'") + " AND a.kind = 'suspense'"
_PAID_OUT = booked("'payout'")

INVARIANTS = (
    Invariant(
        "I30a",
        "每笔异常到账都已入账待处理",
        "every held charge is in suspense, at its amount",
        without(_HELD, _SUSPENDED),
    ),
    Invariant(
        "I30b",
        "待处理入账必有异常到账",
        "everything in suspense is a held charge",
        without(_SUSPENDED, _HELD),
    ),
    Invariant(
        "I30c",
        "一笔渠道支付不会既入账又挂起",
        "the money of one charge is booked once: as a payment or as held",
        """
        SELECT p.id AS payment_id, h.id AS suspense_id FROM payments_suspensecharge h
        JOIN payments_payment p ON p.charge_id = h.charge_id AND p.state = 'paid'
        WHERE h.resolution <> 'corrected'
        """,
    ),
    Invariant(
        "I30d",
        "归还或转入平台的异常到账都已出账，且只出一次",
        "held money that was assigned or kept left suspense, at what remained",
        without(_ASSIGNED, _GIVEN),
    ),
    Invariant(
        "I30e",
        "异常到账出账必有处理结果，去向相符",
        "what left suspense was decided: kept goes to the platform, assigned to a wallet",
        without(_GIVEN, _ASSIGNED)
        + " UNION ALL "
        + LEGS
        + """ LEFT JOIN payments_suspensecharge h ON t.reference = 'assigned:' || h.id
        WHERE t.kind = 'assigned' AND a.kind <> 'suspense' AND NOT COALESCE(CASE h.resolution
            WHEN 'kept' THEN a.kind = 'platform' WHEN 'assigned' THEN a.kind = 'wallet'
            WHEN 'corrected' THEN a.code = 'clearing:' || h.channel END, FALSE)""",
    ),
    Invariant(
        "I30f",
        "退回渠道的异常到账都有其退款",
        "held money that was refunded has its refund, or went back in the console",
        """
        SELECT h.id AS suspense_id, h.amount_fen FROM payments_suspensecharge h
        LEFT JOIN payments_refund r ON r.suspense_id = h.id AND r.status <> 2
        GROUP BY h.id, h.amount_fen, h.refunded_fen, h.resolution
        HAVING COALESCE(SUM(r.amount_fen) FILTER (WHERE r.origin = 'console'), 0) <> h.refunded_fen
            OR COALESCE(SUM(r.amount_fen), 0)
                <> CASE h.resolution WHEN 'refunded' THEN h.amount_fen ELSE h.refunded_fen END
        """,
    ),
    Invariant(
        "I43a",
        "不认可的渠道后台退款由平台承担",
        "a disputed refund of the console is booked against the platform",
        without(_DISPUTED, STOOD_FOR),
    ),
    Invariant(
        "I43b",
        "平台承担的都是不认可的差异",
        "the platform stands for disputed differences only",
        without(STOOD_FOR, _DISPUTED),
    ),
    Invariant(
        "I44a",
        "每笔渠道结算都按额入账",
        "every booked payout of the provider is in the book",
        without(_PAYOUTS, _PAID_OUT),
    ),
    Invariant(
        "I44b",
        "渠道结算入账必有其记录",
        "every settlement in the book has its payout",
        without(_PAID_OUT, _PAYOUTS),
    ),
    Invariant(
        "I45a",
        "由医生、平台或付款人承担的退款都已冲回在途",
        "what somebody else than the order bears of refunds was taken back into transit",
        """
        SELECT payment_id, SUM(borne_fen) AS borne_fen, SUM(taken_fen) AS taken_fen FROM (
            SELECT r.payment_id, r.amount_fen AS borne_fen, 0 AS taken_fen FROM payments_refund r
            WHERE r.bearer IN ('doctor', 'platform', 'payer') AND r.amount_fen > 0
            UNION ALL SELECT r.payment_id, 0, e.amount_fen FROM payments_refund r
            JOIN ledger_transaction t ON t.reference = 'reversal:' || r.id
            JOIN ledger_entry e ON e.transaction_id = t.id
            JOIN ledger_account a ON a.id = e.account_id AND a.code = 'in_transit') sums
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
        LEFT JOIN payments_refund r ON t.reference = 'reversal:' || r.id
        LEFT JOIN payments_payment p ON p.id = r.payment_id
        LEFT JOIN qaorder_order o ON o.id = p.order_id
        LEFT JOIN accounts_doctor d ON d.id = o.doctor_id
        WHERE t.kind = 'reversal' AND (r.id IS NULL OR NOT (
            (a.code = 'in_transit' AND e.amount_fen > 0)
            OR (r.bearer = 'platform' AND a.code = 'platform' AND e.amount_fen < 0)
            OR (r.bearer = 'doctor' AND a.code IN ('platform', 'earnings:' || d.user_id)
                AND e.amount_fen < 0)
            OR (r.bearer = 'payer' AND a.code = 'wallet:' || p.payer_id AND e.amount_fen < 0)))
        """,
    ),
    Invariant(
        "I45c",
        "医生承担的退款按订单比例由平台分担，向下取整",
        "the platform gives back its share of what the doctor bears, rounded down",
        """
        SELECT o.id AS order_id, borne.amount_fen AS borne_fen, given.amount_fen AS share_fen
        FROM qaorder_order o JOIN payments_payment w ON w.opened_order_id = o.id
        JOIN (SELECT payment_id, SUM(amount_fen) AS amount_fen FROM payments_refund
            WHERE bearer = 'doctor' GROUP BY payment_id) borne ON borne.payment_id = w.id
        LEFT JOIN (SELECT r.payment_id, -SUM(e.amount_fen) AS amount_fen FROM payments_refund r
            JOIN ledger_transaction t ON t.reference = 'reversal:' || r.id
            JOIN ledger_entry e ON e.transaction_id = t.id
            JOIN ledger_account a ON a.id = e.account_id AND a.code = 'platform'
            WHERE r.bearer = 'doctor' GROUP BY r.payment_id) given
            ON given.payment_id = w.id
        WHERE COALESCE(given.amount_fen, 0)
            <> (borne.amount_fen * o.platform_share_percent) / 100
        """,
    ),
    Invariant(
        "I48",
        "工作人员执行过的操作都有其结果",
        "an act of staff that was done left its effect, whatever act it was",
        """
        SELECT q.id AS request_id, q.verb, q.target_id FROM payments_staffrequest q
        LEFT JOIN qaorder_order o ON o.id = q.target_id
        LEFT JOIN payments_refund r ON r.id = q.target_id
        LEFT JOIN payments_discrepancy d ON d.id = q.target_id
        LEFT JOIN payments_suspensecharge h ON h.id = q.target_id
        LEFT JOIN payments_payout p ON p.id = q.target_id
        WHERE q.state = 'done' AND NOT COALESCE(CASE q.verb
            WHEN 'refund_order' THEN o.status = 6
            WHEN 'refund_completed' THEN EXISTS (SELECT 1 FROM payments_refund b
                JOIN payments_payment w ON w.id = b.payment_id
                WHERE w.opened_order_id = o.id AND b.role = 'staff')
            WHEN 'give_up_refund' THEN r.status <> 0 OR r.attempt > 1
            WHEN 'retry_refund' THEN r.attempt > 1
            WHEN 'refund_to_balance' THEN r.means = 'balance'
            WHEN 'settle_refund_outside' THEN r.means = 'outside'
            WHEN 'accept_console_refund' THEN d.resolution = 'accepted'
            WHEN 'take_back_refund' THEN d.resolution = 'accepted'
            WHEN 'dispute_console_refund' THEN d.resolution = 'disputed'
            WHEN 'refund_suspense' THEN EXISTS (SELECT 1 FROM payments_refund b
                WHERE b.suspense_id = h.id AND b.role = 'staff')
            WHEN 'assign_suspense' THEN h.resolution = 'assigned'
            WHEN 'keep_suspense' THEN h.resolution = 'kept'
            WHEN 'book_payout' THEN p.booked_at IS NOT NULL END, FALSE)
        """,
    ),
    Invariant(
        "I49",
        "认可的渠道后台退款都成为本地退款",
        "a refund of the console that staff accepted is a refund of ours",
        """
        SELECT d.id AS discrepancy_id, d.payment_id FROM payments_discrepancy d
        WHERE d.kind = 'refund_unknown' AND d.resolution = 'accepted' AND NOT EXISTS (
            SELECT 1 FROM payments_refund r
            LEFT JOIN payments_suspensecharge h ON h.id = r.suspense_id
            WHERE (r.payment_id = d.payment_id OR h.charge_id = d.charge_id)
                AND (r.origin = 'console' OR r.attempt > 1))
        """,
    ),
)
