"""Refunds made in the provider's console: found, kept as differences, accepted or disputed.

Found by a notice, a question or a comparison. While one waits for staff, its order's money is not
released.
"""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from feiqingsong.errors import StaffRefusal
from ledger import services as ledger
from ledger.models import TransactionKind
from qaorder.lifecycle import Role
from qaorder.models import (
    Bearer,
    Discrepancy,
    DiscrepancyKind,
    HeldCharge,
    HeldResolution,
    Order,
    OrderType,
    Payment,
    Refund,
    RefundOrigin,
    Resolution,
    Status,
)
from qaorder.models.payment import RefundStatus
from qaorder.payments import discrepancies, refund_answers, refunds
from qaorder.payments.release import COMPLETED
from qaorder.services.subscriptions import end_period, lock_patient

Json = dict[str, Any]

BY_CONSOLE = "渠道后台退款"
ONLY_DISPUTE = "没有可以抵扣的款项，只能由平台承担。"
MAX_FEN = 2**62
DECIDED = (Resolution.ACCEPTED, Resolution.DISPUTED)


def look(charge_id: str, answers: Iterable[Json]) -> list[Discrepancy]:
    """Take note of those refunds of one of our charges that this service did not ask for.

    Ours are left to `refund_answers.record`. Returns the differences that staff must decide about.
    """
    strange = [
        answer
        for answer in answers
        if refund_answers.id_of(answer)
        and type(answer.get("amount")) is int
        and 0 < answer["amount"] < MAX_FEN
        and refund_answers.match(answer) is None
    ]
    found = [_look_at(charge_id, answer) for answer in strange]
    return [row for row in found if row is not None]


@transaction.atomic
def _look_at(charge_id: str, answer: Json) -> Discrepancy | None:
    known = Discrepancy.objects.filter(refund_id=answer["id"])
    if answer.get("status") == "failed":
        return _failed_there(known, answer)
    if known.filter(resolution__in=DECIDED).exists():
        return None
    payment = None
    held = HeldCharge.objects.filter(charge_id=charge_id).first()
    if held is None:
        payment = _lock(Payment.objects.get(charge_id=charge_id))
    if _give_up(held, answer) if held else payment and _adopt(payment, answer):
        for row in known.filter(resolved_at=None):
            discrepancies.resolve(row, Resolution.MENDED)
        return None
    return discrepancies.note(
        DiscrepancyKind.REFUND_UNKNOWN,
        charge_id,
        payment=payment,
        refund_id=answer["id"],
        order_no=payment.order_no if payment else held.order_no if held else "",
        theirs_fen=answer["amount"],
    )


def _lock(payment: Payment) -> Payment:
    """Lock the payment, and its order before it."""
    if payment.order_id:
        Order.objects.select_for_update().get(pk=payment.order_id)
    rows = Payment.objects.select_for_update(of=("self",))
    return rows.select_related("order", "payer").get(pk=payment.pk)


def _failed_there(known: Any, answer: Json) -> Discrepancy | None:
    """A console's refund that did not go through: nothing to decide, or a decision too many."""
    for row in known.filter(kind=DiscrepancyKind.REFUND_UNKNOWN, resolved_at=None):
        discrepancies.resolve(row, Resolution.GONE)
    row = known.filter(kind=DiscrepancyKind.REFUND_UNKNOWN, resolution=Resolution.DISPUTED).first()
    if row is None:
        return None
    return discrepancies.note(
        DiscrepancyKind.REFUND_UNDONE,
        row.charge_id,
        payment=row.payment,
        refund_id=row.refund_id,
        order_no=row.order_no,
        ours_fen=row.provider_amount_fen,
        theirs_fen=answer["amount"],
    )


def _adopt(payment: Payment, answer: Json) -> bool:
    """Whether the console's refund is what a refund of ours, not through yet, was to be."""
    ours = payment.refunds.select_for_update(of=("self",)).filter(amount_fen=answer["amount"])
    waiting = Q(status=RefundStatus.FAILED) | Q(status=RefundStatus.OPEN, refund_id=None)
    refund = ours.filter(waiting).order_by("pk").first()
    if refund is None:
        return False
    refund.origin = RefundOrigin.CONSOLE
    refund_answers.take_over(refund, answer)
    return True


def _give_up(held: HeldCharge, answer: Json) -> bool:
    """Whether the console returned held money that nobody had decided about: it is gone then."""
    held = HeldCharge.objects.select_for_update().get(pk=held.pk)
    if held.resolution or answer["amount"] > held.remaining_fen:
        return False
    if answer.get("status") != "succeeded":
        return True
    refund = Refund.objects.create(
        held=held,
        amount_fen=answer["amount"],
        bearer=Bearer.SUSPENSE,
        origin=RefundOrigin.CONSOLE,
        role=Role.PROVIDER,
        reason=BY_CONSOLE,
        refund_id=answer["id"],
        sent_at=timezone.now(),
    )
    refunds.succeed(refund)
    held.refunded_fen += answer["amount"]
    if not held.remaining_fen:
        held.resolution, held.resolved_at = HeldResolution.REFUNDED, timezone.now()
    held.save()
    return True


