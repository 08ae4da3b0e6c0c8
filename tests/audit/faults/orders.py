"""Faults of orders, their history and their periods."""

from tests.audit.faults.plant import (
    ANSWER,
    EVALUATION,
    EVENT,
    FAR_OFF,
    LONG_AGO,
    ORDER,
    PAYMENT,
    PERIOD,
    QUESTION,
    REFUND,
    Fault,
    change,
    change_of,
    drop,
    drop_of,
)

_COPY_OF_A_PERIOD = (f"INSERT INTO {PERIOD} SELECT * FROM {PERIOD} WHERE id = %(period)s",)


def _unanswered(order: str) -> Fault:
    question = f"SELECT id FROM {QUESTION} WHERE order_id = %({order})s"
    return (f"DELETE FROM {ANSWER} WHERE question_id = ({question})",)


def _opened_by_nothing(order: str) -> Fault:
    return (f"UPDATE {PAYMENT} SET opened_order_id = NULL WHERE opened_order_id = %({order})s",)


_MONEY: dict[str, list[Fault]] = {
    "I06a": [
        _opened_by_nothing("waiting"),
        change(PAYMENT, "paid_payment", "amount_fen = 1"),
    ],
    "I06b": [change(ORDER, "paid", "status = 0"), change(ORDER, "paid", "status = 6")],
    "I16": [
        change(REFUND, "done_refund", "payment_id = %(paid_payment)s"),
        change(ORDER, "doctor", "status = 2"),
    ]
    + [
        change(REFUND, "doctor_refund", "role = 'clock'")
        + change(ORDER, "doctor", f"status = {status}")
        for status in (3, 4, 5)
    ],
    "I32": [
        change(ORDER, "remote", f"pay_deadline = {LONG_AGO}"),
        change(ORDER, "remote", "channel = 'alipay'"),
        change(ORDER, "remote", "paid_at = NULL"),
        change(ORDER, "remote", f"paid_at = {LONG_AGO}"),
        _opened_by_nothing("returned"),
        (f"DELETE FROM {EVENT} WHERE order_id = %(remote)s AND event = 'pay'",),
    ],
}

_HISTORY: dict[str, list[Fault]] = {
    "I15": [
        change(ORDER, "waiting", "status = 3"),
        change(ORDER, "waiting", "status = 0"),
        change(ORDER, "waiting", "status = 1"),
        change(ORDER, "answered", "status = 2"),
        _unanswered("evaluated"),
        change(ORDER, "finished", "status = 5"),
        drop_of(QUESTION, "waiting"),
        change(ORDER, "answered", "status = 6"),
        _unanswered("finished") + drop_of(QUESTION, "finished"),
        _unanswered("finished") + change(ORDER, "finished", "order_type = 'monthly'"),
        change_of(EVALUATION, "evaluated", "doctor_id = %(other_doctor)s"),
        change_of(EVALUATION, "evaluated", "evaluate_type = 'monthly'"),
    ],
    "I20": [
        change_of(EVENT, "paid", "from_status = 3, to_status = 1"),
        change_of(EVENT, "answered", "role = 'patient'", "event = 'answer'"),
    ],
    "I31": [change(ORDER, "paid", "status = 2"), drop_of(EVENT, "answered", "event = 'ask'")],
    "I40": [
        change(ORDER, "unpaid", f"pay_deadline = {LONG_AGO}"),
        change(ORDER, "paid", f"status_at = {LONG_AGO}"),
        change(ORDER, "waiting", f"status_at = {LONG_AGO}"),
        change(ORDER, "answered", f"status_at = {LONG_AGO}"),
        change(ORDER, "monthly", f"status_at = {LONG_AGO}")
        + change(PERIOD, "period", f"end_at = {LONG_AGO}"),
    ],
    "I41": [
        change(ORDER, "waiting", "patient_hidden_at = created_at"),
        change(ORDER, "waiting", "doctor_hidden_at = created_at"),
    ],
    "I50": [
        change_of(EVENT, "answered", "actor_id = %(other_user)s", "event = 'ask'"),
        change_of(EVENT, "answered", "actor_id = %(other_user)s", "event = 'answer'"),
    ],
}

_PERIODS: dict[str, list[Fault]] = {
    "I18": [change(PERIOD, "period", f"end_at = {FAR_OFF}")],
    "I37": [
        drop(PERIOD, "period"),
        _COPY_OF_A_PERIOD,
        change(PERIOD, "period", "patient_id = %(other_patient)s"),
        change(PERIOD, "period", "doctor_id = %(other_doctor)s"),
        change(PERIOD, "period_refunded", "refunded_at = NULL"),
        change(PERIOD, "period", "refunded_at = start_at"),
    ],
    "I38": [
        change(ORDER, "free", f"created_at = {LONG_AGO}"),
        change(ORDER, "free", f"created_at = {FAR_OFF}"),
        change(ORDER, "free", "amount_fen = 1"),
        change(ORDER, "free", "order_type = 'monthly'"),
        change(ORDER, "free", "patient_id = %(other_patient)s"),
        change(ORDER, "free", "doctor_id = %(other_doctor)s"),
    ],
    "I39": [
        change(ORDER, "free", "covered_by_id = %(period_refunded)s"),
        change_of(QUESTION, "waiting", "order_id = %(monthly_refunded)s")
        + change(REFUND, "monthly_refund", "role = 'clock'"),
    ],
    "I46": [change(PERIOD, "period", f"refunded_at = {LONG_AGO}")],
}

FAULTS = _MONEY | _HISTORY | _PERIODS
