"""The ledger's triggers against Django's test flush, which empties tables row by row on SQLite."""

from typing import Any

from django.db import connection


def lift_append_only_for_flush() -> None:
    """Drop SQLite's append-only triggers for the length of each flush, and put them back.

    PostgreSQL flushes by TRUNCATE, which row triggers do not see.
    """
    if connection.vendor != "sqlite":
        return
    flush = connection.ops.execute_sql_flush

    def flush_without_triggers(sql_list: list[str]) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            triggers = cursor.fetchall()
            for name, _ in triggers:
                cursor.execute(f'DROP TRIGGER "{name}"')
        try:
            return flush(sql_list)
        finally:
            with connection.cursor() as cursor:
                for _, sql in triggers:
                    cursor.execute(sql)

    connection.ops.execute_sql_flush = flush_without_triggers  # type: ignore[assignment, method-assign]
