"""The audit's own test: it must say nothing of sound rows and find every planted fault.

An empty answer proves nothing by itself. The sound rows are made by the services; the faults are
planted in temporary copies of the tables, which stand in front of the real ones, carry no
constraint or trigger, and hold the self-test's rows only. Everything is rolled back.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils import timezone

from qaorder.audit.invariant import Invariant
from qaorder.audit.runner import INVARIANTS, Finding, check
from tests.audit import world
from tests.audit.faults import FAULTS, Fault

TABLES = (
    "ledger_account",
    "ledger_transaction",
    "ledger_entry",
    "ledger_balancesnapshot",
    "qaorder_order",
    "qaorder_orderevent",
    "qaorder_payment",
    "qaorder_refund",
    "qaorder_notice",
    "qaorder_heldcharge",
    "qaorder_discrepancy",
    "qaorder_payout",
    "qaorder_staffrequest",
    "qaorder_subscription",
    "qaorder_question",
    "qaorder_answer",
    "qaorder_evaluation",
)


@dataclass(frozen=True)
class Trial:
    """One planted fault, and whether its invariant found it."""

    fault: Fault
    is_found: bool


def false_alarms() -> list[Finding]:
    """Return what the audit finds in sound rows: nothing, if it is right."""
    with prepared():
        return [finding for finding in _check_all(INVARIANTS) if finding.rows]


def trials(faults: Iterable[Fault] = FAULTS) -> list[Trial]:
    """Plant each fault by itself and see whether its invariant finds it."""
    by_code = {invariant.code: invariant for invariant in INVARIANTS}
    with prepared() as keys:
        return [Trial(fault, _is_found(fault, by_code[fault.code], keys)) for fault in faults]


def _check_all(invariants: Iterable[Invariant]) -> list[Finding]:
    now = timezone.now()
    return [check(invariant, now) for invariant in invariants]


def _is_found(fault: Fault, invariant: Invariant, keys: world.World) -> bool:
    with planted(fault, keys):
        return bool(check(invariant, timezone.now()).rows)


@contextmanager
def planted(fault: Fault, keys: world.World) -> Iterator[None]:
    """The fault among the sound rows, for the length of the block."""
    with _rolled_back():
        with connection.cursor() as cursor:
            for statement in fault.statements:
                cursor.execute(statement, keys)
        yield


@contextmanager
def prepared() -> Iterator[world.World]:
    """Sound rows behind their copies, for the length of the block."""
    with _rolled_back():
        before = {table: _highest(table) for table in TABLES}
        keys = world.build()
        with connection.cursor() as cursor:
            for table in TABLES:
                shared = " OR owner_id IS NULL" if table == "ledger_account" else ""
                cursor.execute(
                    f"CREATE TEMPORARY TABLE {table} AS SELECT * FROM {table}"  # noqa: S608 ours
                    f" WHERE id > {before[table]}{shared}"
                )
        yield keys


def _highest(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COALESCE(MAX(id), 0) FROM {table}")  # noqa: S608 the names are ours
        return int(cursor.fetchone()[0])


@contextmanager
def _rolled_back() -> Iterator[None]:
    """A transaction, or a savepoint in one, that leaves nothing."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