@transaction.atomic
def accept(difference: Discrepancy, *, bearer: Bearer, actor: User, reason: str) -> Refund:
    """Make the console's refund our own.

    An order in 1 or 2 is cancelled with it, and what the console left of its money goes back too.
    In 3 to 5 the order stays and `bearer` (doctor or platform) pays; a recharge is taken off the
    payer's balance. Where our own refund has claimed the money and failed, it shrinks by as much.
    Raises: StaffRefusal, InsufficientBalance: then it can only be disputed.
    """
    row, payment = _open_difference(difference, DiscrepancyKind.REFUND_UNKNOWN)
    if payment is None:
        raise StaffRefusal(ONLY_DISPUTE)
    amount = int(row.provider_amount_fen or 0)
    order = payment.order
    is_taken = amount > payment.amount_fen - payment.refunded_fen
    if is_taken:
        bearer = _shrink_own(payment, amount)
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
    discrepancies.resolve(row, Resolution.ACCEPTED)
    return refund


def _bearer_later(order: Order, payment: Payment, amount: int, bearer: Bearer) -> Bearer:
    """Who pays for an answered or completed order; its period ends if all its money is back."""
    if order.status not in (Status.ANSWERED, *COMPLETED):
        raise StaffRefusal(ONLY_DISPUTE)
    is_all = payment.refunded_fen + amount == payment.amount_fen
    if is_all and order.order_type == OrderType.MONTHLY:
        lock_patient(order.patient_id)
        end_period(order.period)
    return refunds.bearer_of(order, bearer)


def _shrink_own(payment: Payment, amount: int) -> Bearer:
    """Take the amount off a refund of ours that failed.  Raises: StaffRefusal if there is none."""
    own = payment.refunds.select_for_update(of=("self",)).filter(
        status=RefundStatus.FAILED, amount_fen__gt=amount
    )
    refund = own.order_by("pk").first()
    if refund is None:
        raise StaffRefusal(ONLY_DISPUTE)
    refund.amount_fen -= amount
    refund.save(update_fields=["amount_fen"])
    payment.refunded_fen -= amount
    payment.save(update_fields=["refunded_fen"])
    return Bearer(refund.bearer)


@transaction.atomic
def dispute(difference: Discrepancy) -> None:
    """Let the platform stand for a console's refund; the order's release goes on.

    Raises: StaffRefusal if it was decided already.
    """
    row, _ = _open_difference(difference, DiscrepancyKind.REFUND_UNKNOWN)
    amount = int(row.provider_amount_fen or 0)
    legs = {ledger.clearing(_channel_of(row)): amount, ledger.platform(): -amount}
    ledger.post(TransactionKind.DISPUTE, f"dispute:{row.pk}", legs, _order_number(row))
    discrepancies.resolve(row, Resolution.DISPUTED)


@transaction.atomic
def take_back(difference: Discrepancy) -> None:
    """Accept that a refund failed at the provider after it had succeeded there.

    Our refund counts as failed again and waits for staff; a disputed one gives the platform its
    money back.  Raises: StaffRefusal if it was decided already.
    """
    row, _ = _open_difference(difference, DiscrepancyKind.REFUND_UNDONE)
    refund = Refund.objects.filter(refund_id=row.refund_id).first()
    if refund is not None:
        refunds.undo(refund)
    else:
        disputed = Discrepancy.objects.get(
            kind=DiscrepancyKind.REFUND_UNKNOWN, charge_id=row.charge_id, refund_id=row.refund_id
        )
        amount = int(disputed.provider_amount_fen or 0)
        legs = {ledger.platform(): amount, ledger.clearing(_channel_of(row)): -amount}
        reference = f"undone:dispute:{disputed.pk}"
        ledger.post(TransactionKind.UNDONE, reference, legs, _order_number(row))
    discrepancies.resolve(row, Resolution.ACCEPTED)


def _open_difference(
    difference: Discrepancy, kind: DiscrepancyKind
) -> tuple[Discrepancy, Payment | None]:
    """Return the undecided difference and its payment, locked after its order.

    Raises: StaffRefusal if it is of another kind or decided.
    """
    payment = _lock(difference.payment) if difference.payment else None
    rows = Discrepancy.objects.select_for_update(of=("self",))
    row = rows.select_related("payment__order").get(pk=difference.pk)
    if row.kind != kind or row.resolved_at is not None:
        raise StaffRefusal("该差异已经处理。")
    return row, payment


def _channel_of(row: Discrepancy) -> str:
    if row.payment is not None:
        return str(row.payment.channel)
    return str(HeldCharge.objects.values_list("channel", flat=True).get(charge_id=row.charge_id))


def _order_number(row: Discrepancy) -> str:
    return row.payment.order.order_number if row.payment and row.payment.order else ""
