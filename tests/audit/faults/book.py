"""Faults of the book by itself, and between it and what moved the money."""

from ledger.models import TransactionKind
from tests.audit.faults.plant import (
    ACCOUNT,
    ENTRY,
    IN,
    ORDER,
    OUT,
    PAYMENT,
    REFUND,
    SNAPSHOT,
    TRANSACTION,
    Fault,
    booked_as,
    change,
    legs,
    legs_gone,
)

_REMOTE = "capture:{remote_payment}"
_WITH_REFERENCES_OF_THEIR_OWN = set(TransactionKind) - {
    TransactionKind.RECHARGE,
    TransactionKind.ADJUSTMENT,
}

_BY_ITSELF: dict[str, list[Fault]] = {
    "I01": [legs_gone(_REMOTE, IN)],
    "I02": [legs_gone(_REMOTE)],
    "I03": [change(ACCOUNT, "wallet", "balance_fen = balance_fen + 1")],
    "I04": [
        change(ACCOUNT, "wallet", "balance_fen = -1"),
        change(ENTRY, "wallet_entry", "amount_fen = -1"),
    ],
    "I19": [change(ENTRY, "wallet_entry", "amount_fen = amount_fen * 2")],
    "I23": [
        change(ENTRY, "wallet_entry", "balance_after_fen = 1"),
        change(ENTRY, "wallet_entry", "balance_after_fen = NULL"),
        legs(_REMOTE, "balance_after_fen = 1"),
    ],
    "I24": [
        change(ACCOUNT, "wallet", "owner_id = %(other_user)s"),
        change(ACCOUNT, "shared", "balance_fen = 0"),
    ],
    "I25": [
        (f"UPDATE {TRANSACTION} SET kind = 'adjustment' WHERE kind = '{kind.value}'",)
        for kind in sorted(_WITH_REFERENCES_OF_THEIR_OWN)
    ]
    + [booked_as("shared:0", "kind = 'other'")],
    "I26": [
        booked_as(_REMOTE, "order_number = '1'"),
        booked_as("refund:{done_refund}:1", "order_number = '1'"),
        booked_as("completion:{finished}", "order_number = '1'"),
        booked_as("capture:{recharge_payment}", "kind = 'payment'"),
    ],
    "I47": [
        change(SNAPSHOT, "snapshot", "balance_fen = balance_fen + 1"),
        change(ACCOUNT, "shared", "owner_id = %(user)s"),
    ],
}

_CAUSES: dict[str, list[Fault]] = {
    "I10a": [legs_gone(_REMOTE, OUT), legs_gone(_REMOTE, IN)],
    "I10b": [
        legs_gone("refund:{done_refund}:1", OUT),
        legs_gone("refund:{done_refund}:1", IN),
        legs_gone("refund:{given_back_refund}:1", OUT),
        legs_gone("refund:{given_back_refund}:1", IN),
    ],
    "I11a": [
        change(PAYMENT, "recharge_payment", "state = 'expired'"),
        change(PAYMENT, "paid_payment", "amount_fen = 0"),
    ],
    "I11b": [change(REFUND, "done_refund", "status = 0")],
    "I11c": [
        legs("undone:refund:{undone_refund}:1", "amount_fen = amount_fen * 2"),
        change(REFUND, "undone_refund", "attempt = 1"),
    ],
    "I17a": [legs("completion:{finished}", "amount_fen = amount_fen * 2")],
    "I17b": [change(ORDER, "finished", "status = 3, released_at = NULL")],
    "I17c": [
        change(ORDER, "finished", "doctor_id = %(other_doctor)s"),
        booked_as("completion:{finished}", "reference = 'completion:0'")
        + legs_gone("completion:0", OUT),
    ],
    "I17d": [
        change(ORDER, "finished", "released_at = NULL"),
        change(ORDER, "evaluated", "released_at = NULL"),
        change(ORDER, "finished", "status = 3"),
    ],
    "I17e": [change(ORDER, "finished", "platform_share_percent = 100 - platform_share_percent")],
    "I27": [change(ORDER, "paid", "released_at = created_at")],
}

FAULTS = _BY_ITSELF | _CAUSES
