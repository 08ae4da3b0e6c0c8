"""Faults between the book and what moved the money."""

from tests.audit.faults.plant import (
    HELD,
    ORDER,
    PAYMENT,
    REFUND,
    Fault,
    change,
    faults,
    legs,
    legs_gone,
    unbooked,
)

_IN, _OUT = "amount_fen > 0", "amount_fen < 0"

_PAYMENTS = (
    *faults(
        "I10a",
        ("a paid payment is not booked", unbooked("capture:{remote_payment}")),
        ("a capture came from nowhere", legs_gone("capture:{remote_payment}", _OUT)),
        ("a capture went nowhere", legs_gone("capture:{remote_payment}", _IN)),
        (
            "a payment's amount is not the one booked",
            change(PAYMENT, "amount_fen = amount_fen + 1", "remote_payment"),
        ),
    ),
    *faults(
        "I10b",
        ("a succeeded refund is not booked", unbooked("refund:{done_refund}:1")),
        ("a refund came from nowhere", legs_gone("refund:{done_refund}:1", _OUT)),
        ("a refund went nowhere", legs_gone("refund:{done_refund}:1", _IN)),
        (
            "a held charge's refund came from nowhere",
            legs_gone("refund:{given_back_refund}:1", _OUT),
        ),
        ("a held charge's refund went nowhere", legs_gone("refund:{given_back_refund}:1", _IN)),
        ("a refund is closed by hand", change(REFUND, "status = 1", "open_refund")),
    ),
    *faults(
        "I11a",
        ("a booked payment is open", change(PAYMENT, "state = 'expired'", "remote_payment")),
        ("a booked recharge is open", change(PAYMENT, "state = 'expired'", "recharge_payment")),
        ("a payment of 0.00 is booked", change(PAYMENT, "amount_fen = 0", "paid_payment")),
    ),
    *faults(
        "I11b",
        ("a booked refund is not succeeded", change(REFUND, "status = 0", "done_refund")),
    ),
    *faults(
        "I11c",
        (
            "more was undone than was booked",
            legs("amount_fen = amount_fen * 2", "undone:refund:{undone_refund}:1"),
        ),
        ("a refund stands that was undone", change(REFUND, "attempt = 1", "undone_refund")),
    ),
)

_RELEASES = (
    *faults(
        "I17a",
        ("a released order is not booked", unbooked("completion:{finished}")),
        (
            "a release of another amount",
            legs("amount_fen = amount_fen * 2", "completion:{finished}"),
        ),
    ),
    *faults(
        "I17b",
        (
            "a booked order was not released",
            change(ORDER, "status = 3, released_at = NULL", "finished"),
        ),
    ),
    *faults(
        "I17c",
        ("a release to another doctor", change(ORDER, "doctor_id = %(other_doctor)s", "finished")),
    ),
    *faults(
        "I17d",
        ("a finished order was forgotten", change(ORDER, "released_at = NULL", "finished")),
        ("an evaluated order was forgotten", change(ORDER, "released_at = NULL", "evaluated")),
        ("released before it was completed", change(ORDER, "status = 3", "finished")),
    ),
    *faults(
        "I17e",
        (
            "a share that is not the order's",
            change(ORDER, "platform_share_percent = 100 - platform_share_percent", "finished"),
        ),
    ),
)

_TOTALS = (
    *faults("I27", ("released on paper only", change(ORDER, "released_at = created_at", "paid"))),
    *faults("I28", ("another channel", change(PAYMENT, "channel = 'alipay'", "remote_payment"))),
    *faults(
        "I29",
        ("a held charge of another amount", f"UPDATE {HELD} SET amount_fen = amount_fen + 1"),  # noqa: S608
    ),
)

FAULTS: tuple[Fault, ...] = (*_PAYMENTS, *_RELEASES, *_TOTALS)
