"""Whether our rows, our ledger and the provider's own book tell one story; and what they hold.

`whole_book` is every rule there is of the whole book, for races, faults, soak, the random users
and the tests of one verb alike. `order_problems` is what must hold of one order's moves and money.
Nothing here looks at how the service came to its rows.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import Q, Sum

from accounts.models import User
from api.models import IdempotencyKey
from audit.runner import INVARIANTS, audit
from ledger import services as ledger
from ledger.models import Account, AccountKind, Entry, Transaction, TransactionKind
from payments.models import (
    Discrepancy,
    DiscrepancyKind,
    Payment,
    PaymentState,
    Refund,
    RefundMeans,
    RefundStatus,
    Resolution,
    SuspenseCharge,
)
from qaorder.models import Order, Status
from tests.support.provider import Provider

APPS = ("accounts", "api", "ledger", "payments", "qaorder", "knox")
CREDENTIALS = ("authtoken", "idempotencykey")
COUNTERS = ("limitcount",)
SERVED = (Status.PAID, Status.WAITING, Status.ANSWERED)
OPENED = (*SERVED, Status.FINISHED, Status.EVALUATED)
REMOTE = ("wx", "alipay")

Problems = list[str]

# What the rows hold.


def picture(*, without: Iterable[str] = ()) -> dict[str, list[dict[str, Any]]]:
    """Every row of the service, to show that nothing changed."""
    found = {}
    hidden = (*without, *COUNTERS)
    models = [one for app in APPS for one in apps.get_app_config(app).get_models()]
    with connection.cursor() as cursor:
        # As stored, since building the ORM's queries takes longer than running them.
        for model in models:
            if model._meta.model_name not in hidden:
                table, key = model._meta.db_table, model._meta.pk.column
                cursor.execute(f'SELECT * FROM "{table}" ORDER BY "{key}"')
                columns = [column[0] for column in cursor.description]
                rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
                found[model._meta.label] = rows
    return found


def everything() -> dict[str, list[dict[str, Any]]]:
    """That picture without tokens and idempotency keys: what requests do, not who sends them."""
    return picture(without=CREDENTIALS)


def order_row(order: Order) -> dict[str, Any]:
    """The order's row and its history as stored now."""
    return {
        "row": Order.objects.filter(pk=order.pk).values().get(),
        "events": list(order.events.values()),
    }


def balances() -> dict[str, int]:
    """What every account holds, by code, as the sum of its entries; empty ones left out."""
    sums = Account.objects.annotate(total=Sum("entries__amount_fen"))
    return {account.code: account.total for account in sums if account.total}


def postings() -> Counter[str]:
    """How many ledger transactions there are of each kind."""
    return Counter(Transaction.objects.values_list("kind", flat=True))


def wallet(user: User) -> int:
    """The user's balance in fen."""
    return ledger.balance_fen(user)


def held_fen(order: Order) -> int:
    """What the book holds for the order."""
    return _total(
        Entry.objects.filter(
            account__kind=AccountKind.IN_TRANSIT, transaction__order_number=order.order_number
        )
    )


# The whole book.


def assert_whole(provider: Provider | None = None) -> None:
    """No rule of the whole book is broken."""
    problems = whole_book(provider)
    assert not problems, problems


def assert_balanced() -> None:
    """The ledger's sums alone, for tests of the ledger that invent what money is for."""
    problems = _sums()
    assert not problems, problems


def assert_settled(provider: Provider, *, charges: int, refunds: int = 0) -> None:
    """The whole book is right, nothing waits, and the provider has so many charges and refunds."""
    problems = whole_book(provider) + unfinished() + order_problems(*Order.objects.all())
    assert not problems, problems
    assert (len(provider.charges()), len(provider.refunds())) == (charges, refunds)


def whole_book(provider: Provider | None = None, invariants: Any = INVARIANTS) -> Problems:
    """Broken rules: the ledger's sums, the money audit, and each side of the provider's book."""
    problems = _sums()
    problems += [
        f"{found.invariant.code}: {found.rows[:2]}" for found in audit(invariants) if found.rows
    ]
    if provider:
        problems += _charges(provider) + _refunds(provider) + _money(provider)
    return problems


def unfinished() -> Problems:
    """What waits: attempts and refunds that somebody is at or should be, keys without answer."""
    closed = (PaymentState.FAILED, PaymentState.EXPIRED)
    waiting = {
        "attempts being made": Payment.objects.filter(state=PaymentState.CREATING),
        "leases": Payment.objects.exclude(leased_until=None).exclude(state__in=closed),
        "open refunds": Refund.objects.filter(status=RefundStatus.OPEN),
        "keys without an answer": IdempotencyKey.objects.filter(status_code=None),
    }
    return [f"{rows.count()} {name}" for name, rows in waiting.items() if rows.exists()]


def _sums() -> Problems:
    """Each transaction sums to zero, each cached balance is its entries' sum, no wallet owes."""
    transactions = Transaction.objects.annotate(total=Sum("entries__amount_fen"))
    problems = [f"{t.reference} sums to {t.total}" for t in transactions.exclude(total=0)]
    cached = Account.objects.exclude(balance_fen=None).annotate(total=Sum("entries__amount_fen"))
    for account in cached:
        if account.balance_fen != (account.total or 0):
            problems.append(f"{account.code}: {account.balance_fen} fen, entries {account.total}")
        if account.kind == AccountKind.WALLET and account.balance_fen < 0:
            problems.append(f"{account.code}: {account.balance_fen} fen")
    return problems


