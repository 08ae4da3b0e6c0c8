"""What must hold after any race: of one order's money, and of the whole book."""

from collections import Counter
from typing import Any

from django.db.models import Sum

from ledger.models import Account, AccountKind, Entry, Transaction
from qaorder.audit.runner import audit
from qaorder.models import HeldCharge, Order, Payment, Refund, Status
from qaorder.models.payment import PaymentState, RefundStatus
from tests.support.provider import Provider

SERVED = (Status.PAID, Status.WAITING, Status.ANSWERED)
OPENED = (*SERVED, Status.FINISHED, Status.EVALUATED)
REMOTE = ("wx", "alipay")

Problems = list[str]


def order_problems(*orders: Order) -> Problems:
    """Broken rules about an order's moves, its money and its refunds."""
    return [
        problem
        for order in orders
        for rule in (_moves, _money)
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


def _money(order: Order) -> Problems:
    """All money that came is kept for a service that is due, paid out, or on its way back."""
    problems = []
    payments = list(order.payments.filter(state=PaymentState.PAID))
    refunds = list(Refund.objects.filter(payment__in=payments))
    returned = Counter(refund.payment_id for refund in refunds)
    for payment in payments:
        keeps = payment.pk == order.paid_with_id and order.status in OPENED
        if returned[payment.pk] != (0 if keeps else 1):
            problems.append(
                f"{payment.channel} money in status {order.status}: {returned[payment.pk]} refunds"
            )
    if order.status in OPENED and order.paid_with_id not in [payment.pk for payment in payments]:
        problems.append(f"status {order.status} without money")
    if order.paid_with is not None and order.channel != order.paid_with.channel:
        problems.append(f"channel {order.channel}, paid with {order.paid_with.channel}")
    waiting = sum(r.amount_fen for r in refunds if r.status != RefundStatus.SUCCEEDED)
    due = order.amount_fen if order.status in SERVED else 0
    held = held_fen(order)
    if held != due + waiting:
        problems.append(f"{held} fen held in status {order.status}, not {due + waiting}")
    return problems


def held_fen(order: Order) -> int:
    """What the book holds for the order."""
    entries = Entry.objects.filter(
        account__kind=AccountKind.HELD, transaction__order_number=order.order_number
    )
    return entries.aggregate(total=Sum("amount_fen"))["total"] or 0


def book_problems(provider: Provider | None) -> Problems:
    """Broken rules of the whole book: its sums, the money audit, the provider's own book."""
    return _sums() + _audit() + (_provider(provider) if provider else [])


def _sums() -> Problems:
    transactions = Transaction.objects.annotate(total=Sum("entries__amount_fen"))
    problems = [f"{t.reference} sums to {t.total}" for t in transactions.exclude(total=0)]
    for account in Account.objects.exclude(owner=None).annotate(total=Sum("entries__amount_fen")):
        balance = account.balance_fen or 0
        if balance != (account.total or 0):
            problems.append(f"{account.code}: {balance} fen, entries {account.total}")
        if account.kind == AccountKind.WALLET and balance < 0:
            problems.append(f"{account.code}: {balance} fen")
    return problems


def _audit() -> Problems:
    return [f"{found.invariant}: {found.rows[:2]}" for found in audit() if found.rows]


def _provider(provider: Provider) -> Problems:
    """Each paid charge is a payment or held; each of its refunds is a refund of ours, once."""
    problems = []
    paid = {charge["id"]: charge for charge in provider.charges() if charge["paid"]}
    payments = Payment.objects.filter(channel__in=REMOTE, state=PaymentState.PAID, amount_fen__gt=0)
    known = dict(payments.values_list("charge_id", "amount_fen"))
    known |= dict(HeldCharge.objects.values_list("charge_id", "amount_fen"))
    if known != {key: charge["amount"] for key, charge in paid.items()}:
        strange = set(known) ^ set(paid)
        problems.append(f"paid charges differ: {len(known)} ours, {len(paid)} theirs, {strange}")
    theirs: Counter[Any] = Counter()
    for refund in provider.refunds():
        if refund["status"] == "succeeded":
            theirs[refund["charge"]] += refund["amount"]
    ours = Refund.objects.filter(payment__channel__in=REMOTE, status=RefundStatus.SUCCEEDED)
    rows = ours.filter(amount_fen__gt=0).values_list("payment__charge_id", "amount_fen")
    if dict(rows) != dict(theirs):
        problems.append(f"refunds differ: {len(rows)} ours, {len(theirs)} theirs")
    return problems
