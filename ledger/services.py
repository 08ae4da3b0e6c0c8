"""Moving money: one function posts, everything else names who pays whom."""

from collections.abc import Mapping

from django.db import connection, transaction
from django.db.models import F

from accounts.models import User
from api.errors import InsufficientBalance
from ledger.models import Account, AccountKind, Entry, Transaction, TransactionKind

IN_TRANSIT = "in_transit"
PLATFORM = "platform"
SUSPENSE = "suspense"
BANK = "bank"


def clearing(channel: str) -> Account:
    """Return the account of what a payment channel owes us (negative) for collected money."""
    return _shared(AccountKind.CLEARING, f"clearing:{channel}")


def in_transit() -> Account:
    """Return the account of money paid for orders that are not completed yet."""
    return _shared(AccountKind.IN_TRANSIT, IN_TRANSIT)


def platform() -> Account:
    """Return the platform's own account."""
    return _shared(AccountKind.PLATFORM, PLATFORM)


def suspense() -> Account:
    """Return the account of collected money that staff must decide about."""
    return _shared(AccountKind.SUSPENSE, SUSPENSE)


def bank() -> Account:
    """Return the account of what our bank holds (negative): paid out to it, less paid from it."""
    return _shared(AccountKind.BANK, BANK)


def wallet(user: User) -> Account:
    """Return the user's wallet, opening it on first use."""
    return _owned(AccountKind.WALLET, user)


def earnings(user: User) -> Account:
    """Return the account of what a doctor has earned."""
    return _owned(AccountKind.EARNINGS, user)


def balance_fen(user: User) -> int:
    """Return the user's wallet balance in fen; 0 when there is no wallet yet."""
    account = Account.objects.filter(owner=user, kind=AccountKind.WALLET).first()
    return (account.balance_fen or 0) if account else 0


def post(
    kind: TransactionKind, reference: str, legs: Mapping[Account, int], order_number: str = ""
) -> Transaction:
    """Record one movement of money; call in a transaction.

    Units: fen, signed; the legs sum to zero, none is zero.
    Raises: InsufficientBalance if a wallet would become negative; IntegrityError if `reference`
    has moved money before; ValueError for unbalanced legs.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("post() belongs in a transaction")
    if sum(legs.values()) or not all(legs.values()) or len(legs) < 2:
        raise ValueError("a transaction needs legs that sum to zero")
    # First, so that of two with the same cause the second waits here, before it moves a balance.
    record = Transaction.objects.create(kind=kind, reference=reference, order_number=order_number)
    # By id, so that two transactions over the same accounts never wait for each other in a ring.
    for account in sorted(legs, key=lambda account: account.pk):
        Entry.objects.create(
            transaction=record,
            account=account,
            amount_fen=legs[account],
            balance_after_fen=_move(account, legs[account]),
        )
    return record


def _move(account: Account, amount_fen: int) -> int | None:
    """Change a cached balance in one conditional statement and return the new one."""
    # A shared account caches none: every payment would wait for its row. See `snapshots`.
    if account.owner_id is None:
        return None
    rows = Account.objects.filter(pk=account.pk)
    # A doctor's earnings may become negative: a refund that the doctor bears is owed to us.
    if account.kind == AccountKind.WALLET and amount_fen < 0:
        rows = rows.filter(balance_fen__gte=-amount_fen)
    if not rows.update(balance_fen=F("balance_fen") + amount_fen):
        raise InsufficientBalance
    # The row is locked by the update until commit, so this is the balance right after it.
    return Account.objects.values_list("balance_fen", flat=True).get(pk=account.pk)


def _shared(kind: AccountKind, code: str) -> Account:
    # Opened on first use; of two who open it at once, one reads what the other wrote.
    return Account.objects.get_or_create(code=code, defaults={"kind": kind})[0]


def _owned(kind: AccountKind, user: User) -> Account:
    return Account.objects.get_or_create(
        code=f"{kind}:{user.pk}", defaults={"kind": kind, "owner": user, "balance_fen": 0}
    )[0]
