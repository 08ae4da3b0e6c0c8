"""Planted faults: for each invariant, changes to the sound rows that it must find."""

from tests.audit.faults import book, orders, payments, staff
from tests.audit.faults.plant import Fault

FAULTS: dict[str, list[Fault]] = book.FAULTS | staff.FAULTS | payments.FAULTS | orders.FAULTS
