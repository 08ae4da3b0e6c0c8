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
    copy,
    drop,
    faults,
)

_OF = "question_id = (SELECT id FROM qaorder_question WHERE order_id"
_UNANSWERED = f"DELETE FROM {ANSWER} WHERE {_OF} = %(finished)s)"  # noqa: S608 ours

_ASKED = " AND event = 'ask'"

_MONEY = (
    *faults(
        "I06a",
        ("in service without money", change(ORDER, "paid_with_id = NULL", "waiting")),
        ("in service for less", change(PAYMENT, "amount_fen = 1", "paid_payment")),
        ("in service for a promise", change(PAYMENT, "state = 'expired'", "paid_payment")),
        (
            "in service with another order's money",
            change(ORDER, "paid_with_id = %(finished_payment)s", "paid"),
        ),
    ),
    *faults(
        "I06b",
        ("unpaid, but paid", change(ORDER, "status = 0", "paid")),
        ("cancelled and not refunded", change(ORDER, "status = 6", "paid")),
    ),
    *faults(
        "I16",
        (
            "in service and refunded",
            change(REFUND, "payment_id = %(paid_payment)s", "done_refund"),
        ),
        ("waiting and refunded", change(ORDER, "status = 2", "doctor_order")),
        *(
            (
                f"refunded by the clock in {status}",
                change(REFUND, "role = 'clock'", "doctor_refund"),
                change(ORDER, f"status = {status}", "doctor_order"),
            )
            for status in (3, 4, 5)
        ),
    ),
    *faults(
        "I32",
        ("opened by a late payment", change(ORDER, f"pay_deadline = {LONG_AGO}", "remote")),
        ("another channel than its money's", change(ORDER, "channel = 'alipay'", "remote")),
        ("opened by nothing", change(ORDER, "paid_with_id = NULL", "returned")),
        ("opened by a recharge", change(ORDER, "paid_with_id = %(recharge_payment)s", "returned")),
        (
            "opened by another order's payment",
            change(ORDER, "paid_with_id = %(remote_payment)s", "returned"),
        ),
        ("opened by a twin", change(ORDER, "paid_with_id = %(twin_payment)s", "remote")),
    ),
)

_HISTORY = (
    *faults(
        "I15",
        ("answered without an answer", change(ORDER, "status = 3", "waiting")),
        ("asked before it was paid", change(ORDER, "status = 0", "waiting")),
        ("asked, and not waiting", change(ORDER, "status = 1", "waiting")),
        ("answered, and still waiting", change(ORDER, "status = 2", "answered")),
        (
            "evaluated without an answer",
            f"DELETE FROM {ANSWER} WHERE {_OF} = %(evaluated)s)",  # noqa: S608 ours
        ),
        ("evaluated without an evaluation", change(ORDER, "status = 5", "finished")),
        ("waiting without a question", drop(QUESTION, "waiting", "order_id")),
        ("refunded although answered", change(ORDER, "status = 6", "answered")),
        (
            "an online order finished without a question",
            _UNANSWERED,
            drop(QUESTION, "finished", "order_id"),
        ),
        (
            "a monthly order finished without an answer",
            _UNANSWERED,
            change(ORDER, "order_type = 'monthly'", "finished"),
        ),
        (
            "an evaluation of another doctor",
            change(EVALUATION, "doctor_id = %(other_doctor)s", "evaluated", "order_id"),
        ),
        (
            "an evaluation of another service",
            change(EVALUATION, "evaluate_type = 'monthly'", "evaluated", "order_id"),
        ),
    ),
    *faults(
        "I20",
        (
            "back from answered to paid",
            change(EVENT, "from_status = 3, to_status = 1", "paid", "order_id"),
        ),
        (
            "answered by the patient",
            change(EVENT, "role = 'patient'", "answered", "order_id") + " AND event = 'answer'",
        ),
    ),
    *faults(
        "I50",
        (
            "asked by another patient",
            change(EVENT, "actor_id = %(other_user)s", "answered", "order_id") + _ASKED,
        ),
        (
            "answered by another doctor",
            change(EVENT, "actor_id = %(other_user)s", "answered", "order_id")
            + " AND event = 'answer'",
        ),
    ),
    *faults(
        "I31",
        ("a status written by hand", change(ORDER, "status = 2", "paid")),
        ("a gap in the history", drop(EVENT, "answered", "order_id") + _ASKED),
    ),
    *faults(
        "I41",
        (
            "hidden from the patient while it goes on",
            change(ORDER, "patient_hidden_at = created_at", "waiting"),
        ),
        (
            "hidden from the doctor while it goes on",
            change(ORDER, "doctor_hidden_at = created_at", "waiting"),
        ),
    ),
)

_PERIODS = (
    *faults(
        "I18",
        (
            "two periods at once",
            change(
                PERIOD,
                "start_at = (SELECT start_at FROM qaorder_subscription WHERE id = %(period)s)",
                "lapsed",
                "order_id",
            ),
        ),
    ),
    *faults(
        "I37",
        ("a paid monthly order without a period", drop(PERIOD, "period")),
        ("a monthly order with two periods", copy(PERIOD, "period")),
        ("a period of another patient", change(PERIOD, "patient_id = %(other_patient)s", "period")),
        ("a period of another doctor", change(PERIOD, "doctor_id = %(other_doctor)s", "period")),
        (
            "a refunded order whose period runs",
            change(PERIOD, "refunded_at = NULL", "period_refunded"),
        ),
        ("ended, its money not returned", change(PERIOD, "refunded_at = start_at", "period")),
    ),
    *faults(
        "I38",
        ("a free order before its period", change(ORDER, f"created_at = {LONG_AGO}", "free")),
        ("a free order after its period", change(ORDER, f"created_at = {FAR_OFF}", "free")),
        ("a free order that costs", change(ORDER, "amount_fen = 1", "free")),
        ("a free month", change(ORDER, "order_type = 'monthly'", "free")),
        (
            "a free order of another patient",
            change(ORDER, "patient_id = %(other_patient)s", "free"),
        ),
        ("a free order of another doctor", change(ORDER, "doctor_id = %(other_doctor)s", "free")),
    ),
    *faults(
        "I39",
        (
            "refunded by the patient after a free order",
            change(ORDER, "subscription_id = %(period_refunded)s", "free"),
        ),
        (
            "refunded by the patient after a question",
            change(QUESTION, "order_id = %(monthly_refunded)s", "waiting", "order_id"),
        ),
        (
            "refunded by the clock after a question",
            change(QUESTION, "order_id = %(monthly_refunded)s", "waiting", "order_id"),
            change(REFUND, "role = 'clock'", "monthly_refund"),
        ),
    ),
    *faults(
        "I46",
        (
            "a free order opened after the refund",
            change(PERIOD, f"refunded_at = {LONG_AGO}", "period"),
        ),
    ),
)

FAULTS: tuple[Fault, ...] = (*_MONEY, *_HISTORY, *_PERIODS)
