"""How a fault is planted in the self-test's rows."""

from typing import NamedTuple


class Fault(NamedTuple):
    """Statements against the tables' unconstrained copies; `%(name)s` is a key of the world."""

    code: str
    what: str
    statements: tuple[str, ...]


def fault(code: str, what: str, *statements: str) -> Fault:
    return Fault(code, what, statements)


def change(table: str, columns: str, name: str) -> str:
    return f"UPDATE {table} SET {columns} WHERE id = %({name})s"  # noqa: S608 the words are ours


def drop(table: str, name: str, column: str = "id") -> str:
    return f"DELETE FROM {table} WHERE {column} = %({name})s"  # noqa: S608 the words are ours


def copy(table: str, name: str, column: str = "id") -> str:
    return f"INSERT INTO {table} SELECT * FROM {table} WHERE {column} = %({name})s"  # noqa: S608


ORDER, PAYMENT, REFUND = "qaorder_order", "qaorder_payment", "qaorder_refund"
EVENT, PERIOD, ENTRY = "qaorder_orderevent", "qaorder_subscription", "ledger_entry"
TRANSACTION, ACCOUNT, HELD = "ledger_transaction", "ledger_account", "qaorder_heldcharge"
NOTICE = "qaorder_notice"

CAPTURE_ENTRIES = """transaction_id = (SELECT id FROM ledger_transaction
    WHERE reference = 'capture:' || %(remote_payment)s)"""
COMPLETION_ENTRIES = """transaction_id = (SELECT id FROM ledger_transaction
    WHERE reference = 'completion:' || %(finished)s)"""
WALLET_ENTRY = """id = (SELECT MIN(e.id) FROM ledger_entry e
    JOIN ledger_account a ON a.id = e.account_id AND a.code = 'wallet:' || %(user)s)"""
LONG_AGO = "'2020-01-01 00:00:00+00'"
