"""Refunds made in the provider's console: found, kept as differences, accepted or disputed.

Found by a notice, an inquiry or a comparison. While one waits for staff, its order's money is not
released.
"""

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from api.errors import StaffRefusal
from ledger import services as ledger
from ledger.models import Account, TransactionKind
from payments import console_cover, refund_answers, refunds
from payments.models import (
    Bearer,
    Discrepancy,
    DiscrepancyKind,
    Payment,
    PaymentState,
    Refund,
    RefundOrigin,
    Resolution,
    SuspenseCharge,
    SuspenseResolution,
)
from payments.reconcile import discrepancies
from payments.release import COMPLETED
from pingpp_client import Json
from qaorder.lifecycle import Role
from qaorder.models import Order, OrderType, Status
from qaorder.orders import lock_order
from qaorder.periods import end_period, lock_patient

NOT_BOOKED = "这笔支付还没有入账，请等系统与渠道核对后再认可。"
DECIDED_ABOUT = "这笔异常到账已经另行处理，只能由平台承担。"
SENT_AGAIN = "这笔退款已经撤销，并已重新退款或改以其他方式退还。"
DECIDED = (Resolution.ACCEPTED, Resolution.DISPUTED)


def take_note(charge_id: str, answers: Iterable[Json]) -> list[Discrepancy]:
    """Take note of those refunds of one of our charges that this service did not ask for.

    Ours are left to `refund_answers.record`. Returns the differences that staff must decide about.
    """
    # A first look without locks sorts out ours, which are most; `_look_at` looks again with them.
    strange = [
        answer
        for answer in answers
        if refund_answers.id_of(answer) and refund_answers.match(answer) is None
    ]
    found = [_look_at(charge_id, answer) for answer in strange]
    return [row for row in found if row is not None]


@transaction.atomic
def _look_at(charge_id: str, answer: Json) -> Discrepancy | None:
    held, payment = _lock(charge_id)
    ours = refund_answers.match(answer)
    if ours is not None:  # who read the same was quicker to the lock
        refund_answers.record(ours.pk, answer)
        return None
    rows = Discrepancy.objects.filter(kind=DiscrepancyKind.REFUND_UNKNOWN, charge_id=charge_id)
    known = rows.filter(refund_id=answer["id"]).first()
    if answer.get("status") == "failed":
        return _failed_there(known)
    if known is not None and known.resolution in DECIDED:
        return None
    amount = answer.get("amount")
    is_readable = type(amount) is int and 0 < amount < refund_answers.MAX_FEN
    if is_readable and _is_covered(held, payment, answer):
        if known is not None:
            discrepancies.resolve(known, Resolution.MENDED)
        return None
    return discrepancies.note(
        DiscrepancyKind.REFUND_UNKNOWN if is_readable else DiscrepancyKind.REFUND_DIFFERS,
        charge_id,
        payment=payment,
        refund_id=answer["id"],
        order_no=payment.order_no if payment else held.order_no if held else "",
        theirs_fen=amount if is_readable else None,
    )


def _lock(charge_id: str) -> tuple[SuspenseCharge | None, Payment | None]:
    """Lock what holds the charge's money, held money or a payment, after the payment's order."""
    payment = Payment.objects.filter(charge_id=charge_id).first()
    if payment is not None:
        if payment.order_id:
            lock_order(payment.order_id)
        rows = Payment.objects.select_for_update(of=("self",))
        payment = rows.select_related("order", "payer").get(pk=payment.pk)
    # Corrected: its money left suspense for the payment, which is what holds it now.
    helds = SuspenseCharge.objects.exclude(resolution=SuspenseResolution.CORRECTED)
    held = helds.select_for_update().filter(charge_id=charge_id).first()
    return (held, None) if held else (None, payment)


def _is_covered(held: SuspenseCharge | None, payment: Payment | None, answer: Json) -> bool:
    """Whether the console did what we were to do, or returned held money nobody decided about."""
    if held is None:
        return payment is not None and console_cover.adopt(payment, answer) is not None
    if not console_cover.fits(held, answer["amount"]):
        return False
    if answer.get("status") == "succeeded":
        console_cover.take_off(held, answer["id"], answer["amount"])
    return True


def _failed_there(known: Discrepancy | None) -> Discrepancy | None:
    """A console's refund that did not go through: nothing to decide, or a decision too many."""
    if known is None:
        return None
    discrepancies.resolve(known, Resolution.GONE)
    # Of these only a dispute moved money; an accepted one is a refund of ours by now.
    if known.resolution != Resolution.DISPUTED:
        return None
    return discrepancies.note(
        DiscrepancyKind.REFUND_UNDONE,
        known.charge_id,
        payment=known.payment,
        refund_id=known.refund_id,
        order_no=known.order_no,
        ours_fen=known.provider_amount_fen,
        theirs_fen=known.provider_amount_fen,
    )


@transaction.atomic
def accept(difference: Discrepancy, *, bearer: Bearer, actor: User, reason: str) -> Refund:
    """Make the console's refund our own.

    An order in 1 or 2 is cancelled with it, and what the console left of its money goes back too.
    In 3 to 5 the order stays and `bearer` (doctor or platform) pays; a recharge is taken off the
    payer's balance, undecided held money off itself. It takes the place of a refund of ours of as
    much that is not through; a larger one that failed shrinks by it.
    Raises: StaffRefusal, InsufficientBalance.
    """
    row, held, payment = _open_difference(difference, DiscrepancyKind.REFUND_UNKNOWN)
    amount = int(row.provider_amount_fen or 0)
    if payment is not None:
        answer = {"id": row.refund_id, "amount": amount, "status": "pending"}
        refund = console_cover.adopt(payment, answer) or _accept(
            row, payment, bearer, actor, reason
        )
    elif held is not None and console_cover.fits(held, amount):
        refund = console_cover.take_off(held, row.refund_id, amount)
    else:
        raise StaffRefusal(DECIDED_ABOUT)
    discrepancies.resolve(row, Resolution.ACCEPTED)
    return refund


