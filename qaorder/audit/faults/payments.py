"""Faults of payments, refunds and notices."""

from qaorder.audit.faults.plant import (
    NOTICE,
    ORDER,
    PAYMENT,
    REFUND,
    change,
    copy,
    drop,
    fault,
)

FAULTS = (
    fault("I05", "a double payment is not refunded", drop(REFUND, "done_refund")),
    fault("I07", "a double payment is not refunded", drop(REFUND, "done_refund")),
    fault("I07", "a cancelled order keeps its money", drop(REFUND, "open_refund")),
    fault(
        "I08",
        "a refund of more than was paid",
        change(REFUND, "amount_fen = amount_fen + 1", "done_refund"),
    ),
    fault("I08", "a second refund of one payment", copy(REFUND, "done_refund")),
    fault(
        "I08",
        "a refund of an unpaid payment",
        change(REFUND, "payment_id = %(pending_payment)s", "done_refund"),
    ),
    fault(
        "I08",
        "a refund of a recharge",
        change(REFUND, "payment_id = %(recharge_payment)s, amount_fen = 500", "done_refund"),
    ),
    fault(
        "I09", "an attempt of another amount", change(PAYMENT, "amount_fen = 1", "pending_payment")
    ),
    fault("I12", "two payments of one charge", copy(PAYMENT, "remote_payment")),
    fault("I12", "two orders of one number", copy(ORDER, "paid")),
    fault("I12", "two refunds of one number", copy(REFUND, "done_refund")),
    fault(
        "I12",
        "a cause that moved money twice",
        (
            "INSERT INTO ledger_transaction SELECT * FROM ledger_transaction"
            " WHERE reference = 'capture:' || %(remote_payment)s"
        ),
    ),
    fault(
        "I12",
        "two held rows of one charge",
        "INSERT INTO qaorder_heldcharge SELECT * FROM qaorder_heldcharge",
    ),
    fault("I12", "a notice applied twice", copy(NOTICE, "remote_notice")),
    fault(
        "I13",
        "an applied notice without its payment",
        change(PAYMENT, "charge_id = 'ch_other'", "remote_payment"),
    ),
    fault("I13", "a held notice without its held charge", "DELETE FROM qaorder_heldcharge"),
    fault(
        "I13",
        "a notice that was kept and never handled",
        change(NOTICE, "outcome = 'unused'", "remote_notice"),
    ),
    fault(
        "I22",
        "a difference mended on paper only",
        change(PAYMENT, "state = 'expired'", "remote_payment"),
    ),
    fault(
        "I33", "somebody else paid", change(PAYMENT, "payer_id = %(other_user)s", "pending_payment")
    ),
    fault(
        "I33",
        "an attempt under another number",
        change(PAYMENT, "order_no = '1' || order_no", "pending_payment"),
    ),
    fault(
        "I34",
        "a twin of another amount",
        change(PAYMENT, "amount_fen = amount_fen + 1", "twin_payment"),
    ),
    fault(
        "I34",
        "a twin of a payment that is not paid",
        change(PAYMENT, "state = 'pending'", "remote_payment"),
    ),
    fault(
        "I35",
        "the provider's money without a charge",
        change(PAYMENT, "charge_id = NULL", "remote_payment"),
    ),
    fault(
        "I35",
        "a balance payment with a charge",
        change(PAYMENT, "charge_id = 'ch_x'", "paid_payment"),
    ),
    fault("I35", "paid without a time", change(PAYMENT, "paid_at = NULL", "remote_payment")),
    fault(
        "I36",
        "a succeeded refund without a time",
        change(REFUND, "finished_at = NULL", "done_refund"),
    ),
    fault(
        "I36",
        "a succeeded refund without the provider's number",
        change(REFUND, "refund_id = NULL", "done_refund"),
    ),
    fault(
        "I36",
        "a refund to the balance that is still open",
        change(REFUND, "status = 0, finished_at = NULL", "back_refund"),
    ),
    fault("I42", "a negative order", change(ORDER, "amount_fen = -1", "unpaid")),
)
