"""Faults of payments, refunds and notices."""

from tests.audit.faults.plant import (
    DISCREPANCY,
    HELD,
    LONG_AGO,
    NOTICE,
    ORDER,
    PAYMENT,
    REFUND,
    Fault,
    change,
    drop,
)

_TWIN_OPEN = change(PAYMENT, "twin_payment", "state = 'pending'")

_PAYMENTS: dict[str, list[Fault]] = {
    "I05": [drop(REFUND, "done_refund")],
    "I07": [
        change(ORDER, "paid", "status = 0"),
        change(PAYMENT, "twin_payment", "refunded_fen = 1"),
        drop(REFUND, "open_refund"),
    ],
    "I09": [change(PAYMENT, "pending_payment", "amount_fen = 1")],
    "I14": [
        change(PAYMENT, "pending_payment", f"state = 'creating', created_at = {LONG_AGO}"),
        change(
            PAYMENT,
            "pending_payment",
            f"state = 'creating', created_at = {LONG_AGO}, leased_until = {LONG_AGO}",
        ),
        change(PAYMENT, "pending_payment", f"inquired_at = {LONG_AGO}, created_at = {LONG_AGO}"),
        change(PAYMENT, "pending_payment", f"inquired_at = {LONG_AGO}, expires_at = {LONG_AGO}"),
        change(REFUND, "open_refund", f"sent_at = NULL, created_at = {LONG_AGO}"),
        change(REFUND, "open_refund", f"sent_at = created_at, next_try_at = {LONG_AGO}"),
    ],
    "I33": [
        change(PAYMENT, "pending_payment", "payer_id = %(other_user)s"),
        change(PAYMENT, "pending_payment", "order_no = '1' || order_no"),
    ],
    "I34": [
        change(PAYMENT, "twin_payment", "amount_fen = 1"),
        change(PAYMENT, "twin_payment", "channel = 'alipay'"),
        change(PAYMENT, "twin_payment", "order_no = '1'"),
        change(PAYMENT, "twin_payment", "payer_id = %(other_user)s"),
        change(PAYMENT, "twin_payment", "order_id = %(paid)s"),
        _TWIN_OPEN,
        change(PAYMENT, "remote_payment", "state = 'pending'"),
        change(PAYMENT, "remote_payment", "duplicate_of_id = %(twin_payment)s"),
    ],
    "I35": [
        change(PAYMENT, "remote_payment", "charge_id = NULL"),
        change(PAYMENT, "pending_payment", "charge_id = NULL"),
        change(PAYMENT, "pending_payment", "charge_id = NULL, state = 'expired'"),
        change(PAYMENT, "zero_payment", "channel = 'wx', charge_id = 'ch_x'"),
        change(PAYMENT, "paid_payment", "state = 'pending', paid_at = NULL"),
        change(PAYMENT, "remote_payment", "paid_at = NULL"),
        change(PAYMENT, "recharge_payment", "channel = 'balance', charge_id = NULL"),
        change(PAYMENT, "recharge_payment", "amount_fen = 0, charge_id = NULL"),
    ],
}

_REFUNDS: dict[str, list[Fault]] = {
    "I08": [
        change(REFUND, "done_refund", "amount_fen = amount_fen + 1"),
        change(REFUND, "done_refund", "amount_fen = amount_fen + 1")
        + change(PAYMENT, "twin_payment", "refunded_fen = refunded_fen + 1"),
        _TWIN_OPEN,
        change(REFUND, "done_refund", "bearer = 'payer'"),
    ],
    "I36": [
        change(REFUND, "done_refund", "finished_at = NULL"),
        change(REFUND, "done_refund", "refund_id = NULL"),
        change(REFUND, "given_back_refund", "refund_id = NULL, origin = 'service'"),
        change(REFUND, "back_refund", "status = 0, finished_at = NULL"),
        change(PAYMENT, "returned_payment", "amount_fen = 0"),
        change(REFUND, "to_balance_refund", "status = 2"),
        change(REFUND, "given_back_refund", "means = 'outside'"),
        change(REFUND, "failed_refund", "origin = 'console', refund_id = NULL"),
        change(REFUND, "failed_refund", "suspense_id = %(kept_held)s"),
    ],
}

_TOLD: dict[str, list[Fault]] = {
    "I13": [
        change(PAYMENT, "remote_payment", "charge_id = 'ch_x'"),
        change(NOTICE, "remote_notice", "outcome = 'repeated', object_id = 'ch_x'"),
        change(NOTICE, "remote_notice", "outcome = 'differs', object_id = 'ch_x'"),
        (f"DELETE FROM {HELD}",),
        change(NOTICE, "remote_notice", "outcome = 'unused'"),
        change(NOTICE, "given_back_notice", "outcome = 'unused'"),
        change(NOTICE, "given_back_notice", "object_id = 're_x'"),
        change(NOTICE, "disputed_notice", "object_id = 're_x'"),
    ],
    "I22": [
        change(PAYMENT, "remote_payment", "state = 'expired'"),
        change(DISCREPANCY, "missed_refund", "refund_id = 're_x'"),
    ],
}

FAULTS = _PAYMENTS | _REFUNDS | _TOLD
