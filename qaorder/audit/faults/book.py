"""Faults of the book and of what it says moved the money."""

from qaorder.audit.faults.plant import (
    CAPTURE_ENTRIES,
    COMPLETION_ENTRIES,
    ORDER,
    PAYMENT,
    REFUND,
    WALLET_ENTRY,
    change,
    fault,
)

BOOK = (
    fault(
        "I01",
        "an entry is gone",
        f"DELETE FROM ledger_entry WHERE {CAPTURE_ENTRIES} AND amount_fen > 0",  # noqa: S608
    ),
    fault(
        "I01",
        "an entry has another amount",
        f"UPDATE ledger_entry SET amount_fen = amount_fen + 1 WHERE {CAPTURE_ENTRIES}"  # noqa: S608
        " AND amount_fen > 0",
    ),
    fault(
        "I02",
        "a transaction lost its entries",
        f"DELETE FROM ledger_entry WHERE {CAPTURE_ENTRIES}",  # noqa: S608
    ),
    fault(
        "I03",
        "a balance was written without an entry",
        "UPDATE ledger_account SET balance_fen = balance_fen + 1"
        " WHERE code = 'wallet:' || %(user)s",
    ),
    fault(
        "I04",
        "a wallet is overdrawn",
        "UPDATE ledger_account SET balance_fen = -1 WHERE code = 'wallet:' || %(user)s",
    ),
    fault(
        "I04",
        "a wallet was overdrawn once",
        f"UPDATE ledger_entry SET amount_fen = -1 WHERE {WALLET_ENTRY}",  # noqa: S608
    ),
    fault(
        "I19",
        "money from nothing",
        f"UPDATE ledger_entry SET amount_fen = amount_fen * 2 WHERE {WALLET_ENTRY}",  # noqa: S608
    ),
    fault(
        "I23",
        "an entry's balance is not the running sum",
        f"UPDATE ledger_entry SET balance_after_fen = 1 WHERE {WALLET_ENTRY}",  # noqa: S608
    ),
    fault(
        "I23",
        "a shared account's entry has a balance",
        f"UPDATE ledger_entry SET balance_after_fen = 1 WHERE {CAPTURE_ENTRIES}",  # noqa: S608
    ),
    fault(
        "I24",
        "a wallet belongs to somebody else",
        "UPDATE ledger_account SET owner_id = %(other_user)s WHERE code = 'wallet:' || %(user)s",
    ),
    fault(
        "I24",
        "a shared account caches its balance",
        ("UPDATE ledger_account SET balance_fen = 0 WHERE code = 'held'"),
    ),
    fault(
        "I25",
        "a capture is booked as an adjustment",
        "UPDATE ledger_transaction SET kind = 'adjustment'"
        " WHERE reference = 'capture:' || %(remote_payment)s",
    ),
    fault(
        "I26",
        "a transaction names another order",
        "UPDATE ledger_transaction SET order_number = '1'"
        " WHERE reference = 'completion:' || %(finished)s",
    ),
    fault(
        "I26",
        "a recharge is booked as a payment",
        "UPDATE ledger_transaction SET kind = 'payment'"
        " WHERE reference = 'capture:' || %(recharge_payment)s",
    ),
)

CAUSES = (
    fault(
        "I10a",
        "a paid payment is not booked",
        "DELETE FROM ledger_transaction WHERE reference = 'capture:' || %(remote_payment)s",
    ),
    fault(
        "I10a",
        "a payment's amount is not the one booked",
        change(PAYMENT, "amount_fen = amount_fen + 1", "remote_payment"),
    ),
    fault(
        "I10b",
        "a succeeded refund is not booked",
        "DELETE FROM ledger_transaction WHERE reference = 'refund:' || %(done_refund)s",
    ),
    fault("I10b", "a refund is closed by hand", change(REFUND, "status = 1", "open_refund")),
    fault(
        "I11a",
        "a booked payment is open",
        change(PAYMENT, "state = 'expired'", "remote_payment"),
    ),
    fault("I11a", "a payment of 0.00 is booked", change(PAYMENT, "amount_fen = 0", "paid_payment")),
    fault("I11b", "a booked refund is not succeeded", change(REFUND, "status = 0", "done_refund")),
    fault(
        "I17a",
        "a finished order is not paid out",
        "DELETE FROM ledger_transaction WHERE reference = 'completion:' || %(finished)s",
    ),
    fault(
        "I17a",
        "a pay-out of another amount",
        f"UPDATE ledger_entry SET amount_fen = amount_fen * 2 WHERE {COMPLETION_ENTRIES}",  # noqa: S608
    ),
    fault("I17b", "a pay-out for an answered order", change(ORDER, "status = 3", "finished")),
    fault(
        "I17c",
        "a pay-out to another doctor",
        change(ORDER, "doctor_id = %(other_doctor)s", "finished"),
    ),
    fault(
        "I30a",
        "a held charge is not booked",
        "DELETE FROM ledger_transaction WHERE kind = 'suspense'",
    ),
    fault("I30b", "a held charge is gone", "DELETE FROM qaorder_heldcharge"),
    fault(
        "I30c",
        "a charge is both a payment's and held",
        "UPDATE qaorder_heldcharge SET charge_id ="
        " (SELECT charge_id FROM qaorder_payment WHERE id = %(remote_payment)s)",
    ),
    fault("I27", "an order in service left the book", change(ORDER, "status = 4", "paid")),
    fault(
        "I28",
        "another channel",
        change(PAYMENT, "channel = 'alipay'", "remote_payment"),
    ),
    fault(
        "I29",
        "a held charge of another amount",
        "UPDATE qaorder_heldcharge SET amount_fen = amount_fen + 1",
    ),
)

FAULTS = (*BOOK, *CAUSES)
