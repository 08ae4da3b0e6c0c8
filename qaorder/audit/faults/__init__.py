"""Planted faults: for each invariant, changes to the self-test's rows that it must find."""

from qaorder.audit.faults import book, causes, orders, payments, staff, waiting
from qaorder.audit.faults.plant import Fault

FAULTS: tuple[Fault, ...] = (
    *book.FAULTS,
    *causes.FAULTS,
    *staff.FAULTS,
    *payments.FAULTS,
    *orders.FAULTS,
    *waiting.FAULTS,
)
