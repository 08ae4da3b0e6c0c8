"""Money that arrived: one function settles it, by a notice, an inquiry or a comparison.

Everything that does not fit goes the same way: recorded, put on the ledger, and either refunded by
the system or held for staff.
"""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from api.errors import CannotPay
from api.failpoints import failpoint
from ledger import services as ledger
from ledger.models import TransactionKind
from payments import suspense
from payments.channels import account_of
from payments.models import (
    Discrepancy,
    DiscrepancyKind,
    NoticeOutcome,
    Payment,
    PaymentState,
    SuspenseCharge,
)
from payments.paid_charge import PaidCharge
from payments.reconcile import discrepancies
from payments.refunds import open_refund
from qaorder.lifecycle import Event, Role, advance
from qaorder.models import Order, OrderType, Period, Status
from qaorder.orders import lock_order
from qaorder.periods import lock_patient, start_period

SURPLUS = "重复或迟到的支付，系统退款"


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
        return suspense.hold(fact, suspense.UNKNOWN_NUMBER, None)
    # Locks are taken in the order of docs/architecture.md, here as everywhere.
    order = lock_order(payment.order_id) if payment.order_id else None
    payment = Payment.objects.select_for_update().get(pk=payment.pk)
    if seen := _seen(fact):  # a twin was quicker to the lock
        return seen
    if (fact.amount_fen, fact.channel) != (payment.amount_fen, payment.channel):
        return suspense.hold(fact, suspense.WRONG_AMOUNT, payment)
    # It fits, yet serves nothing that its payer still pays for; how much of it is left, and why it
    # went back, staff can see and we cannot.
    if fact.is_refunded or _is_refunded_since(fact):
        return suspense.hold(fact, suspense.ALREADY_REFUNDED, payment)
    if not suspense.take_out(fact):
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
        return NoticeOutcome.HELD if held and not suspense.is_corrected(held, fact) else None
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
    # Before the patient's lock, as these are shared accounts: they keep no balance to be locked.
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
