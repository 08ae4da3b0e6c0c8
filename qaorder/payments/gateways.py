"""The ways to pay: Ping++ (wx, alipay), the balance, and nothing to pay."""

from ledger import services as ledger
from ledger.models import Account
from qaorder.models import Channel, Payment
from qaorder.payments.base import Gateway


class PingppGateway:
    """WeChat and Alipay: what they collected is theirs to hand over, so it clears per channel."""

    remote = True

    def source(self, payment: Payment) -> Account | None:
        return ledger.clearing(payment.channel)


class BalanceGateway:
    """The payer's own wallet."""

    remote = False

    def source(self, payment: Payment) -> Account | None:
        return ledger.wallet(payment.payer)


class FreeGateway:
    """Nothing to pay: the same attempt row and the same moves, without money."""

    remote = False

    def source(self, payment: Payment) -> Account | None:
        return None


_PINGPP = PingppGateway()
_BALANCE = BalanceGateway()
_FREE = FreeGateway()

GATEWAYS: dict[str, Gateway] = {
    Channel.WX: _PINGPP,
    Channel.ALIPAY: _PINGPP,
    Channel.BALANCE: _BALANCE,
}


def gateway_for(channel: str, amount_fen: int) -> Gateway:
    """Return the way to pay this amount through this channel; zero is free through any."""
    return GATEWAYS[channel] if amount_fen else _FREE
