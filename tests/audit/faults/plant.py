"""How a fault is planted in the self-test's rows."""

import re
from typing import NamedTuple

ORDER, PAYMENT, REFUND = "qaorder_order", "qaorder_payment", "qaorder_refund"
EVENT, PERIOD, ENTRY = "qaorder_orderevent", "qaorder_subscription", "ledger_entry"
TRANSACTION, ACCOUNT, HELD = "ledger_transaction", "ledger_account", "qaorder_heldcharge"
NOTICE, DISCREPANCY, PAYOUT = "qaorder_notice", "qaorder_discrepancy", "qaorder_payout"
REQUEST, SNAPSHOT = "qaorder_staffrequest", "ledger_balancesnapshot"
QUESTION, ANSWER, EVALUATION = "qaorder_question", "qaorder_answer", "qaorder_evaluation"

LONG_AGO = "'2020-01-01 00:00:00+00'"
FAR_OFF = "'2120-01-01 00:00:00+00'"
WALLET_ENTRY = """id = (SELECT MIN(e.id) FROM ledger_entry e
    JOIN ledger_account a ON a.id = e.account_id AND a.code = 'wallet:' || %(user)s)"""


class Fault(NamedTuple):
    """Statements against the tables' unconstrained copies; `%(name)s` is a key of the world."""

    code: str
    what: str
    statements: tuple[str, ...]


def faults(code: str, *rows: tuple[str, ...]) -> tuple[Fault, ...]:
    """The faults of one invariant, each as what is wrong and the statements that make it so."""
    return tuple(Fault(code, what, tuple(statements)) for what, *statements in rows)


def change(table: str, columns: str, name: str, column: str = "id") -> str:
    return f"UPDATE {table} SET {columns} WHERE {column} = %({name})s"  # noqa: S608 ours


def drop(table: str, name: str, column: str = "id") -> str:
    return f"DELETE FROM {table} WHERE {column} = %({name})s"  # noqa: S608 the words are ours


def copy(table: str, name: str, column: str = "id") -> str:
    return f"INSERT INTO {table} SELECT * FROM {table} WHERE {column} = %({name})s"  # noqa: S608


def stray(table: str, column: str) -> str:
    """Let one row point to a row that is not there."""
    return f"""UPDATE {table} SET {column} = -1
        WHERE id = (SELECT MAX(id) FROM {table} WHERE {column} IS NOT NULL)"""  # noqa: S608 ours


# Of the book, a transaction's cause is written as "capture:{remote_payment}", with a key's name.


def unbooked(cause: str) -> str:
    return f"DELETE FROM ledger_transaction WHERE reference = {_reference(cause)}"  # noqa: S608


def booked_as(columns: str, cause: str) -> str:
    return f"UPDATE ledger_transaction SET {columns} WHERE reference = {_reference(cause)}"  # noqa: S608


def legs(columns: str, cause: str, which: str = "1 = 1") -> str:
    return f"UPDATE ledger_entry SET {columns} WHERE {_legs(cause)} AND {which}"  # noqa: S608


def legs_gone(cause: str, which: str = "1 = 1") -> str:
    return f"DELETE FROM ledger_entry WHERE {_legs(cause)} AND {which}"  # noqa: S608


def account(code: str) -> str:
    return f"account_id = (SELECT id FROM ledger_account WHERE code = {code})"  # noqa: S608


def _legs(cause: str) -> str:
    return f"""transaction_id =
        (SELECT id FROM ledger_transaction WHERE reference = {_reference(cause)})"""  # noqa: S608


def _reference(cause: str) -> str:
    return "'" + re.sub(r"\{(\w+)\}", r"' || %(\1)s || '", cause) + "'"
