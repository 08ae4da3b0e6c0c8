"""Planted faults: for each invariant, changes to the self-test's rows that it must find."""

from tests.audit.faults import book, causes, orders, payments, staff, waiting
from tests.audit.faults.plant import Fault

FAULTS: tuple[Fault, ...] = (
    *book.FAULTS,
    *causes.FAULTS,
    *staff.FAULTS,
    *payments.FAULTS,
    *orders.FAULTS,
    *waiting.FAULTS,
)
