"""Invariants of payments, refunds, notices and what reconciliation mended."""

from audit.invariant import Invariant

INVARIANTS = (
    Invariant(
        "I05",
        "每个订单最多一笔未退的到账",
        "an order keeps at most one payment that is not refunded",
        """
        SELECT p.order_id, COUNT(*) AS payments FROM payments_payment p
        LEFT JOIN payments_refund r ON r.payment_id = p.id
        WHERE p.state = 'paid' AND p.order_id IS NOT NULL AND r.id IS NULL
        GROUP BY p.order_id HAVING COUNT(*) > 1
        """,
    ),
    Invariant(
        "I07",
        "没有服务的到账必全额退款",
        "money that serves no order (late, double, cancelled) is refunded, whole",
        """
        SELECT p.id AS payment_id, o.id AS order_id, o.status FROM payments_payment p
        JOIN qaorder_order o ON o.id = p.order_id
        WHERE p.state = 'paid' AND (p.refunded_fen < p.amount_fen
                OR NOT EXISTS (SELECT 1 FROM payments_refund r WHERE r.payment_id = p.id))
            AND (o.status IN (0, 6) OR p.opened_order_id IS NULL)
        """,
    ),
    Invariant(
        "I08",
        "退款之和不超过到账金额，且只退已到账的支付",
        "the refunds of a paid payment sum to what it says of them, never more than it",
        """
        SELECT r.id AS refund_id, p.id AS payment_id, r.amount_fen, p.amount_fen AS paid_fen
        FROM payments_refund r JOIN payments_payment p ON p.id = r.payment_id
        WHERE p.state <> 'paid' OR (p.order_id IS NULL) <> (r.bearer = 'payer')
        UNION ALL SELECT NULL, p.id, p.refunded_fen, p.amount_fen FROM payments_payment p
        WHERE p.refunded_fen > p.amount_fen
        UNION ALL SELECT MAX(r.id), p.id, SUM(r.amount_fen), p.refunded_fen
        FROM payments_payment p LEFT JOIN payments_refund r ON r.payment_id = p.id
        GROUP BY p.id, p.refunded_fen HAVING COALESCE(SUM(r.amount_fen), 0) <> p.refunded_fen
        """,
    ),
    Invariant(
        "I09",
        "支付金额等于订单金额",
        "the amount of every attempt is the amount of its order",
        """
        SELECT p.id AS payment_id, p.amount_fen, o.amount_fen AS order_fen FROM payments_payment p
        JOIN qaorder_order o ON o.id = p.order_id WHERE p.amount_fen <> o.amount_fen
        """,
    ),
    Invariant(
        "I13",
        "已处理的通知都有其结果",
        "a notice that was applied left its effect: paid, held, or refunded",
        """
        SELECT n.id AS notice_id, n.type, n.outcome FROM payments_notice n
        LEFT JOIN payments_payment p ON p.charge_id = n.object_id AND p.state = 'paid'
        LEFT JOIN payments_suspensecharge h ON h.charge_id = n.object_id
        WHERE n.type = 'charge.succeeded' AND (n.outcome = 'unused'
            OR (n.outcome IN ('applied', 'repeated', 'differs') AND p.id IS NULL)
            OR (n.outcome = 'held' AND h.id IS NULL))
        UNION ALL SELECT n.id, n.type, n.outcome FROM payments_notice n
        WHERE n.type = 'refund.succeeded' AND (n.outcome = 'unused'
            OR (n.outcome IN ('applied', 'differs') AND NOT EXISTS (
                SELECT 1 FROM payments_refund r WHERE r.refund_id = n.object_id) AND NOT EXISTS (
                SELECT 1 FROM payments_discrepancy d WHERE d.refund_id = n.object_id)))
        """,
    ),
    Invariant(
        "I22",
        "对账补记的差异都已入账",
        "what reconciliation says it mended is in our rows",
        """
        SELECT d.id AS discrepancy_id, d.kind FROM payments_discrepancy d
        LEFT JOIN payments_payment p ON p.charge_id = d.charge_id AND p.state = 'paid'
        WHERE d.kind = 'missed' AND p.id IS NULL
        UNION ALL SELECT d.id, d.kind FROM payments_discrepancy d
        WHERE d.kind = 'refund_missed' AND NOT EXISTS (
            SELECT 1 FROM payments_refund r WHERE r.refund_id = d.refund_id) AND NOT EXISTS (
            SELECT 1 FROM payments_discrepancy u
            WHERE u.refund_id = d.refund_id AND u.kind = 'refund_undone')
        """,
    ),
    Invariant(
        "I33",
        "支付属于其订单的患者，编号由订单号而来",
        "an attempt is its order's: the patient pays, under the order's number",
        """
        SELECT p.id AS payment_id, o.id AS order_id FROM payments_payment p
        JOIN qaorder_order o ON o.id = p.order_id
        JOIN accounts_patient c ON c.id = o.patient_id
        WHERE p.payer_id <> c.user_id OR substr(p.order_no, 1, 26) <> o.order_number
        """,
    ),
    Invariant(
        "I34",
        "重复支付与原支付相符，且两者都已到账",
        "a second charge under one number agrees with the first, and both are paid",
        """
        SELECT d.id AS payment_id, p.id AS first_id FROM payments_payment d
        JOIN payments_payment p ON p.id = d.duplicate_of_id
        WHERE d.state <> 'paid' OR p.state <> 'paid' OR p.duplicate_of_id IS NOT NULL
            OR d.order_no <> p.order_no OR d.channel <> p.channel OR d.payer_id <> p.payer_id
            OR d.amount_fen <> p.amount_fen OR COALESCE(d.order_id, 0) <> COALESCE(p.order_id, 0)
        """,
    ),
    Invariant(
        "I35",
        "渠道支付有渠道编号，余额与零元支付没有；到账有时间",
        "a payment has a charge id exactly where the provider is concerned, a time when paid",
        """
        SELECT id AS payment_id, state, channel FROM payments_payment
        WHERE (state IN ('paid', 'pending', 'expired') AND channel <> 'balance'
                AND amount_fen > 0 AND charge_id IS NULL)
            OR ((channel = 'balance' OR amount_fen = 0)
                AND (charge_id IS NOT NULL OR state <> 'paid'))
            OR (state = 'paid') <> (paid_at IS NOT NULL)
            OR (order_id IS NULL AND (channel = 'balance' OR amount_fen = 0))
        """,
    ),
    Invariant(
        "I36",
        "退款的状态、方式、时间、渠道编号相符",
        "a refund's status agrees with its means, its time and the provider's number",
        """
        SELECT r.id AS refund_id, r.status FROM payments_refund r
        LEFT JOIN payments_payment p ON p.id = r.payment_id
        WHERE (r.status = 0) <> (r.finished_at IS NULL)
            OR (r.status = 1 AND r.means = 'channel' AND r.refund_id IS NULL
                AND (p.id IS NULL OR (p.channel <> 'balance' AND p.amount_fen > 0)))
            OR ((p.channel = 'balance' OR p.amount_fen = 0) AND r.status <> 1)
            OR (r.means <> 'channel' AND (r.status <> 1 OR p.id IS NULL))
            OR (r.origin = 'console' AND r.refund_id IS NULL)
            OR (p.id IS NULL) = (r.suspense_id IS NULL)
        """,
    ),
)
