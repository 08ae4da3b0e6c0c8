"""What a test looks at to see that something, or nothing, happened."""

from collections import Counter
from typing import Any

from django.apps import apps
from django.db.models import Sum

from accounts.models import User
from ledger import services as ledger
from ledger.models import Account, Entry, Transaction
from qaorder.audit.runner import audit
from qaorder.models import Order
from tests.support.provider import Provider

APPS = ("accounts", "ledger", "qaorder")
KEPT_APART = ("idempotencykey",)


def everything() -> dict[str, list[dict[str, Any]]]:
    """Every row of every model of ours, idempotency keys excepted."""
    return {
        model._meta.label: list(model._default_manager.order_by("pk").values())
        for app in APPS
        for model in apps.get_app_config(app).get_models()
        if model._meta.model_name not in KEPT_APART
    }


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


def assert_agrees_with(provider: Provider, *, paid_out: bool = False) -> None:
    """The audit is clean, and each channel owes us what the provider's own book says is left.

    Unless it was `paid_out` to the bank.
    """
    broken = {finding.invariant.code: finding.rows for finding in audit() if finding.rows}
    assert not broken, broken
    if paid_out:
        return
    owed: Counter[str] = Counter()
    channels = {charge["id"]: charge["channel"] for charge in provider.charges()}
    for charge in provider.charges():
        owed[charge["channel"]] += charge["amount"] if charge["paid"] else 0
    for refund in provider.refunds():
        if refund["status"] == "succeeded":
            owed[channels[refund["charge"]]] -= refund["amount"]
    booked = {code: -fen for code, fen in balances().items() if code.startswith("clearing:")}
    assert booked == {f"clearing:{channel}": fen for channel, fen in owed.items() if fen}


def assert_balanced() -> None:
    """The book sums to zero, per transaction too, and cached balances are their entries' sums."""
    per_transaction = Entry.objects.values("transaction").annotate(total=Sum("amount_fen"))
    assert [row for row in per_transaction if row["total"]] == []
    for account in Account.objects.exclude(balance_fen=None).annotate(
        total=Sum("entries__amount_fen")
    ):
        assert account.balance_fen == (account.total or 0), account.code
