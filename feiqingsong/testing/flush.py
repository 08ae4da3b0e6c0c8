"""Emptying the database after a test that commits, in milliseconds.

Django empties every table, on PostgreSQL by TRUNCATE, which takes longer than most tests; then it
makes content types and permissions anew. Few rows are sooner deleted, and those can stay.
"""

from typing import Any

from django.core.management.commands import flush
from django.db import connection

KEPT = frozenset({"django_migrations", "django_content_type", "auth_permission"})


def delete_instead() -> None:
    """Have Django's flush delete rows; on PostgreSQL where we may suspend triggers."""
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
