"""Sound rows, and faults among them, for the length of a block; everything is rolled back.

The rows are made by the services. Faults are planted in temporary copies of the tables, which
stand in front of the real ones and carry no constraint or trigger.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.apps import apps
from django.db import connection, transaction
from django.utils import timezone

from audit.invariant import Invariant
from audit.runner import check
from tests.audit import world
from tests.audit.faults import Fault


@contextmanager
def sound_rows() -> Iterator[world.Keys]:
    """The sound world behind copies of its tables."""
    with _rolled_back():
        keys = world.build()
        with connection.cursor() as cursor:
            for model in apps.get_models():
                table = model._meta.db_table
                cursor.execute(f"CREATE TEMPORARY TABLE {table} AS SELECT * FROM {table}")
        yield keys


@contextmanager
def planted(fault: Fault, keys: world.Keys) -> Iterator[None]:
    with _rolled_back():
        with connection.cursor() as cursor:
            for statement in fault:
                cursor.execute(statement, keys)
        yield


def finds(invariant: Invariant) -> bool:
    return bool(check(invariant, timezone.now()).rows)


@contextmanager
def _rolled_back() -> Iterator[None]:
    """A transaction, or a savepoint in one, that leaves nothing."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
