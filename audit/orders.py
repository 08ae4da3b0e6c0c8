"""Invariants of orders: their money, history, artefacts and periods."""

from audit.invariant import Invariant
from qaorder.lifecycle import TRANSITIONS


def _edges() -> str:
    """Every move of the lifecycle as a condition on an event's row."""
    return " OR ".join(
        f"(event = '{event.value}' AND from_status = {source.value}"
        f" AND to_status = {move.target.value}"
        f" AND role IN ({', '.join(repr(str(role.value)) for role in sorted(move.roles))}))"
        for (source, event), move in TRANSITIONS.items()
    )


INVARIANTS = (
    Invariant(
        "I06a",
        "已支付及之后的订单有其到账",
        "an order in 1 to 5 has its money: a paid payment of its own, of its amount",
        """
        SELECT o.id AS order_id, o.status, p.id AS payment_id FROM qaorder_order o
        LEFT JOIN payments_payment p ON p.opened_order_id = o.id
        WHERE o.status BETWEEN 1 AND 5 AND (p.id IS NULL OR p.amount_fen <> o.amount_fen)
        """,
    ),
    Invariant(
        "I06b",
        "待支付的订单没有到账",
        "an unpaid order was paid by nothing; a cancelled one was refunded if it was paid",
        """
        SELECT o.id AS order_id, o.status, w.id AS payment_id FROM qaorder_order o
        JOIN payments_payment w ON w.opened_order_id = o.id
        WHERE o.status = 0 OR (o.status = 6 AND NOT EXISTS (
            SELECT 1 FROM payments_refund r WHERE r.payment_id = w.id))
        """,
    ),
    Invariant(
        "I15",
        "订单状态与问题、回答、评价相符",
        "an order's status agrees with its question, answer and evaluation",
        """
        SELECT o.id AS order_id, o.status, q.id AS question_id, a.id AS answer_id,
            v.id AS evaluation_id
        FROM qaorder_order o LEFT JOIN qaorder_question q ON q.order_id = o.id
        LEFT JOIN qaorder_answer a ON a.question_id = q.id
        LEFT JOIN qaorder_evaluation v ON v.order_id = o.id
        WHERE (o.status = 2 AND q.id IS NULL) OR (o.status IN (0, 1) AND q.id IS NOT NULL)
            OR (o.status IN (2, 6) AND a.id IS NOT NULL)
            OR (o.status = 3 AND a.id IS NULL)
            OR (o.status IN (4, 5) AND a.id IS NULL
                AND (o.order_type = 'online' OR q.id IS NOT NULL))
            OR (o.status = 5) <> (v.id IS NOT NULL)
            OR v.doctor_id <> o.doctor_id OR v.evaluate_type <> o.order_type
        """,
    ),
    Invariant(
        "I16",
        "服务中的订单没有退款；已回答的只由工作人员退款",
        "an order in 1 or 2 has no refund, one in 3 to 5 none but by staff",
        """
        SELECT o.id AS order_id, o.status, r.id AS refund_id FROM qaorder_order o
        JOIN payments_payment w ON w.opened_order_id = o.id
        JOIN payments_refund r ON r.payment_id = w.id
        WHERE o.status IN (1, 2) OR (o.status IN (3, 4, 5) AND r.role <> 'staff')
        """,
    ),
    Invariant(
        "I18",
        "同一患者与医生的包月不重叠",
        "the periods of a patient and a doctor do not overlap",
        """
        SELECT a.id AS period_id, b.id AS other_id FROM qaorder_period a
        JOIN qaorder_period b ON a.patient_id = b.patient_id AND a.doctor_id = b.doctor_id
            AND a.id < b.id AND a.start_at < b.end_at AND b.start_at < a.end_at
        WHERE a.start_at < a.end_at AND b.start_at < b.end_at
        """,
    ),
    Invariant(
        "I20",
        "订单只按状态表变更",
        "an order moves along the lifecycle's table only, by those who may",
        f"""
        SELECT id AS event_id, order_id, event, from_status, to_status, role
        FROM qaorder_orderevent WHERE NOT ({_edges()})
        """,  # noqa: S608 the words are the lifecycle's own
    ),
    Invariant(
        "I50",
        "以患者或医生身份变更订单的是其本人",
        "who moved an order as its patient or doctor is that very one",
        """
        SELECT e.id AS event_id, e.order_id, e.role FROM qaorder_orderevent e
        JOIN qaorder_order o ON o.id = e.order_id
        JOIN accounts_patient c ON c.id = o.patient_id
        JOIN accounts_doctor d ON d.id = o.doctor_id
        WHERE (e.role = 'patient' AND e.actor_id <> c.user_id)
            OR (e.role = 'doctor' AND e.actor_id <> d.user_id)
        """,
    ),
    Invariant(
        "I31",
        "订单的变更从待支付起首尾相接，终于当前状态",
        "an order's history starts at 0, has no gap, and ends in its status",
        """
        SELECT order_id, event_id, from_status, expected FROM (
            SELECT order_id, id AS event_id, from_status, COALESCE(
                LAG(to_status) OVER (PARTITION BY order_id ORDER BY id), 0) AS expected
            FROM qaorder_orderevent) chain WHERE from_status <> expected
        UNION ALL SELECT o.id, e.id, o.status, COALESCE(e.to_status, 0) FROM qaorder_order o
        LEFT JOIN (SELECT order_id, MAX(id) AS id FROM qaorder_orderevent GROUP BY order_id)
            newest ON newest.order_id = o.id
        LEFT JOIN qaorder_orderevent e ON e.id = newest.id
        WHERE o.status <> COALESCE(e.to_status, 0)
        """,
    ),
    Invariant(
        "I32",
        "订单由其支付在期限内打开，渠道相符",
        "a paid order was opened by its payment: once, in time, with its channel",
        """
        SELECT o.id AS order_id, p.id AS payment_id FROM qaorder_order o
        JOIN payments_payment p ON p.opened_order_id = o.id
        WHERE p.channel <> o.channel OR p.paid_at > o.pay_deadline
        UNION ALL SELECT o.id, w.id FROM qaorder_order o
        LEFT JOIN payments_payment w ON w.opened_order_id = o.id
        LEFT JOIN qaorder_orderevent e ON e.order_id = o.id AND e.event = 'pay'
        WHERE (o.paid_at IS NULL) <> (e.id IS NULL) OR (o.paid_at IS NULL) <> (w.id IS NULL)
            OR o.paid_at <> w.paid_at
        """,
    ),
    Invariant(
        "I37",
        "每个付款的包月订单恰有一段服务，反之亦然",
        "a paid monthly order has its period, and a period its paid monthly order",
        """
        SELECT o.id AS order_id, s.id AS period_id FROM qaorder_order o
        LEFT JOIN qaorder_period s ON s.order_id = o.id
        WHERE (o.order_type = 'monthly' AND o.paid_at IS NOT NULL) <> (s.id IS NOT NULL)
            OR s.patient_id <> o.patient_id OR s.doctor_id <> o.doctor_id
            OR (o.status = 6 AND s.id IS NOT NULL AND s.refunded_at IS NULL)
            OR (o.status <> 6 AND s.refunded_at IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM payments_payment w JOIN payments_refund r ON r.payment_id = w.id
                WHERE w.opened_order_id = o.id))
        UNION ALL SELECT order_id, MAX(id) FROM qaorder_period
        GROUP BY order_id HAVING COUNT(*) > 1
        """,
    ),
    Invariant(
        "I38",
        "包月内的免费订单在该段服务期间创建",
        "a free order of a period was placed in it, between the same two, for nothing",
        """
        SELECT o.id AS order_id, s.id AS period_id FROM qaorder_order o
        JOIN qaorder_period s ON s.id = o.covered_by_id
        WHERE o.amount_fen <> 0 OR o.order_type <> 'online' OR o.patient_id <> s.patient_id
            OR o.doctor_id <> s.doctor_id OR o.created_at < s.start_at OR o.created_at > s.end_at
        """,
    ),
    Invariant(
        "I39",
        "用过的包月不由患者或系统退款",
        "a monthly service that was used is not refunded by the patient or the clock",
        """
        SELECT o.id AS order_id, r.id AS refund_id FROM qaorder_order o
        JOIN payments_payment w ON w.opened_order_id = o.id
        JOIN payments_refund r ON r.payment_id = w.id
        JOIN qaorder_period s ON s.order_id = o.id
        WHERE r.role IN ('patient', 'clock') AND (
            EXISTS (SELECT 1 FROM qaorder_question q WHERE q.order_id = o.id)
            OR EXISTS (SELECT 1 FROM qaorder_order f
                WHERE f.covered_by_id = s.id AND f.paid_at IS NOT NULL))
        """,
    ),
    Invariant(
        "I46",
        "退款的包月之后不再打开其免费订单",
        "no free order is opened in a period that was refunded",
        """
        SELECT o.id AS order_id, s.id AS period_id FROM qaorder_order o
        JOIN qaorder_period s ON s.id = o.covered_by_id
        JOIN payments_payment p ON p.opened_order_id = o.id WHERE p.paid_at > s.refunded_at
        """,
    ),
    Invariant(
        "I41",
        "只有结束的订单可以隐藏",
        "only an order that is over is hidden",
        """
        SELECT id AS order_id, status FROM qaorder_order
        WHERE (patient_hidden_at IS NOT NULL OR doctor_hidden_at IS NOT NULL)
            AND status NOT IN (4, 5, 6)
        """,
    ),
)
