"""Running the audit: every query sees one snapshot of the database and can change nothing."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from audit import book, causes, orders, payments, staff_acts, waiting
from audit.invariant import Invariant

_ROOMS = (book, causes, staff_acts, payments, orders, waiting)
INVARIANTS: tuple[Invariant, ...] = tuple(
    sorted((one for room in _ROOMS for one in room.INVARIANTS), key=lambda one: one.code)
)
ROWS_SHOWN = 20
STATEMENT_TIMEOUT = "120s"
WORK_MEMORY = "64MB"


@dataclass(frozen=True)
class Finding:
    """What the audit found of one invariant: no rows if it holds, else up to ROWS_SHOWN."""

    invariant: Invariant
    rows: list[dict[str, Any]]
    has_more: bool
    seconds: float


def audit(invariants: Iterable[Invariant] = INVARIANTS) -> list[Finding]:
    """Check the invariants against one snapshot of the database."""
    now = timezone.now()
    with _snapshot():
        return [check(invariant, now) for invariant in invariants]


def check(invariant: Invariant, now: datetime) -> Finding:
    """Check one invariant as the current transaction sees the rows."""
    started = time.monotonic()
    adapt = connection.ops.adapt_datetimefield_value
    times = {name: adapt(value) for name, value in waiting.times(now).items()}
    with connection.cursor() as cursor:
        sql = f"SELECT * FROM ({invariant.sql}) breaches LIMIT {ROWS_SHOWN + 1}"  # noqa: S608 ours
        cursor.execute(sql, times)
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    seconds = time.monotonic() - started
    return Finding(invariant, rows[:ROWS_SHOWN], len(rows) > ROWS_SHOWN, seconds)


@contextmanager
def _snapshot() -> Iterator[None]:
    """One read-only view of the database; in a caller's transaction, that transaction's view."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")
            cursor.execute(f"SET LOCAL work_mem = '{WORK_MEMORY}'")
            # Compiling fifty queries that each run once costs more than it saves.
            cursor.execute("SET LOCAL jit = off")
            yield
    else:
        with _deferred_sqlite():
            yield


@contextmanager
def _deferred_sqlite() -> Iterator[None]:
    """A read transaction, where Django's own would take the lock that writers wait for."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")
