"""Faults between the book and what staff decided."""

from tests.audit.faults.plant import (
    DISCREPANCY,
    HELD,
    ORDER,
    PAYOUT,
    REFUND,
    REQUEST,
    Fault,
    account,
    change,
    drop,
    faults,
    legs,
    legs_gone,
    unbooked,
)

_IN, _OUT = "amount_fen > 0", "amount_fen < 0"
_WALLET, _PLATFORM, _WX = "'wallet:' || %(user)s", "'platform'", "'clearing:wx'"

_HELD_MONEY = (
    *faults(
        "I30a",
        ("a held charge is not booked", unbooked("held:{kept_held}")),
        ("held money came from nowhere", legs_gone("held:{kept_held}", _OUT)),
        ("held money went nowhere", legs_gone("held:{kept_held}", _IN)),
    ),
    *faults("I30b", ("a held charge is gone", drop(HELD, "kept_held"))),
    *faults(
        "I30c",
        (
            "a charge is both a payment's and held",
            change(
                HELD,
                "charge_id = (SELECT charge_id FROM qaorder_payment WHERE id = %(remote_payment)s)",
                "kept_held",
            ),
        ),
    ),
    *faults(
        "I30d",
        ("kept money is still in suspense", unbooked("assigned:{kept_held}")),
        ("corrected money is still in suspense", unbooked("assigned:{corrected_held}")),
        (
            "assigned money that nobody got",
            change(HELD, "resolution = 'assigned'", "sent_back_held"),
        ),
    ),
    *faults(
        "I30e",
        ("more left suspense than there was", change(HELD, "refunded_fen = 1", "kept_held")),
        (
            "kept money went to a wallet",
            legs(account(_WALLET), "assigned:{kept_held}", _IN),
        ),
        (
            "kept money went to the provider",
            legs(account(_WX), "assigned:{kept_held}", _IN),
        ),
        (
            "assigned money went to the platform",
            legs(account(_PLATFORM), "assigned:{assigned_held}", _IN),
        ),
        (
            "corrected money went to the platform",
            legs(account(_PLATFORM), "assigned:{corrected_held}", _IN),
        ),
    ),
    *faults(
        "I30f",
        ("sent back by a refund that failed", change(REFUND, "status = 2", "held_refund")),
        (
            "given back in the console without a refund",
            change(HELD, "refunded_fen = refunded_fen + 1", "kept_held"),
        ),
    ),
)

_BORNE = (
    *faults(
        "I43a",
        ("a disputed refund is not booked", unbooked("dispute:{disputed}")),
        ("a disputed refund that nobody bears", legs_gone("dispute:{disputed}", _OUT)),
        ("a disputed refund that no channel paid", legs_gone("dispute:{disputed}", _IN)),
    ),
    *faults(
        "I43b",
        (
            "the platform stands for what was not disputed",
            change(DISCREPANCY, "resolution = 'staff'", "disputed"),
        ),
    ),
    *faults(
        "I44a",
        ("a booked payout is not in the book", unbooked("settlement:{payout}")),
        ("a payout that no channel made", legs_gone("settlement:{payout}", _IN)),
        ("a payout that no bank got", legs_gone("settlement:{payout}", "amount_fen = -90")),
        ("a fee that nobody bears", legs_gone("settlement:{payout}", "amount_fen = -10")),
    ),
    *faults(
        "I44b",
        ("a payout in the book was not booked", change(PAYOUT, "booked_at = NULL", "payout")),
    ),
    *faults(
        "I45a",
        ("a doctor's part was not taken back", unbooked("reversal:{doctor_refund}")),
        (
            "taken from a doctor for what the order bears",
            change(REFUND, "bearer = 'order'", "doctor_refund"),
        ),
    ),
    *faults(
        "I45c",
        (
            "the platform gave back a share that is not the order's",
            change(ORDER, "platform_share_percent = 29", "doctor_order"),
        ),
    ),
    *faults(
        "I45b",
        ("a reversal without its refund", drop(REFUND, "doctor_refund")),
        (
            "taken from a doctor for what the platform bears",
            change(REFUND, "bearer = 'platform'", "doctor_refund"),
        ),
    ),
)

_ACTS = (
    *faults(
        "I48",
        ("an order still open", change(ORDER, "status = 1", "ended_month")),
        (
            "a completed order's money that staff did not return",
            change(REFUND, "role = 'clock'", "late_refund"),
        ),
        ("a refund still waited for", change(REFUND, "status = 0", "given_up_refund")),
        ("a refund not sent again", change(REFUND, "attempt = 1", "undone_refund")),
        ("not to the balance", change(REFUND, "means = 'channel'", "to_balance_refund")),
        ("not outside", change(REFUND, "means = 'channel'", "outside_refund")),
        ("not accepted", change(DISCREPANCY, "resolution = 'staff'", "doctor_difference")),
        (
            "not taken back",
            f"UPDATE {DISCREPANCY} SET resolution = 'staff' WHERE kind = 'refund_undone'",  # noqa: S608
        ),
        ("not disputed", change(DISCREPANCY, "resolution = 'staff'", "disputed")),
        ("held money not sent back", drop(REFUND, "held_refund")),
        ("held money not assigned", change(HELD, "resolution = 'kept'", "assigned_held")),
        ("held money not kept", change(HELD, "resolution = 'assigned'", "kept_held")),
        ("a payout not booked", change(PAYOUT, "booked_at = NULL", "payout")),
        ("an act that nobody knows", f"UPDATE {REQUEST} SET verb = 'other'"),  # noqa: S608
    ),
    *faults(
        "I49",
        ("accepted on paper only", change(REFUND, "origin = 'service'", "doctor_refund")),
    ),
)

FAULTS: tuple[Fault, ...] = (*_HELD_MONEY, *_BORNE, *_ACTS)
