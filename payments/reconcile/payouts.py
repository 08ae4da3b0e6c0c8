"""The provider's payouts to the bank, and its fees: what returns a clearing account to zero."""

import csv
from collections.abc import Iterable, Iterator

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from api import money
from api.errors import StaffRefusal
from ledger import services as ledger
from ledger.models import TransactionKind
from payments.models import Payout

COLUMNS = ("channel", "reference", "paid_on", "amount", "fee")


def read(lines: Iterable[str]) -> Iterator[Payout]:
    """Yield the payouts of a settlement file, not saved, those known already left out.

    Shape: CSV with a heading of COLUMNS; the date as YYYY-MM-DD, amounts in yuan.
    Raises: StaffRefusal naming the line that cannot be read, or says otherwise of a known payout.
    """
    reader = csv.DictReader(lines)
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise StaffRefusal(f"第一行应为 {','.join(COLUMNS)}")
    for number, line in enumerate(reader, 2):
        try:
            payout = Payout(
                channel=line["channel"],
                reference=line["reference"].strip(),
                paid_on=line["paid_on"],
                amount_fen=money.to_fen(line["amount"]),
                fee_fen=money.to_fen(line["fee"]),
            )
            # A batch that is known is no mistake of the line: the same file may be read twice.
            payout.full_clean(validate_unique=False, validate_constraints=False)
            if not payout.amount_fen + payout.fee_fen:
                raise ValueError("it moves nothing")
        except (ValueError, TypeError, AttributeError, ValidationError):
            raise StaffRefusal(f"第 {number} 行无法读取") from None
        known = Payout.objects.filter(channel=payout.channel, reference=payout.reference).first()
        if known is None:
            yield payout
        elif (known.amount_fen, known.fee_fen) != (payout.amount_fen, payout.fee_fen):
            raise StaffRefusal(f"第 {number} 行的结算批次已有记录，但金额不同")


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
        TransactionKind.PAYOUT,
        f"payout:{payout.pk}",
        {account: amount for account, amount in legs.items() if amount},
    )
    payout.booked_at = timezone.now()
    payout.save(update_fields=["booked_at"])
