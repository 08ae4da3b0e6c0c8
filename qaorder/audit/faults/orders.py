"""Faults of orders, their history and periods, and of what waits."""

from qaorder.audit.faults.plant import (
    LONG_AGO,
    ORDER,
    PAYMENT,
    PERIOD,
    REFUND,
    change,
    drop,
    fault,
)

ORDERS = (
    fault("I06a", "in service without money", change(ORDER, "paid_with_id = NULL", "waiting")),
    fault("I06a", "in service for less", change(PAYMENT, "amount_fen = 1", "paid_payment")),
    fault(
        "I06a",
        "in service with another order's money",
        change(ORDER, "paid_with_id = %(finished_payment)s", "paid"),
    ),
    fault("I06b", "unpaid, but paid", change(ORDER, "status = 0", "paid")),
    fault("I06b", "cancelled and not refunded", change(ORDER, "status = 6", "paid")),
    fault("I15", "answered without an answer", change(ORDER, "status = 3", "waiting")),
    fault("I15", "evaluated without an evaluation", change(ORDER, "status = 5", "finished")),
    fault("I15", "waiting without a question", drop("qaorder_question", "waiting", "order_id")),
    fault("I15", "refunded although answered", change(ORDER, "status = 6", "answered")),
    fault(
        "I15",
        "an evaluation of another doctor",
        "UPDATE qaorder_evaluation SET doctor_id = %(other_doctor)s WHERE order_id = %(evaluated)s",
    ),
    fault(
        "I16",
        "in service and refunded",
        change(REFUND, "payment_id = %(paid_payment)s", "done_refund"),
    ),
    fault(
        "I18",
        "two periods at once",
        "UPDATE qaorder_subscription SET start_at ="
        " (SELECT start_at FROM qaorder_subscription WHERE id = %(period)s)"
        " WHERE order_id = %(lapsed)s",
    ),
    fault(
        "I20",
        "back from answered to paid",
        "UPDATE qaorder_orderevent SET from_status = 3, to_status = 1 WHERE order_id = %(paid)s",
    ),
    fault(
        "I20",
        "answered by the patient",
        "UPDATE qaorder_orderevent"
        " SET role = 'patient' WHERE order_id = %(answered)s AND event = 'answer'",
    ),
    fault("I31", "a status written by hand", change(ORDER, "status = 2", "paid")),
    fault(
        "I31",
        "a gap in the history",
        "DELETE FROM qaorder_orderevent WHERE order_id = %(answered)s AND event = 'ask'",
    ),
    fault("I32", "opened by a late payment", change(ORDER, f"pay_deadline = {LONG_AGO}", "remote")),
    fault("I32", "another channel than its money's", change(ORDER, "channel = 'alipay'", "remote")),
    fault("I32", "opened by nothing", change(ORDER, "paid_with_id = NULL", "returned")),
    fault("I37", "a paid monthly order without a period", drop(PERIOD, "period")),
    fault("I37", "a period of an online order", change(ORDER, "order_type = 'online'", "monthly")),
    fault(
        "I37",
        "a refunded order whose period runs",
        change(PERIOD, "refunded_at = NULL", "period_refunded"),
    ),
    fault(
        "I38", "a free order outside its period", change(ORDER, f"created_at = {LONG_AGO}", "free")
    ),
    fault("I38", "a free order that costs", change(ORDER, "amount_fen = 1", "free")),
    fault(
        "I38",
        "a free order with another doctor",
        change(ORDER, "doctor_id = %(other_doctor)s", "free"),
    ),
    fault(
        "I39",
        "a used period refunded by the patient",
        change(ORDER, "subscription_id = %(period_refunded)s", "free"),
    ),
    fault(
        "I41", "hidden while it goes on", change(ORDER, "patient_hidden_at = created_at", "waiting")
    ),
)

WAITING = (
    fault(
        "I14",
        "an attempt whose answer was lost",
        change(PAYMENT, f"state = 'creating', created_at = {LONG_AGO}", "pending_payment"),
    ),
    fault(
        "I14",
        "a charge nobody asks about",
        change(PAYMENT, f"checked_at = {LONG_AGO}, created_at = {LONG_AGO}", "pending_payment"),
    ),
    fault(
        "I14",
        "an expired charge nobody asks about",
        change(PAYMENT, f"checked_at = {LONG_AGO}, expires_at = {LONG_AGO}", "pending_payment"),
    ),
    fault(
        "I14",
        "a refund never sent",
        change(REFUND, f"sent_at = NULL, created_at = {LONG_AGO}", "open_refund"),
    ),
    fault(
        "I14",
        "a refund nobody follows up",
        change(REFUND, f"sent_at = created_at, next_try_at = {LONG_AGO}", "open_refund"),
    ),
    fault("I40", "unpaid past its deadline", change(ORDER, f"pay_deadline = {LONG_AGO}", "unpaid")),
    fault("I40", "waiting past its time", change(ORDER, f"status_at = {LONG_AGO}", "waiting")),
    fault(
        "I40",
        "a monthly order past its period",
        change(ORDER, f"status_at = {LONG_AGO}", "monthly"),
        change(PERIOD, f"end_at = {LONG_AGO}", "period"),
    ),
    fault("I21", "an order was erased", drop(ORDER, "cancelled")),
    fault("I21", "a payment was erased", drop(PAYMENT, "remote_payment")),
    fault(
        "I21",
        "a transaction was erased",
        "DELETE FROM ledger_transaction WHERE reference = 'capture:' || %(remote_payment)s",
    ),
)

FAULTS = (*ORDERS, *WAITING)
