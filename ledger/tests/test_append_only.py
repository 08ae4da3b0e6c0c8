"""The database itself keeps the book: no line changes, none goes, all add up."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import DatabaseError

from ledger import services as ledger
from ledger.models import Entry, Transaction, TransactionKind
from tests.support import books
from tests.support.people import make_patient

STATEMENTS = [
    "UPDATE ledger_entry SET amount_fen = amount_fen + 1",
    "UPDATE ledger_entry SET balance_after_fen = 0",
    "UPDATE ledger_transaction SET reference = 'other'",
    "UPDATE ledger_transaction SET kind = 'refund'",
    "DELETE FROM ledger_entry",
    "DELETE FROM ledger_transaction WHERE id NOT IN (SELECT transaction_id FROM ledger_entry)",
]


@pytest.mark.django_db
@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_database_refuses_to_change_or_delete_a_line(statement):
    make_patient(balance_fen=500)
    Transaction.objects.create(kind=TransactionKind.ADJUSTMENT, reference="without legs")
    before = books.everything()

    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert books.everything() == before


@pytest.mark.django_db
@pytest.mark.parametrize("model", [Entry, Transaction])
@pytest.mark.parametrize("verb", ["save", "delete"])
def test_the_models_cannot_get_round_it(model, verb):
    make_patient(balance_fen=500)
    Transaction.objects.create(kind=TransactionKind.ADJUSTMENT, reference="without legs")
    line = model.objects.last()
    before = books.everything()

    with pytest.raises(DatabaseError), transaction.atomic():
        getattr(line, verb)()

    assert books.everything() == before


@pytest.mark.django_db
def test_an_entry_of_zero_is_no_entry():
    patient = make_patient(balance_fen=500)
    record = Transaction.objects.get()

    with pytest.raises(IntegrityError), transaction.atomic():
        Entry.objects.create(
            transaction=record, account=ledger.earnings(patient.user), amount_fen=0
        )


@pytest.mark.django_db
def test_a_transaction_has_one_line_per_account():
    make_patient(balance_fen=500)
    line = Entry.objects.first()

    with pytest.raises(IntegrityError), transaction.atomic():
        Entry.objects.create(transaction=line.transaction, account=line.account, amount_fen=1)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("amounts", [(-100, 99), (100,)])
def test_an_unbalanced_transaction_does_not_commit(amounts):
    legs = dict(zip((ledger.platform(), ledger.in_transit()), amounts, strict=False))

    with pytest.raises(IntegrityError, match="must sum to zero"):
        commit(legs)

    assert not Transaction.objects.exists()
    assert not Entry.objects.exists()


@transaction.atomic
def commit(legs):
    record = Transaction.objects.create(kind=TransactionKind.ADJUSTMENT, reference="cause:1")
    for account, amount in legs.items():
        Entry.objects.create(transaction=record, account=account, amount_fen=amount)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_leg_cannot_be_added_to_a_committed_transaction():
    make_patient(balance_fen=500)
    record = Transaction.objects.get()

    with pytest.raises(IntegrityError, match="must sum to zero"), transaction.atomic():
        Entry.objects.create(transaction=record, account=ledger.in_transit(), amount_fen=1)

    books.assert_balanced()
