"""The payment port: what the money paths need to know of a way to pay."""

from typing import Protocol

from ledger.models import Account
from qaorder.models import Payment


class Gateway(Protocol):
    """A way to pay.

    `remote`: the provider collects and returns the money, so it must be asked, outside any
    transaction. Otherwise the money moves in our own book, in the caller's transaction.
    """

    remote: bool

    def source(self, payment: Payment) -> Account | None:
        """Return the account its money comes from and goes back to; None if nothing moves."""
        ...
