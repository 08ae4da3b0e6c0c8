"""The provider's payouts to the bank, and its fees: what returns a clearing account to zero."""

from django.db import transaction
from django.utils import timezone

from feiqingsong.errors import StaffRefusal
from ledger import services as ledger
from ledger.models import TransactionKind
from qaorder.models import Payout


@transaction.atomic
def book(payout: Payout) -> None:
    """Book a payout once: the channel owes less, the bank holds more, the fee is the platform's.

    Raises: StaffRefusal if it was booked already.
    """
    payout = Payout.objects.select_for_update().get(pk=payout.pk)
    if payout.booked_at is not None:
        raise StaffRefusal("该结算已经入账。")
    legs = {
        ledger.clearing(payout.channel): payout.amount_fen + payout.fee_fen,
        ledger.bank(): -payout.amount_fen,
        ledger.platform(): -payout.fee_fen,
    }
    ledger.post(
        TransactionKind.SETTLEMENT,
        f"settlement:{payout.pk}",
        {account: amount for account, amount in legs.items() if amount},
    )
    payout.booked_at = timezone.now()
    payout.save(update_fields=["booked_at"])
