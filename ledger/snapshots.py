"""Balances of shared accounts: kept up to some entry, so that only the entries after it are summed.

A snapshot must not include a number below which an entry may still appear: numbers are given when
an entry is inserted, but it is seen when its transaction commits, so they are not seen in order.
"""

import time

from django.db import connection
from django.db.models import Max, Sum

from ledger.models import Account, BalanceSnapshot, Entry

EVERY = 1000
"""So many new entries in the book are worth a snapshot."""
PATIENCE_SECONDS = 2.0
POLL_SECONDS = 0.05


def balance_fen(account: Account) -> int:
    """Return what any account holds, in fen: of a shared one, snapshot and the entries since."""
    if account.balance_fen is not None:
        return account.balance_fen
    snapshot = BalanceSnapshot.objects.filter(account=account).first()
    if snapshot is None:
        return _sum(account, after=0)
    return snapshot.balance_fen + _sum(account, after=snapshot.last_entry)


def take() -> int:
    """Bring the snapshots up to date where that is worth it; return how many; no transaction.

    None while a transaction that may have entries goes on for longer than PATIENCE_SECONDS.
    """
    # Read before it is asked who is writing: who begins later gets numbers above it, and who has
    # begun is waited for.
    last = Entry.objects.aggregate(last=Max("pk"))["last"] or 0
    accounts = Account.objects.filter(owner=None).select_related("snapshot")
    due = [account for account in accounts if last - _last_entry(account) >= EVERY]
    if not due or not _is_final():
        return 0
    return sum(_keep(account, last) for account in due)


def _last_entry(account: Account) -> int:
    snapshot: BalanceSnapshot | None = getattr(account, "snapshot", None)
    return snapshot.last_entry if snapshot else 0


def _keep(account: Account, last: int) -> bool:
    """Move the account's snapshot to this entry, unless another copy has moved it."""
    snapshot, _ = BalanceSnapshot.objects.get_or_create(account=account)
    balance = snapshot.balance_fen + _sum(account, after=snapshot.last_entry, up_to=last)
    unmoved = BalanceSnapshot.objects.filter(pk=snapshot.pk, last_entry=snapshot.last_entry)
    is_newer = last > snapshot.last_entry
    return is_newer and bool(unmoved.update(last_entry=last, balance_fen=balance))


def _sum(account: Account, *, after: int, up_to: int | None = None) -> int:
    entries = Entry.objects.filter(account=account, pk__gt=after)
    if up_to is not None:
        entries = entries.filter(pk__lte=up_to)
    return entries.aggregate(total=Sum("amount_fen"))["total"] or 0


def _is_final() -> bool:
    """Wait until every transaction that was writing entries is over; False if one takes too long.

    Whoever inserts holds this lock from before its entries have numbers until they are seen, as
    CREATE INDEX CONCURRENTLY knows. SQLite has one writer, whose numbers are seen in order.
    """
    if connection.vendor != "postgresql":
        return True
    over_by = time.monotonic() + PATIENCE_SECONDS
    writing = _writers()
    while writing and time.monotonic() < over_by:
        time.sleep(POLL_SECONDS)
        # Only those of the beginning; or a busy book would always have somebody to wait for.
        writing &= _writers()
    return not writing


def _writers() -> set[str]:
    """The transactions that have inserted entries, or are about to."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT virtualtransaction FROM pg_locks WHERE relation = %s::regclass"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND mode = 'RowExclusiveLock' AND granted",
            [Entry._meta.db_table],
        )
        return {row[0] for row in cursor.fetchall()}
