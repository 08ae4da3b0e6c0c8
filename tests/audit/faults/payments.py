"""Faults of payments, refunds and notices."""

from tests.audit.faults.plant import (
    DISCREPANCY,
    HELD,
    NOTICE,
    ORDER,
    PAYMENT,
    REFUND,
    TRANSACTION,
    Fault,
    change,
    copy,
    drop,
    faults,
)

_TWIN_OPEN = change(PAYMENT, "state = 'pending'", "twin_payment")
_REMOTE_OPEN = change(PAYMENT, "state = 'pending'", "remote_payment")

_PAYMENTS = (
    *faults("I05", ("a double payment is not refunded", drop(REFUND, "done_refund"))),
    *faults(
        "I07",
        ("a double payment is not refunded", drop(REFUND, "done_refund")),
        ("an unpaid order keeps its money", change(ORDER, "status = 0", "paid")),
        ("a double payment keeps a part", change(PAYMENT, "refunded_fen = 1", "twin_payment")),
        ("a cancelled order keeps its money", drop(REFUND, "open_refund")),
    ),
    *faults(
        "I08",
        (
            "a refund of more than its payment says",
            change(REFUND, "amount_fen = amount_fen + 1", "done_refund"),
        ),
        (
            "refunds of more than was paid",
            change(REFUND, "amount_fen = amount_fen + 1", "done_refund"),
            change(PAYMENT, "refunded_fen = refunded_fen + 1", "twin_payment"),
        ),
        ("a refund of an unpaid payment", _TWIN_OPEN),
        (
            "an order's refund that the payer bears",
            change(REFUND, "bearer = 'payer'", "done_refund"),
        ),
    ),
    *faults(
        "I09",
        ("an attempt of another amount", change(PAYMENT, "amount_fen = 1", "pending_payment")),
    ),
    *faults(
        "I33",
        ("somebody else paid", change(PAYMENT, "payer_id = %(other_user)s", "pending_payment")),
        (
            "an attempt under another number",
            change(PAYMENT, "order_no = '1' || order_no", "pending_payment"),
        ),
    ),
    *faults(
        "I34",
        ("a twin of another amount", change(PAYMENT, "amount_fen = 1", "twin_payment")),
        ("a twin of another channel", change(PAYMENT, "channel = 'alipay'", "twin_payment")),
        ("a twin of another number", change(PAYMENT, "order_no = '1'", "twin_payment")),
        ("a twin of another payer", change(PAYMENT, "payer_id = %(other_user)s", "twin_payment")),
        ("a twin of another order", change(PAYMENT, "order_id = %(paid)s", "twin_payment")),
        ("a twin that is not paid", _TWIN_OPEN),
        ("a twin of a payment that is not paid", _REMOTE_OPEN),
        (
            "a twin of a twin",
            change(PAYMENT, "duplicate_of_id = %(twin_payment)s", "remote_payment"),
        ),
    ),
    *faults(
        "I35",
        (
            "the provider's money without a charge",
            change(PAYMENT, "charge_id = NULL", "remote_payment"),
        ),
        *(
            (
                f"a payment, {state}, without a charge",
                change(PAYMENT, f"state = '{state}', charge_id = NULL", "pending_payment"),
            )
            for state in ("pending", "expired")
        ),
        ("a balance payment with a charge", change(PAYMENT, "charge_id = 'ch_x'", "paid_payment")),
        (
            "a payment of 0.00 with a charge",
            change(PAYMENT, "channel = 'wx', charge_id = 'ch_x'", "zero_payment"),
        ),
        (
            "a balance payment that is open",
            change(PAYMENT, "state = 'pending', paid_at = NULL", "paid_payment"),
        ),
        ("paid without a time", change(PAYMENT, "paid_at = NULL", "remote_payment")),
        (
            "a recharge from the balance",
            change(PAYMENT, "channel = 'balance', charge_id = NULL", "recharge_payment"),
        ),
        (
            "a recharge of 0.00",
            change(PAYMENT, "amount_fen = 0, charge_id = NULL", "recharge_payment"),
        ),
    ),
)

