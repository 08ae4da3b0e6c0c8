"""What the audit need not ask, because the database refuses it."""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction
from django.db.models import ForeignKey, Max

from tests.audit import world

_GIVEN_ONCE = (
    ("payments_payment", "charge_id", "charge_id IS NOT NULL"),
    ("payments_payment", "order_no", "duplicate_of_id IS NULL"),
    ("payments_refund", "refund_id", "refund_id IS NOT NULL"),
    ("payments_suspensecharge", "charge_id", "1 = 1"),
    ("payments_notice", "event_id", "1 = 1"),
    ("qaorder_order", "order_number", "1 = 1"),
    ("ledger_transaction", "reference", "1 = 1"),
)
_NOT_NEGATIVE = ("qaorder_order", "payments_payment", "payments_refund", "payments_suspensecharge")


@pytest.mark.django_db
def test_the_database_refuses_what_no_invariant_asks_about():
    keys = world.build()

    accepted = [statement for statement in _statements(keys) if _is_accepted(statement)]

    assert accepted == []


def _statements(keys: world.Keys) -> Iterator[str]:
    """A row that points to one that is gone, a number given twice, a debt, an attempt too many."""
    for model in apps.get_models():
        for field in model._meta.fields:
            if isinstance(field, ForeignKey):
                rows = model._default_manager.exclude(**{field.attname: None})
                if pk := rows.aggregate(pk=Max("pk"))["pk"]:
                    yield f"UPDATE {model._meta.db_table} SET {field.column} = -1 WHERE id = {pk}"
    for table, number, which in _GIVEN_ONCE:
        first, last = (f"SELECT {end}(id) FROM {table} WHERE {which}" for end in ("MIN", "MAX"))
        known = f"SELECT {number} FROM {table} WHERE id = ({first})"
        yield f"UPDATE {table} SET {number} = ({known}) WHERE id = ({last})"
    for table in _NOT_NEGATIVE:
        yield f"UPDATE {table} SET amount_fen = -1 WHERE id = (SELECT MAX(id) FROM {table})"
    both = f"({keys['remote_payment']}, {keys['twin_payment']})"
    returned, twin = keys["returned"], keys["twin_payment"]
    for opened, payment in ((returned, keys["recharge_payment"]), ("order_id", twin)):
        yield f"UPDATE payments_payment SET opened_order_id = {opened} WHERE id = {payment}"
    yield f"UPDATE payments_payment SET state = 'expired' WHERE id = {keys['paid_payment']}"
    for state in ("creating", "pending"):
        yield f"UPDATE payments_payment SET state = '{state}', paid_at = NULL WHERE id IN {both}"


def _is_accepted(statement: str) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
            connection.check_constraints()
            transaction.set_rollback(True)
    except DatabaseError:
        return False
    return True
