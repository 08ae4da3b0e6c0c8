"""Faults between the book and what staff decided."""

from tests.audit.faults.plant import (
    DISCREPANCY,
    HELD,
    IN,
    ORDER,
    OUT,
    PAYOUT,
    REFUND,
    REQUEST,
    Fault,
    booked_as,
    change,
    drop,
    legs,
    legs_gone,
    unbooked,
)

FAULTS: dict[str, list[Fault]] = {
    "I30a": [legs_gone("suspense:{kept_held}", OUT), legs_gone("suspense:{kept_held}", IN)],
    "I30b": [drop(HELD, "kept_held")],
    "I30c": [change(HELD, "kept_held", "charge_id = 'ch_remote'")],
    "I30d": [
        unbooked("assigned:{kept_held}"),
        unbooked("assigned:{corrected_held}"),
        change(HELD, "sent_back_held", "resolution = 'assigned'"),
    ],
    "I30e": [
        change(HELD, "kept_held", "refunded_fen = 1"),
        legs("assigned:{kept_held}", "account_id = %(wallet)s", IN),
        legs("assigned:{assigned_held}", "account_id = %(shared)s", IN),
        legs("assigned:{corrected_held}", "account_id = %(wallet)s", IN),
        booked_as("assigned:{kept_held}", "reference = 'assigned:0'")
        + legs_gone("assigned:0", OUT),
    ],
    "I30f": [
        change(REFUND, "held_refund", "status = 2"),
        change(REFUND, "given_back_refund", "origin = 'service'"),
        change(HELD, "sent_back_held", "resolution = 'kept'"),
    ],
    "I43a": [legs_gone("dispute:{disputed}", OUT), legs_gone("dispute:{disputed}", IN)],
    "I43b": [change(DISCREPANCY, "disputed", "resolution = 'staff'")],
    "I44a": [
        legs_gone("payout:{payout}", IN),
        legs_gone("payout:{payout}", "amount_fen = -90"),
        legs_gone("payout:{payout}", "amount_fen = -10"),
    ],
    "I44b": [change(PAYOUT, "payout", "booked_at = NULL")],
    "I45a": [unbooked("reversal:{doctor_refund}")],
    "I45b": [
        drop(REFUND, "doctor_refund"),
        change(REFUND, "doctor_refund", "bearer = 'platform'"),
    ],
    "I45c": [change(ORDER, "doctor", "platform_share_percent = 29")],
    "I48": [
        change(ORDER, "ended_month", "status = 1"),
        change(REFUND, "late_refund", "role = 'clock'"),
        change(REFUND, "given_up_refund", "status = 0"),
        change(REFUND, "undone_refund", "attempt = 1"),
        change(REFUND, "to_balance_refund", "means = 'channel'"),
        change(REFUND, "outside_refund", "means = 'channel'"),
        change(DISCREPANCY, "doctor_difference", "resolution = 'staff'"),
        (f"UPDATE {DISCREPANCY} SET resolution = 'staff' WHERE kind = 'refund_undone'",),
        change(DISCREPANCY, "disputed", "resolution = 'staff'"),
        drop(REFUND, "held_refund"),
        change(HELD, "assigned_held", "resolution = 'kept'"),
        change(HELD, "kept_held", "resolution = 'assigned'"),
        change(PAYOUT, "payout", "booked_at = NULL"),
        (f"UPDATE {REQUEST} SET verb = 'other'",),
    ],
    "I49": [change(REFUND, "doctor_refund", "origin = 'service'")],
}
