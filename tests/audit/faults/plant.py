"""How a fault is planted: as statements in which `%(name)s` is a key of the sound world.

Of the book, a transaction is named by its cause, "capture:{remote_payment}", with a key in it.
"""

import re

ORDER, PAYMENT, REFUND = "qaorder_order", "payments_payment", "payments_refund"
EVENT, PERIOD, ENTRY = "qaorder_orderevent", "qaorder_period", "ledger_entry"
TRANSACTION, ACCOUNT, HELD = "ledger_transaction", "ledger_account", "payments_suspensecharge"
NOTICE, DISCREPANCY, PAYOUT = "payments_notice", "payments_discrepancy", "payments_payout"
REQUEST, SNAPSHOT = "payments_staffrequest", "ledger_balancesnapshot"
QUESTION, ANSWER, EVALUATION = "qaorder_question", "qaorder_answer", "qaorder_evaluation"

LONG_AGO, FAR_OFF = "'2020-01-01 00:00:00+00'", "'2120-01-01 00:00:00+00'"
IN, OUT = "amount_fen > 0", "amount_fen < 0"

Fault = tuple[str, ...]


def change(table: str, name: str, columns: str) -> Fault:
    return (f"UPDATE {table} SET {columns} WHERE id = %({name})s",)


def change_of(table: str, order: str, columns: str, which: str = "1 = 1") -> Fault:
    """Change rows of an order."""
    return (f"UPDATE {table} SET {columns} WHERE order_id = %({order})s AND {which}",)


def drop(table: str, name: str) -> Fault:
    return (f"DELETE FROM {table} WHERE id = %({name})s",)


def drop_of(table: str, order: str, which: str = "1 = 1") -> Fault:
    return (f"DELETE FROM {table} WHERE order_id = %({order})s AND {which}",)


def booked_as(cause: str, columns: str) -> Fault:
    return (f"UPDATE {TRANSACTION} SET {columns} WHERE reference = {_reference(cause)}",)


def unbooked(cause: str) -> Fault:
    return (f"DELETE FROM {TRANSACTION} WHERE reference = {_reference(cause)}",)


def legs(cause: str, columns: str, which: str = "1 = 1") -> Fault:
    return (f"UPDATE {ENTRY} SET {columns} WHERE {_of(cause)} AND {which}",)


def legs_gone(cause: str, which: str = "1 = 1") -> Fault:
    return (f"DELETE FROM {ENTRY} WHERE {_of(cause)} AND {which}",)


def _of(cause: str) -> str:
    return f"transaction_id = (SELECT id FROM {TRANSACTION} WHERE reference = {_reference(cause)})"


def _reference(cause: str) -> str:
    return "'" + re.sub(r"\{(\w+)\}", r"' || %(\1)s || '", cause) + "'"
