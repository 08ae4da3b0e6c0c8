"""Planted faults: for each invariant, changes to the self-test's rows that it must find."""

from qaorder.audit.faults import book, orders, payments
from qaorder.audit.faults.plant import Fault

FAULTS: tuple[Fault, ...] = (*book.FAULTS, *payments.FAULTS, *orders.FAULTS)
