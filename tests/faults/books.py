"""Whether our rows, our ledger and the provider's own book tell the same story."""

import io

from django.core.management import CommandError, call_command, get_commands
from django.db.models import Sum

from ledger import services as ledger
from ledger.models import Account, Transaction
from qaorder.models import IdempotencyKey, Order, Payment, Refund
from qaorder.models.payment import PaymentState, RefundStatus
from tests.support.provider import Provider

REMOTE = ("wx", "alipay")


def assert_ledger_adds_up() -> None:
    """Every transaction sums to zero, every cached balance is its entries' sum."""
    unbalanced = Transaction.objects.annotate(total=Sum("entries__amount_fen")).exclude(total=0)
    assert not unbalanced.exists()
    for account in Account.objects.exclude(owner=None):
        total = account.entries.aggregate(total=Sum("amount_fen"))["total"] or 0
        assert account.balance_fen == total, account.code


def assert_provider_agrees(provider: Provider) -> None:
    """What we booked per channel is what the provider collected less what it gave back."""
    charges = {charge["id"]: charge for charge in provider.charges()}
    for channel in REMOTE:
        paid = {key for key, c in charges.items() if c["channel"] == channel and c["paid"]}
        gone = sum(
            refund["amount"]
            for refund in provider.refunds()
            if refund["status"] == "succeeded" and refund["charge"] in paid
        )
        collected = sum(charges[key]["amount"] for key in paid)
        entries = ledger.clearing(channel).entries
        booked = entries.aggregate(total=Sum("amount_fen"))["total"] or 0
        assert -booked == collected - gone, channel
    kept = Payment.objects.filter(channel__in=REMOTE, state=PaymentState.PAID)
    assert set(kept.values_list("charge_id", flat=True)) == {
        key for key, charge in charges.items() if charge["paid"]
    }


def assert_nothing_stuck() -> None:
    """No attempt or refund waits for anything, and no order is between two states."""
    assert not Payment.objects.filter(state=PaymentState.CREATING).exists()
    assert not Payment.objects.exclude(leased_until=None).exclude(
        state__in=(PaymentState.FAILED, PaymentState.EXPIRED)
    )
    assert not Refund.objects.filter(status=RefundStatus.OPEN).exists()
    assert not IdempotencyKey.objects.filter(status_code=None).exists()
    for order in Order.objects.all():
        paid = order.payments.filter(state=PaymentState.PAID, refunds=None).count()
        assert paid == (1 if order.status in range(1, 6) else 0), order.status


def assert_audit_is_clean() -> None:
    """Run `manage.py money_audit` too, which knows more rules."""
    if "money_audit" in get_commands():
        words = io.StringIO()
        try:
            call_command("money_audit", stdout=words, stderr=words)
        except CommandError:
            raise AssertionError(words.getvalue()) from None


def assert_whole(provider: Provider, *, charges: int, refunds: int = 0) -> None:
    """All of the above, with so many charges and refunds in the provider's book."""
    assert_ledger_adds_up()
    assert_provider_agrees(provider)
    assert_nothing_stuck()
    assert_audit_is_clean()
    assert len(provider.charges()) == charges
    assert len(provider.refunds()) == refunds
