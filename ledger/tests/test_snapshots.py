"""Balances of shared accounts by snapshot: what they say is always the sum of all entries."""

import threading
from itertools import count

import pytest
from django.db import connection, transaction
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext

from ledger import services, snapshots
from ledger.models import Account, BalanceSnapshot, Entry, TransactionKind

pytestmark = pytest.mark.django_db(transaction=True)

_number = count(1)


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(snapshots, "EVERY", 4)
    monkeypatch.setattr(snapshots, "PATIENCE_SECONDS", 0.2)


def post(amount_fen=100):
    """Money from a channel to an order."""
    with transaction.atomic():
        legs = {services.clearing("wx"): -amount_fen, services.in_transit(): amount_fen}
        services.post(TransactionKind.ADJUSTMENT, f"snapshot:{next(_number)}", legs)


def full_sum(account):
    return account.entries.aggregate(total=Sum("amount_fen"))["total"] or 0


def assert_right():
    for account in Account.objects.all():
        assert snapshots.balance_fen(account) == full_sum(account), account.code
    for snapshot in BalanceSnapshot.objects.select_related("account"):
        entries = snapshot.account.entries.filter(pk__lte=snapshot.last_entry)
        assert snapshot.balance_fen == entries.aggregate(total=Sum("amount_fen"))["total"]


def test_a_balance_is_snapshot_and_rest_before_at_and_after_each_snapshot():
    for number in range(12):
        post(number + 1)
        assert_right()
        snapshots.take()
        assert_right()

    assert BalanceSnapshot.objects.get(account=services.in_transit()).balance_fen > 0


def test_only_entries_after_the_snapshot_are_read():
    for _ in range(6):
        post()
    assert snapshots.take() == 2
    last = Entry.objects.order_by("pk").last().pk
    account = services.in_transit()

    with CaptureQueriesContext(
        connection,
    ) as queries:
        snapshots.balance_fen(account)

    assert f'"id" > {last}' in queries[-1]["sql"]


def test_nothing_is_done_until_enough_is_new():
    for _ in range(2):
        post()
    assert snapshots.take() == 2
    post()
    assert snapshots.take() == 0
    post()

    assert [snapshots.take() for _ in range(2)] == [2, 0]


def test_an_account_with_an_owner_needs_no_snapshot(django_user_model):
    user = django_user_model.objects.create_user(username="owner")
    wallet = services.wallet(user)
    for _ in range(3):
        with transaction.atomic():
            legs = {services.platform(): -5, wallet: 5}
            services.post(TransactionKind.ADJUSTMENT, f"snapshot:{next(_number)}", legs)

    snapshots.take()

    assert not BalanceSnapshot.objects.filter(account=wallet).exists()
    wallet.refresh_from_db()
    assert snapshots.balance_fen(wallet) == 15


class Slow:
    """Somebody whose transaction has entries and goes on; `end` commits or rolls it back."""

    def __init__(self, *, commits):
        self._commits = commits
        self._has_posted, self._may_end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        assert self._has_posted.wait(5)
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        self._may_end.set()
        self._thread.join()

    def _run(self):
        try:
            with transaction.atomic():
                post(7)
                self._has_posted.set()
                self._may_end.wait(10)
                transaction.set_rollback(not self._commits)
        finally:
            connection.close()


@pytest.mark.postgres
@pytest.mark.parametrize("commits", [True, False])
def test_a_number_below_which_entries_may_still_appear_is_not_in_a_snapshot(commits):
    post()
    with Slow(commits=commits) as slow:
        # These have higher numbers than the entries that nobody sees yet.
        for _ in range(4):
            post()
        assert snapshots.take() == 0
        assert_right()

        slow.end()
        assert_right()

        assert snapshots.take() == 2
        assert_right()
    assert services.in_transit().entries.count() == 5 + commits


@pytest.mark.postgres
def test_a_short_transaction_is_waited_for(monkeypatch):
    monkeypatch.setattr(snapshots, "PATIENCE_SECONDS", 5.0)
    post()
    with Slow(commits=True) as slow:
        for _ in range(4):
            post()
        threading.Timer(0.2, slow.end).start()

        assert snapshots.take() == 2

    assert_right()
    assert BalanceSnapshot.objects.get(account=services.in_transit()).balance_fen == 507


@pytest.mark.postgres
def test_who_only_reads_the_book_is_not_waited_for():
    for _ in range(4):
        post()
    reader = connection.copy()
    reader.set_autocommit(False)
    try:
        with reader.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM ledger_entry")

        assert snapshots.take() == 2
    finally:
        reader.close()


@pytest.mark.postgres
@pytest.mark.races
def test_snapshots_taken_while_many_post_are_right():
    services.in_transit(), services.clearing("wx")
    over = threading.Event()

    def go_on(work):
        try:
            while not over.is_set():
                work()
        finally:
            connection.close()

    threads = [threading.Thread(target=go_on, args=(post,)) for _ in range(3)]
    threads += [threading.Thread(target=go_on, args=(snapshots.take,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    over.wait(2.0)
    over.set()
    for thread in threads:
        thread.join()

    assert BalanceSnapshot.objects.count() == 2
    assert_right()
