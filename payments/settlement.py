"""Money that arrived: one function settles it, by a notice, an inquiry or a comparison.

Everything that does not fit goes the same way: recorded, put on the ledger, and either refunded by
the system or held for staff.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from api.errors import CannotPay
from api.failpoints import failpoint
from ledger import services as ledger
from ledger.models import TransactionKind
from payments import console_refunds
from payments.channels import account_of
from payments.models import (
    OPEN_STATES,
    Discrepancy,
    DiscrepancyKind,
    NoticeOutcome,
    Payment,
    PaymentState,
    SuspenseCharge,
    SuspenseResolution,
)
from payments.reconcile import discrepancies
from payments.refunds import open_refund
from qaorder.lifecycle import Event, Role, advance
from qaorder.models import Order, OrderType, Period, Status
from qaorder.orders import lock_order
from qaorder.periods import lock_patient, start_period

UNKNOWN_NUMBER = "未知商户订单号"
WRONG_AMOUNT = "金额或渠道不符"
ALREADY_REFUNDED = "到账时渠道已退款"
SURPLUS = "重复或迟到的支付，系统退款"
CHARGE_ID_LENGTH = 40
"""What a payment's row can keep; the provider's own are shorter."""
_IDENTIFIER = re.compile(r"[0-9A-Za-z_]{1,64}", re.ASCII)


@dataclass(frozen=True)
class PaidCharge:
    """What a charge says of money that was collected in our app, in fen."""

    charge_id: str
    order_no: str
    channel: str
    amount_fen: int
    paid_at: datetime
    is_refunded: bool = False
    refunds: tuple[Any, ...] = ()


def read_paid_charge(charge: Any) -> PaidCharge | None:
    """Return the facts of a paid charge of ours, or None if it is not paid or not ours.

    Ours: this app, this mode (test or live), CNY, and shaped like a charge.
    """
    if not isinstance(charge, dict) or charge.get("paid") is not True:
        return None
    app = charge.get("app")
    if isinstance(app, dict):
        app = app.get("id")
    ours = (settings.PINGPP_APP_ID, settings.PINGPP_LIVEMODE, "cny")
    if (app, charge.get("livemode"), charge.get("currency")) != ours:
        return None
    names = [_identifier(charge.get(key)) for key in ("id", "order_no", "channel")]
    if not all(names) or len(names[0]) > CHARGE_ID_LENGTH:
        return None
    amount = charge.get("amount")
    if type(amount) is not int or not 0 < amount < 2**62:
        return None
    back = _refunds(charge)
    is_refunded = bool(back) or charge.get("amount_refunded") not in (None, 0)
    return PaidCharge(names[0], names[1], names[2], amount, _time_paid(charge), is_refunded, back)


def _identifier(value: Any) -> str:
    return value if isinstance(value, str) and _IDENTIFIER.fullmatch(value) else ""


def _refunds(charge: dict[str, Any]) -> tuple[Any, ...]:
    """What was given back already, or is on its way."""
    listed = charge.get("refunds")
    rows = listed.get("data") if isinstance(listed, dict) else None
    answers = rows if isinstance(rows, list) else []
    return tuple(r for r in answers if isinstance(r, dict) and r.get("status") != "failed")


def _time_paid(charge: dict[str, Any]) -> datetime:
    paid = charge.get("time_paid")
    if type(paid) is int and 0 < paid < 2**33:
        return datetime.fromtimestamp(paid, UTC)
    return timezone.now()


@transaction.atomic
def settle(fact: PaidCharge) -> NoticeOutcome:
    """Book collected money once and give it its effect.

    The order turns paid if it still waits for money and the money is in time; any other money for
    it is booked and refunded. A wrong amount or an unknown number is booked and held for staff.
    """
    # Most are repeated, and need no lock to be known.
    if seen := _seen(fact):
        return seen
    payment = Payment.objects.filter(order_no=fact.order_no, duplicate_of=None).first()
    if payment is None:
        return _hold(fact, UNKNOWN_NUMBER, None)
    # Locks are taken in the order of docs/architecture.md, here as everywhere.
    order = None
    if payment.order_id:
        order = lock_order(payment.order_id)
    payment = Payment.objects.select_for_update().get(pk=payment.pk)
    if seen := _seen(fact):  # a twin was quicker to the lock
        return seen
    if (fact.amount_fen, fact.channel) != (payment.amount_fen, payment.channel):
        return _hold(fact, WRONG_AMOUNT, payment)
    if fact.is_refunded or _is_refunded_since(fact):
        return _hold(fact, ALREADY_REFUNDED, payment)
    if not _unhold(fact):
        return NoticeOutcome.HELD
    # Its own charge was seen above, so this is another one under the same number.
    if payment.state == PaymentState.PAID:
        return _settle_twin(fact, payment)
    # Also of one that had failed, expired or never got its charge: its money is as good.
    payment.charge_id = fact.charge_id
    _book(payment, order, fact.paid_at)
    return NoticeOutcome.APPLIED


def _seen(fact: PaidCharge) -> NoticeOutcome | None:
    """What became of this very charge before; money that is booked is never booked again."""
    payment = Payment.objects.filter(charge_id=fact.charge_id, state=PaymentState.PAID).first()
    if payment is None:
        held = SuspenseCharge.objects.filter(charge_id=fact.charge_id).first()
        return NoticeOutcome.HELD if held and not _is_corrected(held, fact) else None
    ours = (payment.amount_fen, payment.channel, payment.order_no)
    if ours == (fact.amount_fen, fact.channel, fact.order_no):
        return NoticeOutcome.REPEATED
    discrepancies.note(
        DiscrepancyKind.DIFFERS,
        fact.charge_id,
        payment=payment,
        order_no=payment.order_no,
        ours_fen=payment.amount_fen,
        theirs_fen=fact.amount_fen,
    )
    return NoticeOutcome.DIFFERS


def _is_corrected(held: SuspenseCharge, fact: PaidCharge) -> bool:
    """Whether the provider now says something else of money that nobody has decided about."""
    return not held.resolution and (held.amount_fen, held.channel, held.order_no) != (
        fact.amount_fen,
        fact.channel,
        fact.order_no,
    )


def _unhold(fact: PaidCharge) -> bool:
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


def _is_refunded_since(fact: PaidCharge) -> bool:
    """Whether the notice of its refund in the console was quicker than its own."""
    kind = DiscrepancyKind.REFUND_UNKNOWN
    return Discrepancy.objects.filter(
        charge_id=fact.charge_id, kind=kind, resolved_at=None
    ).exists()


def settle_at_once(payment: Payment, order: Order) -> None:
    """Take the balance's money, or none, for a locked unpaid order in the caller's transaction.

    Raises: InsufficientBalance, CannotPay.
    """
    if order.order_type == OrderType.MONTHLY or order.covered_by_id:
        lock_patient(order.patient_id)  # before the wallet, as a refund does
    # Under the patient's lock: `end_period` steps over an order that is being opened here.
    if Period.objects.filter(free_orders=order).exclude(refunded_at=None).exists():
        raise CannotPay
    _mark_paid(payment, timezone.now(), opens=order)
    _capture(payment, order)
    _open_order(order, payment, Role.PATIENT)


def _book(payment: Payment, order: Order | None, paid_at: datetime) -> None:
    opens = order
    # By the time it was paid, not told of: a notice that comes late does not cost the patient the
    # order, which waits for it through ORDER_EXPIRY_GRACE.
    if order and (order.status != Status.UNPAID or paid_at > order.pay_deadline):
        opens = None
    _mark_paid(payment, paid_at, opens)
    _capture(payment, order)
    failpoint("settle.captured")
    if opens:
        _open_order(opens, payment, Role.PROVIDER)
    elif order:
        open_refund(payment, reason=SURPLUS, role=Role.CLOCK)


def _mark_paid(payment: Payment, paid_at: datetime, opens: Order | None) -> None:
    payment.state, payment.paid_at, payment.opened_order = PaymentState.PAID, paid_at, opens
    payment.leased_until = None
    payment.save(update_fields=["state", "paid_at", "opened_order", "charge_id", "leased_until"])


def _capture(payment: Payment, order: Order | None) -> None:
    source = account_of(payment)
    if source is None:
        return
    if order is None:
        target, kind, number = ledger.wallet(payment.payer), TransactionKind.RECHARGE, ""
    else:
        target, kind, number = ledger.in_transit(), TransactionKind.PAYMENT, order.order_number
    legs = {source: -payment.amount_fen, target: payment.amount_fen}
    ledger.post(kind, f"capture:{payment.pk}", legs, number)


def _open_order(order: Order, payment: Payment, role: Role) -> None:
    actor = payment.payer if role is Role.PATIENT else None
    advance(order, Event.PAY, role, actor, channel=payment.channel, paid_at=payment.paid_at)
    if order.order_type == OrderType.MONTHLY:
        start_period(order)


def _settle_twin(fact: PaidCharge, payment: Payment) -> NoticeOutcome:
    """Book a second charge that was paid under one number (Alipay), and refund it."""
    twin = Payment.objects.create(
        order_id=payment.order_id,
        payer_id=payment.payer_id,
        duplicate_of=payment,
        channel=payment.channel,
        order_no=payment.order_no,
        amount_fen=payment.amount_fen,
        charge_id=fact.charge_id,
        state=PaymentState.PAID,
        paid_at=fact.paid_at,
    )
    _capture(twin, payment.order)
    if twin.order_id:
        open_refund(twin, reason=SURPLUS, role=Role.CLOCK)
    return NoticeOutcome.APPLIED


def _hold(fact: PaidCharge, reason: str, payment: Payment | None) -> NoticeOutcome:
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
        console_refunds.look(fact.charge_id, fact.refunds)
    return NoticeOutcome.HELD