_REFUNDS = (
    *faults(
        "I36",
        ("a succeeded refund without a time", change(REFUND, "finished_at = NULL", "done_refund")),
        (
            "a succeeded refund without the provider's number",
            change(REFUND, "refund_id = NULL", "done_refund"),
        ),
        (
            "a held charge's refund without the provider's number",
            change(REFUND, "refund_id = NULL, origin = 'service'", "given_back_refund"),
        ),
        (
            "a refund to the balance that is still open",
            change(REFUND, "status = 0, finished_at = NULL", "back_refund"),
        ),
        (
            "a refund of 0.00 that is still open",
            change(PAYMENT, "amount_fen = 0", "returned_payment"),
        ),
        (
            "a failed refund that went to the balance",
            change(REFUND, "status = 2", "to_balance_refund"),
        ),
        (
            "a held charge's refund outside the channel",
            change(REFUND, "means = 'outside'", "given_back_refund"),
        ),
        (
            "a console's refund without its number",
            change(REFUND, "origin = 'console', refund_id = NULL", "failed_refund"),
        ),
        (
            "a refund of a payment and of a held charge",
            change(REFUND, "held_id = %(kept_held)s", "failed_refund"),
        ),
    ),
)

_TOLD = (
    *faults(
        "I12",
        (
            "two payments of one charge",
            change(
                PAYMENT,
                "charge_id = (SELECT charge_id FROM qaorder_payment WHERE id = %(remote_payment)s)",
                "twin_payment",
            ),
        ),
        ("two payments of one number", change(PAYMENT, "duplicate_of_id = NULL", "twin_payment")),
        ("two open attempts of one order", _TWIN_OPEN, _REMOTE_OPEN),
        (
            "two attempts of one order that are being made",
            change(PAYMENT, "state = 'creating'", "twin_payment"),
            change(PAYMENT, "state = 'creating'", "remote_payment"),
        ),
        ("two orders of one number", copy(ORDER, "paid")),
        ("two refunds of one number", copy(REFUND, "done_refund")),
        (
            "a cause that moved money twice",
            f"INSERT INTO {TRANSACTION} SELECT * FROM {TRANSACTION}",  # noqa: S608 ours
        ),
        ("two held rows of one charge", copy(HELD, "kept_held")),
        ("a notice applied twice", copy(NOTICE, "remote_notice")),
    ),
    *faults(
        "I13",
        (
            "an applied notice without its payment",
            change(PAYMENT, "charge_id = 'ch_other'", "remote_payment"),
        ),
        *(
            (
                f"a notice, {outcome}, without its payment",
                change(NOTICE, f"outcome = '{outcome}', object_id = 'ch_x'", "remote_notice"),
            )
            for outcome in ("repeated", "differs")
        ),
        ("a held notice without its held charge", f"DELETE FROM {HELD}"),  # noqa: S608
        (
            "a notice of money that was never handled",
            change(NOTICE, "outcome = 'unused'", "remote_notice"),
        ),
        (
            "a notice of a refund that was never handled",
            change(NOTICE, "outcome = 'unused'", "given_back_notice"),
        ),
        (
            "an applied notice without its refund",
            change(NOTICE, "object_id = 're_other'", "given_back_notice"),
        ),
        (
            "a notice that differs without its difference",
            change(NOTICE, "object_id = 're_other'", "disputed_notice"),
        ),
    ),
    *faults(
        "I22",
        (
            "a payment mended on paper only",
            change(PAYMENT, "state = 'expired'", "remote_payment"),
        ),
        (
            "a refund mended on paper only",
            change(DISCREPANCY, "refund_id = 're_other'", "missed_refund"),
        ),
    ),
    *faults(
        "I42",
        ("a negative order", change(ORDER, "amount_fen = -1", "unpaid")),
        ("a negative payment", change(PAYMENT, "amount_fen = -1", "pending_payment")),
        ("a negative refund", change(REFUND, "amount_fen = -1", "done_refund")),
        ("a held charge of nothing", change(HELD, "amount_fen = 0", "kept_held")),
    ),
)

FAULTS: tuple[Fault, ...] = (*_PAYMENTS, *_REFUNDS, *_TOLD)
