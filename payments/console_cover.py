"""What a refund made in the provider's console covers: a refund of ours, a part, or held money.

Call with the payment, or the held charge, locked.
"""

from django.db.models import Q
from django.utils import timezone

from api.errors import StaffRefusal
from payments import refund_answers, refunds
from payments.models import Bearer, Payment, Refund, RefundOrigin, RefundStatus, SuspenseCharge
from pingpp_client import Json
from qaorder.lifecycle import Role

BY_CONSOLE = "渠道后台退款"
STILL_OPEN = "本系统的退款还在处理中，请等它有结果后再认可。"
GIVEN_BACK = "这笔支付的钱已经另行退还，没有可以抵扣的款项，只能由平台承担。"


def adopt(payment: Payment, answer: Json) -> Refund | None:
    """Return the refund of ours, not through yet, that the console's was to be, taken over."""
    ours = payment.refunds.select_for_update(of=("self",)).filter(amount_fen=answer["amount"])
    # An open one that has a number runs at the provider by itself; the console's is one more.
    waiting = Q(status=RefundStatus.FAILED) | Q(status=RefundStatus.OPEN, refund_id=None)
    refund = ours.filter(waiting).order_by("pk").first()
    if refund is not None:
        refund.origin = RefundOrigin.CONSOLE
        refund_answers.take_over(refund, answer)
    return refund


def shrink(payment: Payment, amount_fen: int) -> Bearer:
    """Take the amount off a larger refund of ours that failed; return who bears that one.

    Raises: StaffRefusal if there is none.
    """
    own = payment.refunds.select_for_update(of=("self",)).order_by("pk")
    refund = own.filter(status=RefundStatus.FAILED, amount_fen__gt=amount_fen).first()
    if refund is None:
        is_open = own.filter(status=RefundStatus.OPEN).exists()
        raise StaffRefusal(STILL_OPEN if is_open else GIVEN_BACK)
    # What the provider still says of the whole amount is about an earlier attempt.
    refunds.begin_attempt(refund)
    refund.amount_fen -= amount_fen
    refund.save(update_fields=["amount_fen", "attempt", "refund_id", "origin"])
    payment.refunded_fen -= amount_fen
    payment.save(update_fields=["refunded_fen"])
    return Bearer(refund.bearer)


def fits(held: SuspenseCharge, amount_fen: int) -> bool:
    """Whether nobody has decided yet about so much of the held money."""
    return not held.resolution and amount_fen <= held.remaining_fen


def take_off(held: SuspenseCharge, refund_id: str, amount_fen: int) -> Refund:
    """Book what the console returned of undecided held money, or returned again."""
    refund, _ = Refund.objects.get_or_create(
        refund_id=refund_id,
        defaults={
            "suspense": held,
            "amount_fen": amount_fen,
            "bearer": Bearer.SUSPENSE,
            "origin": RefundOrigin.CONSOLE,
            "role": Role.PROVIDER,
            "reason": BY_CONSOLE,
            "sent_at": timezone.now(),
        },
    )
    refunds.succeed(refund)
    refund_answers.end_held(refund)
    return refund
