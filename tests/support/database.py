"""What tests do to the database: hold locks as somebody else would, and empty it between tests."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.commands import flush
from django.db import connection
from django.db.models import Model

KEPT = frozenset({"django_migrations", "django_content_type", "auth_permission"})
WAIT_SECONDS = 2.0
POLL_SECONDS = 0.005


def delete_instead_of_flush() -> None:
    """Have Django's flush between tests delete rows; on PostgreSQL where we may suspend triggers.

    A TRUNCATE of every table takes longer than most tests, and the same rows are sooner deleted.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SHOW is_superuser")
            if cursor.fetchone() != ("on",):
                return
    connection.ops.sql_flush = _deletes  # type: ignore[assignment, method-assign]
    flush.emit_post_migrate_signal = _nothing  # type: ignore[attr-defined]


def _deletes(_style: Any, tables: list[str], **_options: Any) -> list[str]:
    """The ledger is append-only by triggers, which must not see this."""
    deletes = [f'DELETE FROM "{table}"' for table in sorted(set(tables) - KEPT)]
    if connection.vendor == "postgresql":
        replica = "SET session_replication_role = replica"
        return [replica, *deletes, "SET session_replication_role = DEFAULT"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = cursor.fetchall()
    drops = [f'DROP TRIGGER "{name}"' for name, _ in triggers]
    return [*drops, *deletes, *(create for _, create in triggers)]


def _nothing(*_args: Any, **_options: Any) -> None:
    """What follows a migration is there already."""


class Holder:
    """A transaction that stays open, as one of another process would."""

    def __init__(self) -> None:
        self._connection = connection.copy()
        self._connection.inc_thread_sharing()
        self._connection.set_autocommit(False)

    def lock(self, row: Model) -> None:
        """Lock the row, as SELECT … FOR UPDATE does."""
        self._run(
            f'SELECT 1 FROM "{row._meta.db_table}" WHERE "{row._meta.pk.column}" = %s FOR UPDATE',
            [row.pk],
        )

    def insert_like(self, row: Model, **changes: Any) -> None:
        """Insert a copy of the row with other values in some columns."""
        columns = [f.column for f in row._meta.concrete_fields if not f.primary_key]
        chosen = ", ".join("%s" if name in changes else f'"{name}"' for name in columns)
        names = ", ".join(f'"{name}"' for name in columns)
        table, key = row._meta.db_table, row._meta.pk.column
        self._run(
            f'INSERT INTO "{table}" ({names}) SELECT {chosen} FROM "{table}" WHERE "{key}" = %s',
            [*(changes[name] for name in columns if name in changes), row.pk],
        )

    def let_go(self) -> None:
        """Roll back."""
        self._connection.rollback()

    def close(self) -> None:
        """Roll back and disconnect."""
        self._connection.close()

    def _run(self, sql: str, values: list[Any]) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, values)


@contextmanager
def held(*rows: Model) -> Iterator[Holder]:
    """Hold these rows' locks until the end, or until `let_go`."""
    holder = Holder()
    try:
        for row in rows:
            holder.lock(row)
        yield holder
    finally:
        holder.close()


@contextmanager
def locked_elsewhere(row: Model) -> Iterator[None]:
    """Another connection holds the row, or on SQLite the whole database."""
    if connection.vendor != "sqlite":
        with held(row):
            yield
        return
    other = sqlite3.connect(str(connection.settings_dict["NAME"]), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.rollback()
        other.close()


@contextmanager
def impatient() -> Iterator[None]:
    """Wait 0.2 s for a lock instead of seconds."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA busy_timeout = 200")
            before = "PRAGMA busy_timeout = 5000"
        else:
            cursor.execute("SET lock_timeout = '200ms'")
            before = "RESET lock_timeout"
        try:
            yield
        finally:
            cursor.execute(before)


def wait_until_blocked(count: int = 1) -> None:
    """Return once so many connections wait for a lock."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT COUNT(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0] >= count:
                return
        time.sleep(POLL_SECONDS)
