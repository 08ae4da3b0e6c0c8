"""What the provider says of charges and refunds, said to the services without a provider."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import Patient
from payments import console_refunds, refund_answers
from payments.models import Discrepancy, Notice, Payment, PaymentState, Refund
from payments.paid_charge import PaidCharge
from payments.settlement import settle
from qaorder.models import Channel, Order
from qaorder.orders import new_order_number

PART_FEN = 500


def charge_id(name: str) -> str:
    return f"ch_{name}"


def refund_id(name: str) -> str:
    return f"re_{name}"


def attempt(name: str, payer: Patient, order: Order | None = None) -> Payment:
    """A charge that waits for its payer; without an order, of a recharge."""
    now = timezone.now()
    return Payment.objects.create(
        order=order,
        payer=payer.user,
        channel=Channel.WX,
        order_no=order.order_number if order else new_order_number(payer),
        amount_fen=order.amount_fen if order else 4 * PART_FEN,
        state=PaymentState.PENDING,
        charge_id=charge_id(name),
        sent_at=now,
        expires_at=now + timedelta(hours=2),
    )


def collect(name: str, order_no: str, amount_fen: int) -> None:
    settle(PaidCharge(charge_id(name), order_no, Channel.WX, amount_fen, timezone.now()))


def paid(name: str, payer: Patient, order: Order | None = None) -> Payment:
    payment = attempt(name, payer, order)
    collect(name, payment.order_no, payment.amount_fen)
    payment.refresh_from_db()
    return payment


def say(refund: Refund, status: str, name: str = "") -> None:
    """What became of a refund of ours."""
    answer = _answer(name or f"own{refund.pk}", refund.amount_fen, status)
    refund_answers.record(refund.pk, answer | {"charge": refund.charge_id})
    refund.refresh_from_db()


def console_refund(name: str, status: str = "succeeded") -> list[Discrepancy]:
    """A part of the charge goes back in the provider's console; what staff must decide about."""
    return console_refunds.take_note(charge_id(name), [_answer(name, PART_FEN, status)])


def notice(kind: str, name: str, outcome: str) -> Notice:
    object_id = {"charge": charge_id, "refund": refund_id}[kind](name)
    return Notice.objects.create(
        event_id=f"evt_{name}", type=f"{kind}.succeeded", object_id=object_id, outcome=outcome
    )


def _answer(name: str, amount_fen: int, status: str) -> dict[str, Any]:
    return {"id": refund_id(name), "amount": amount_fen, "status": status}
