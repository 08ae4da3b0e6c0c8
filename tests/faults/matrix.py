"""Every way in which the provider fails, in every call, the first time and again, and what is then.

The cells of `EXPECTED` name the state of our rows right after the call met the fault:

unasked   attempt `creating`, free; the provider certainly has no charge of it
in doubt  attempt `creating`, free; the provider may have one, so it is looked for before the next
failed    attempt `failed`: the channel refuses this number, the next attempt gets another
pending   attempt `pending` as before: still to be asked about
open      refund open, why it is still open is noted, the next try is in the future

Whatever the cell, the order stays as it was, a pay call answers 503 and -6 with Retry-After, no
call takes longer than its deadline, and when the fault is gone the usual next step (pay again,
`inquire_about_silent`, `expire_unpaid`, `send_due`) ends with exactly one charge or refund at the
provider and the ledger agreeing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

UNASKED, DOUBT, FAILED, PENDING, OPEN = "unasked", "in doubt", "failed", "pending", "open"

FAULTS: dict[str, dict[str, Any] | None] = {
    "connection refused": None,
    "500": {"kind": "status", "status": 500},
    "502": {"kind": "status", "status": 502},
    "402": {"kind": "status", "status": 402},
    "403 rate limit": {"kind": "status", "status": 403},
    "hang": {"kind": "hang"},
    "hang after commit": {"kind": "hang", "commit": True},
    "drop after commit": {"kind": "drop", "commit": True},
    "500 after commit": {"kind": "status", "status": 500, "commit": True},
    "drip": {"kind": "drip", "seconds": 0.05},
    "garbage": {"kind": "garbage"},
    "null": {"kind": "null"},
    "no message": {"kind": "no_message"},
}
"""What the sandbox does to the one request of the cell; None: nothing listens there."""
COMMITTED = {"hang after commit", "drop after commit", "500 after commit", "drip"}
"""The provider did what was asked, and only its answer went wrong."""

# first: nothing was asked before. again: the try before was lost on its way to the provider.
# lookup: the answer before was lost, so the provider has it; looking for it meets the fault.


_FIRST_CHARGE = {"connection refused": UNASKED, "403 rate limit": UNASKED, "402": FAILED}


def _row(usual: str, others: Mapping[str, str] | None = None) -> dict[str, str]:
    return dict.fromkeys(FAULTS, usual) | dict(others or {})


EXPECTED: dict[tuple[str, str], dict[str, str]] = {
    ("charge", "first"): _row(DOUBT, _FIRST_CHARGE),
    ("charge", "again"): _row(DOUBT, {"402": FAILED}),
    ("charge", "lookup"): _row(DOUBT),
    ("charge by jobs", "first"): _row(DOUBT, _FIRST_CHARGE),
    ("refund", "first"): _row(OPEN, {"402": FAILED}),
    ("refund", "again"): _row(OPEN, {"402": FAILED}),
    ("refund", "lookup"): _row(OPEN),
    ("retrieve charge", "first"): _row(PENDING),
    ("retrieve charge", "again"): _row(PENDING),
    ("retrieve at expiry", "first"): _row(PENDING),
    ("retrieve refund", "first"): _row(OPEN),
    ("retrieve refund", "again"): _row(OPEN),
}


@dataclass(frozen=True)
class Cell:
    """One call, one stage of it, one fault, and the state our rows are in afterwards."""

    call: str
    stage: str
    fault: str
    state: str

    def __str__(self) -> str:
        return f"{self.call}-{self.stage}-{self.fault}"


CELLS = [
    Cell(call, stage, fault, state)
    for (call, stage), row in EXPECTED.items()
    for fault, state in row.items()
]


def cells(call: str) -> list[Cell]:
    return [cell for cell in CELLS if cell.call == call]
