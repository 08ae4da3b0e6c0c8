"""Faults of what waits, and of references to rows that are gone."""

from tests.audit.faults.plant import (
    ANSWER,
    ENTRY,
    EVALUATION,
    EVENT,
    LONG_AGO,
    ORDER,
    PAYMENT,
    PERIOD,
    QUESTION,
    REFUND,
    Fault,
    change,
    faults,
    stray,
)

FAULTS: tuple[Fault, ...] = (
    *faults(
        "I14",
        (
            "an attempt whose answer was lost",
            change(PAYMENT, f"state = 'creating', created_at = {LONG_AGO}", "pending_payment"),
        ),
        (
            "an attempt whose request died",
            change(
                PAYMENT,
                f"state = 'creating', created_at = {LONG_AGO}, leased_until = {LONG_AGO}",
                "pending_payment",
            ),
        ),
        (
            "a charge nobody asks about",
            change(PAYMENT, f"checked_at = {LONG_AGO}, created_at = {LONG_AGO}", "pending_payment"),
        ),
        (
            "an expired charge nobody asks about",
            change(PAYMENT, f"checked_at = {LONG_AGO}, expires_at = {LONG_AGO}", "pending_payment"),
        ),
        (
            "a refund never sent",
            change(REFUND, f"sent_at = NULL, created_at = {LONG_AGO}", "open_refund"),
        ),
        (
            "a refund nobody follows up",
            change(REFUND, f"sent_at = created_at, next_try_at = {LONG_AGO}", "open_refund"),
        ),
    ),
    *faults(
        "I40",
        ("unpaid past its deadline", change(ORDER, f"pay_deadline = {LONG_AGO}", "unpaid")),
        ("unasked past its time", change(ORDER, f"status_at = {LONG_AGO}", "paid")),
        ("waiting past its time", change(ORDER, f"status_at = {LONG_AGO}", "waiting")),
        ("unfinished past its time", change(ORDER, f"status_at = {LONG_AGO}", "answered")),
        (
            "a monthly order past its period",
            change(ORDER, f"status_at = {LONG_AGO}", "monthly"),
            change(PERIOD, f"end_at = {LONG_AGO}", "period"),
        ),
    ),
    *faults(
        "I21",
        ("a payment's order is gone", stray(PAYMENT, "order_id")),
        ("a twin's first payment is gone", stray(PAYMENT, "duplicate_of_id")),
        ("a refund's payment is gone", stray(REFUND, "payment_id")),
        ("an event's order is gone", stray(EVENT, "order_id")),
        ("a period's order is gone", stray(PERIOD, "order_id")),
        ("a free order's period is gone", stray(ORDER, "subscription_id")),
        ("a question's order is gone", stray(QUESTION, "order_id")),
        ("an answer's question is gone", stray(ANSWER, "question_id")),
        ("an evaluation's order is gone", stray(EVALUATION, "order_id")),
        ("an entry's transaction is gone", stray(ENTRY, "transaction_id")),
        ("an entry's account is gone", stray(ENTRY, "account_id")),
    ),
)