def _accept(row: Discrepancy, payment: Payment, bearer: Bearer, actor: User, reason: str) -> Refund:
    """Open the refund that the console made; the rest of a cancelled order's money follows."""
    amount, order = int(row.provider_amount_fen or 0), payment.order
    if payment.state != PaymentState.PAID:
        raise StaffRefusal(NOT_BOOKED)
    # More than is left: a refund of ours has claimed this money, and its bearer's money is in
    # transit for it. That refund shrinks, and what is in transit serves the console's.
    is_taken = amount > payment.amount_fen - payment.refunded_fen
    if is_taken:
        bearer = console_cover.shrink(payment, amount)
    elif order is None:
        bearer = Bearer.PAYER
    elif order.status in (Status.PAID, Status.WAITING):
        refunds.cancel_paid(order, role=Role.STAFF, actor=actor)
        bearer = Bearer.ORDER
    else:
        bearer = _bearer_later(order, payment, amount, bearer)
    refund = refunds.open_refund(
        payment,
        amount_fen=amount,
        reason=reason,
        role=Role.STAFF,
        bearer=bearer,
        is_taken=is_taken,
        origin=RefundOrigin.CONSOLE,
        refund_id=row.refund_id,
        sent_at=timezone.now(),
    )
    payment.refresh_from_db(fields=["refunded_fen"])
    if order and order.status == Status.CANCELLED and payment.refunded_fen < payment.amount_fen:
        refunds.open_refund(payment, reason=reason, role=Role.STAFF)
    return refund


def _bearer_later(order: Order, payment: Payment, amount: int, bearer: Bearer) -> Bearer:
    """Who pays for an answered or completed order; its period ends if all its money is back."""
    if order.status not in (Status.ANSWERED, *COMPLETED):
        raise StaffRefusal(console_cover.GIVEN_BACK)
    is_all = payment.refunded_fen + amount == payment.amount_fen
    if is_all and order.order_type == OrderType.MONTHLY:
        lock_patient(order.patient_id)
        end_period(order.period)
    return refunds.bearer_of(order, bearer)


@transaction.atomic
def dispute(difference: Discrepancy) -> None:
    """Let the platform stand for a console's refund; the order's release goes on.

    Raises: StaffRefusal if it was decided already.
    """
    row, held, payment = _open_difference(difference, DiscrepancyKind.REFUND_UNKNOWN)
    amount = int(row.provider_amount_fen or 0)
    legs = {_clearing(held, payment): amount, ledger.platform(): -amount}
    ledger.post(TransactionKind.DISPUTE, f"dispute:{row.pk}", legs, _order_number(row))
    discrepancies.resolve(row, Resolution.DISPUTED)


@transaction.atomic
def take_back(difference: Discrepancy) -> None:
    """Accept that a refund failed at the provider after it had succeeded, or is not there.

    Our refund counts as failed again and waits for staff; a disputed one gives the platform its
    money back.  Raises: StaffRefusal if it was decided already, or the refund sent again since;
    CannotRefund.
    """
    row, held, payment = _open_difference(
        difference, DiscrepancyKind.REFUND_UNDONE, DiscrepancyKind.REFUND_ABSENT
    )
    disputed = Discrepancy.objects.filter(
        kind=DiscrepancyKind.REFUND_UNKNOWN,
        charge_id=row.charge_id,
        refund_id=row.refund_id,
        resolution=Resolution.DISPUTED,
    ).first()
    if disputed is None:
        refund = Refund.objects.filter(refund_id=row.refund_id).first()
        if refund is None:
            raise StaffRefusal(SENT_AGAIN)
        refunds.undo(refund)
    else:
        amount = int(disputed.provider_amount_fen or 0)
        legs = {ledger.platform(): amount, _clearing(held, payment): -amount}
        reference = f"undone:dispute:{disputed.pk}"
        ledger.post(TransactionKind.UNDONE, reference, legs, _order_number(row))
    discrepancies.resolve(row, Resolution.ACCEPTED)


def _open_difference(
    difference: Discrepancy, *kinds: DiscrepancyKind
) -> tuple[Discrepancy, SuspenseCharge | None, Payment | None]:
    """Return the undecided difference, locked after what holds the charge's money.

    Raises: StaffRefusal if it is of another kind or decided.
    """
    held, payment = _lock(difference.charge_id)
    rows = Discrepancy.objects.select_for_update(of=("self",))
    row = rows.select_related("payment__order").get(pk=difference.pk)
    if row.resolved_at is not None:
        raise StaffRefusal("该差异已经处理。")
    if row.kind not in kinds:
        raise StaffRefusal(f"该差异是“{row.get_kind_display()}”，不能这样处理。")
    return row, held, payment


def _clearing(held: SuspenseCharge | None, payment: Payment | None) -> Account:
    source = held or payment
    if source is None:
        raise StaffRefusal("本系统没有这笔支付。")
    return ledger.clearing(source.channel)


def _order_number(row: Discrepancy) -> str:
    return row.payment.order.order_number if row.payment and row.payment.order else ""
