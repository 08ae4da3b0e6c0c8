"""Faults of the book by itself."""

from tests.audit.faults.plant import (
    ACCOUNT,
    ENTRY,
    SNAPSHOT,
    TRANSACTION,
    WALLET_ENTRY,
    Fault,
    booked_as,
    change,
    faults,
    legs,
    legs_gone,
)

_CAPTURE = "capture:{remote_payment}"
_WALLET = "code = 'wallet:' || %(user)s"
_KINDS = (
    "payment",
    "refund",
    "completion",
    "suspense",
    "assigned",
    "reversal",
    "undone",
    "dispute",
    "settlement",
)

FAULTS: tuple[Fault, ...] = (
    *faults(
        "I01",
        ("an entry is gone", legs_gone(_CAPTURE, "amount_fen > 0")),
        (
            "an entry has another amount",
            legs("amount_fen = amount_fen + 1", _CAPTURE, "amount_fen > 0"),
        ),
    ),
    *faults("I02", ("a transaction lost its entries", legs_gone(_CAPTURE))),
    *faults(
        "I03",
        (
            "a balance was written without an entry",
            f"UPDATE {ACCOUNT} SET balance_fen = balance_fen + 1 WHERE {_WALLET}",  # noqa: S608
        ),
    ),
    *faults(
        "I04",
        ("a wallet is overdrawn", f"UPDATE {ACCOUNT} SET balance_fen = -1 WHERE {_WALLET}"),  # noqa: S608
        (
            "a wallet was overdrawn once",
            f"UPDATE {ENTRY} SET amount_fen = -1 WHERE {WALLET_ENTRY}",  # noqa: S608
        ),
    ),
    *faults(
        "I19",
        (
            "money from nothing",
            f"UPDATE {ENTRY} SET amount_fen = amount_fen * 2 WHERE {WALLET_ENTRY}",  # noqa: S608
        ),
    ),
    *faults(
        "I23",
        (
            "an entry's balance is not the running sum",
            f"UPDATE {ENTRY} SET balance_after_fen = 1 WHERE {WALLET_ENTRY}",  # noqa: S608
        ),
        (
            "a wallet's entry has no balance",
            f"UPDATE {ENTRY} SET balance_after_fen = NULL WHERE {WALLET_ENTRY}",  # noqa: S608
        ),
        ("a shared account's entry has a balance", legs("balance_after_fen = 1", _CAPTURE)),
    ),
    *faults(
        "I47",
        (
            "a snapshot that lost an entry",
            change(SNAPSHOT, "balance_fen = balance_fen + 1", "snapshot"),
        ),
        (
            "a snapshot of an account that caches its balance",
            f"""UPDATE {ACCOUNT} SET owner_id = %(user)s
                WHERE code = 'clearing:selftest'""",  # noqa: S608 the words are ours
        ),
    ),
    *faults(
        "I24",
        (
            "a wallet belongs to somebody else",
            f"UPDATE {ACCOUNT} SET owner_id = %(other_user)s WHERE {_WALLET}",  # noqa: S608
        ),
        (
            "a shared account caches its balance",
            f"UPDATE {ACCOUNT} SET balance_fen = 0 WHERE code = 'held'",  # noqa: S608
        ),
    ),
    *faults(
        "I25",
        *(
            (f"a {kind} is booked as an adjustment", booked)
            for kind in _KINDS
            for booked in (f"UPDATE {TRANSACTION} SET kind = 'adjustment' WHERE kind = '{kind}'",)  # noqa: S608
        ),
    ),
    *faults(
        "I26",
        ("a capture names another order", booked_as("order_number = '1'", _CAPTURE)),
        ("a refund names another order", booked_as("order_number = '1'", "refund:{done_refund}:1")),
        ("a release names another order", booked_as("order_number = '1'", "completion:{finished}")),
        (
            "a recharge is booked as a payment",
            booked_as("kind = 'payment'", "capture:{recharge_payment}"),
        ),
    ),
)
