"""Collected money that fits nothing of ours: on the suspense account, until staff decide."""

from django.utils import timezone

from ledger import services as ledger
from ledger.models import TransactionKind
from payments import console_refunds
from payments.models import (
    OPEN_STATES,
    NoticeOutcome,
    Payment,
    PaymentState,
    SuspenseCharge,
    SuspenseResolution,
)
from payments.paid_charge import PaidCharge

UNKNOWN_NUMBER = "未知商户订单号"
WRONG_AMOUNT = "金额或渠道不符"
ALREADY_REFUNDED = "到账时渠道已退款"


def hold(fact: PaidCharge, reason: str, payment: Payment | None) -> NoticeOutcome:
    """Book money that fits nothing where staff see it, once per charge; a pending one is over."""
    # Before the rest, since the unique charge id is what keeps two tellers from booking twice.
    held, is_new = SuspenseCharge.objects.get_or_create(
        charge_id=fact.charge_id,
        defaults={
            "order_no": fact.order_no,
            "channel": fact.channel[:20],
            "amount_fen": fact.amount_fen,
            "reason": reason,
            "payment": payment,
        },
    )
    if payment is not None and payment.charge_id in (None, fact.charge_id):
        # It can be paid no more; the client gets a new charge.
        Payment.objects.filter(pk=payment.pk, state__in=OPEN_STATES).update(
            state=PaymentState.EXPIRED, inquired_at=timezone.now(), leased_until=None
        )
    if is_new:
        legs = {
            ledger.clearing(held.channel): -fact.amount_fen,
            ledger.suspense(): fact.amount_fen,
        }
        ledger.post(TransactionKind.SUSPENSE, f"suspense:{held.pk}", legs)
        console_refunds.take_note(fact.charge_id, fact.refunds)
    return NoticeOutcome.HELD


def is_corrected(held: SuspenseCharge, fact: PaidCharge) -> bool:
    """Whether the provider now says something else of money that nobody has decided about."""
    return not held.resolution and (held.amount_fen, held.channel, held.order_no) != (
        fact.amount_fen,
        fact.channel,
        fact.order_no,
    )


def take_out(fact: PaidCharge) -> bool:
    """Take out of suspense what the provider told wrongly before, as it is booked rightly now.

    False if staff have decided about it by now: then it stays booked as it is.
    """
    held = SuspenseCharge.objects.select_for_update().filter(charge_id=fact.charge_id).first()
    if held is None or held.resolution:
        return held is None
    held.resolution, held.resolved_at = SuspenseResolution.CORRECTED, timezone.now()
    held.save(update_fields=["resolution", "resolved_at"])
    legs = {
        ledger.suspense(): -held.remaining_fen,
        ledger.clearing(held.channel): held.remaining_fen,
    }
    ledger.post(TransactionKind.ASSIGNED, f"assigned:{held.pk}", legs)
    return True