def _charges(provider: Provider) -> Problems:
    """Each paid charge is a payment of ours or held, and each of those was paid there."""
    paid = {charge["id"]: charge["amount"] for charge in provider.charges() if charge["paid"]}
    payments = Payment.objects.filter(channel__in=REMOTE, state=PaymentState.PAID, amount_fen__gt=0)
    # One that was held by mistake is both; then the payment counts.
    known = dict(SuspenseCharge.objects.values_list("charge_id", "amount_fen"))
    known |= dict(payments.values_list("charge_id", "amount_fen"))
    if known == paid:
        return []
    return [f"paid charges: {len(known)} ours, {len(paid)} theirs, {set(known) ^ set(paid)}"]


def _refunds(provider: Provider) -> Problems:
    """What went back of each charge is what we refunded or stand for, or what staff decide of."""
    theirs = Counter[str]()
    for refund in provider.refunds():
        theirs[refund["charge"]] += refund["amount"] * (refund["status"] == "succeeded")
    ours = _undecided("charge_id")
    ours.update(_disputed())
    done = Refund.objects.filter(means=RefundMeans.CHANNEL, status=RefundStatus.SUCCEEDED)
    for made in done.filter(Q(payment__channel__in=REMOTE) | ~Q(suspense=None)):
        ours[made.charge_id] += made.amount_fen
    differ = {key for key in {*ours, *theirs} if ours[key] != theirs[key]}
    return [f"{key}: {ours[key]} fen refunded by us, {theirs[key]} there" for key in differ]


def _money(provider: Provider) -> Problems:
    """Each channel owes us, before it paid out to the bank, what its book says is left."""
    channels = {charge["id"]: charge["channel"] for charge in provider.charges()}
    left = _undecided("payment__channel")
    for charge in provider.charges():
        left[charge["channel"]] += charge["amount"] * charge["paid"]
    for refund in provider.refunds():
        left[channels[refund["charge"]]] -= refund["amount"] * (refund["status"] == "succeeded")
    owed = Counter[str]()
    entries = Entry.objects.filter(account__kind=AccountKind.CLEARING)
    entries = entries.exclude(transaction__kind=TransactionKind.PAYOUT)
    for code, fen in entries.values_list("account__code", "amount_fen"):
        owed[code.removeprefix("clearing:")] -= fen
    differ = {name for name in {*owed, *left} if owed[name] != left[name]}
    return [f"{name} owes {owed[name]} fen, there {left[name]}" for name in differ]


def _undecided(key: str) -> Counter[str]:
    """What the provider gave back that our book does not know of until staff decide."""
    signs = {DiscrepancyKind.REFUND_UNKNOWN: 1, DiscrepancyKind.REFUND_UNDONE: -1}
    found = Counter[str]()
    rows = Discrepancy.objects.filter(resolved_at=None, kind__in=signs)
    for kind, name, fen in rows.values_list("kind", key, "provider_amount_fen"):
        found[name] += signs[DiscrepancyKind(kind)] * (fen or 0)
    return found


def _disputed() -> Counter[str]:
    """What the platform stands for of each charge, until it failed there after all."""
    found = Counter[str]()
    for row in Discrepancy.objects.filter(resolution=Resolution.DISPUTED):
        undone = Discrepancy.objects.filter(refund_id=row.refund_id, resolution=Resolution.ACCEPTED)
        found[row.charge_id] += 0 if undone.exists() else row.provider_amount_fen or 0
    return found


def _total(entries: Any) -> int:
    return entries.aggregate(total=Sum("amount_fen"))["total"] or 0


# One order.


def order_problems(*orders: Order) -> Problems:
    """Broken rules about an order's moves, its money and its refunds."""
    return [
        problem
        for order in orders
        for rule in (_moves, _order_money)
        for problem in rule(Order.objects.get(pk=order.pk))
    ]


def _moves(order: Order) -> Problems:
    """The recorded moves lead in one chain from unpaid to the order's status."""
    at: int = Status.UNPAID
    for event in order.events.order_by("pk"):
        if event.from_status != at:
            return [f"{event.event} from {event.from_status} when the order was in {at}"]
        at = event.to_status
    return [] if at == order.status else [f"status {order.status}, but the moves lead to {at}"]


def _order_money(order: Order) -> Problems:
    """All money that came is kept for a service that is due, paid out, or on its way back."""
    problems = []
    payments = list(order.payments.filter(state=PaymentState.PAID))
    refunds = list(Refund.objects.filter(payment__in=payments))
    returned = Counter(refund.payment_id for refund in refunds)
    for payment in payments:
        keeps = payment.opened_order_id == order.pk and order.status in OPENED
        if returned[payment.pk] != (0 if keeps else 1):
            problems.append(
                f"{payment.channel} money in status {order.status}: {returned[payment.pk]} refunds"
            )
    opening = [payment.channel for payment in payments if payment.opened_order_id == order.pk]
    if order.status in OPENED and not opening:
        problems.append(f"status {order.status} without money")
    if opening not in ([], [order.channel]):
        problems.append(f"channel {order.channel}, paid with {opening}")
    waiting = sum(r.amount_fen for r in refunds if r.status != RefundStatus.SUCCEEDED)
    due = order.amount_fen if order.status in SERVED else 0
    held = held_fen(order)
    if held != due + waiting:
        problems.append(f"{held} fen held in status {order.status}, not {due + waiting}")
    return problems
