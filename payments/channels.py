"""The ways to pay: Ping++ (wx, alipay), the payer's balance, and nothing to pay."""

from ledger import services as ledger
from ledger.models import Account
from payments.models import Payment
from qaorder.models import Channel


def is_remote(channel: str, amount_fen: int) -> bool:
    """Whether the provider collects and returns the money; it is asked outside any transaction.

    Otherwise the money moves in our own book, at once; zero is free through any channel.
    """
    return channel != Channel.BALANCE and amount_fen > 0


def account_of(payment: Payment) -> Account | None:
    """Return the account its money comes from and goes back to; None if nothing moves."""
    # The book refuses legs of zero: a free order has a payment, but no entry.
    if not payment.amount_fen:
        return None
    if payment.channel == Channel.BALANCE:
        return ledger.wallet(payment.payer)
    return ledger.clearing(payment.channel)
