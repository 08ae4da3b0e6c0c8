"""Refunds: one row written with the status change, sent afterwards, open until the money is back.

The row comes first and the provider is asked later, by `run_jobs`, so that no crash can lose or
double a refund. What the provider may already know of is looked for there before it is sent again.
"""

import re
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from feiqingsong.errors import CannotRefund
from feiqingsong.failpoints import failpoint
from ledger import services as ledger
from ledger.models import TransactionKind
from qaorder.lifecycle import Event, Role, advance
from qaorder.models import NoticeOutcome, Order, OrderType, Payment, Refund, Status
from qaorder.models.payment import RefundStatus
from qaorder.payments.gateways import gateway_for
from qaorder.services.subscriptions import end_period, is_used, lock_patient

METADATA_KEY = "refund"
"""Where a provider's refund names our row."""
_REFUND_ID = re.compile(r"[0-9A-Za-z_-]{1,40}", re.ASCII)


@transaction.atomic
def refund_order(
    *, order: Order, role: Role, actor: User | None = None, reason: str = ""
) -> Refund:
    """Cancel a paid, unanswered order and give all its money back the way it came.

    Raises: CannotRefund outside statuses 1 and 2, and for a monthly order that was used, unless
    the doctor or staff refund it.
    """
    order = Order.objects.select_for_update().get(pk=order.pk)
    if order.status not in (Status.PAID, Status.WAITING) or order.paid_with is None:
        raise CannotRefund
    payment = order.paid_with
    if order.order_type == OrderType.MONTHLY:
        lock_patient(order.patient_id)
        if role in (Role.PATIENT, Role.CLOCK) and is_used(order.period):
            raise CannotRefund
        end_period(order.period)
    advance(order, Event.REFUND, role, actor)
    return open_refund(payment, reason=reason, role=role)


def open_refund(payment: Payment, *, reason: str, role: Role) -> Refund:
    """Write the refund of a paid payment in the caller's transaction.

    Money from the balance, or none, is back at once; the provider's is sent by `send_due`.
    """
    refund = Refund.objects.create(
        payment=payment, amount_fen=payment.amount_fen, reason=reason, role=role
    )
    failpoint("refund.row_written")
    if not gateway_for(payment.channel, payment.amount_fen).remote:
        succeed(refund)
    return refund


def succeed(refund: Refund) -> None:
    """Close an open or failed refund and book the money back; call with the row locked."""
    payment = refund.payment
    refund.status = RefundStatus.SUCCEEDED
    refund.finished_at = timezone.now()
    refund.save()
    source = gateway_for(payment.channel, payment.amount_fen).source(payment)
    if source is None:
        return
    order_number = payment.order.order_number if payment.order else ""
    legs = {ledger.held(): -refund.amount_fen, source: refund.amount_fen}
    ledger.post(TransactionKind.REFUND, f"refund:{refund.pk}", legs, order_number)


def refund_of(order: Order) -> Refund | None:
    """Return the refund of the money that paid the order, else the order's latest, or None."""
    refunds = Refund.objects.filter(payment__order=order).select_related("payment__order")
    return refunds.filter(payment__settled_order=order).first() or refunds.order_by("-pk").first()


def retry(refund: Refund) -> bool:
    """Send a failed refund again, at staff's request; False if it has not failed."""
    return bool(
        Refund.objects.filter(pk=refund.pk, status=RefundStatus.FAILED).update(
            status=RefundStatus.OPEN, refund_id=None, next_try_at=timezone.now(), finished_at=None
        )
    )


@transaction.atomic
def record(refund_pk: int, answer: dict[str, Any]) -> NoticeOutcome:
    """Take over what the provider says of a refund: pending, succeeded or failed, as given.

    An answer about another charge or amount is not believed and held for staff.
    """
    refund = (
        Refund.objects.select_for_update(of=("self",))
        .select_related("payment__order")
        .get(pk=refund_pk)
    )
    if (answer.get("charge"), answer.get("amount")) != (
        refund.payment.charge_id,
        refund.amount_fen,
    ):
        return NoticeOutcome.HELD
    is_old = refund.refund_id not in (None, answer["id"]) and answer.get("status") != "succeeded"
    if refund.status == RefundStatus.SUCCEEDED or is_old:
        return NoticeOutcome.REPEATED
    refund.refund_id = answer["id"]
    refund.failure_code = _text(answer.get("failure_code"))[:60]
    refund.failure_msg = _text(answer.get("failure_msg"))
    if answer.get("status") == "succeeded":
        succeed(refund)
    else:
        if answer.get("status") == "failed":
            refund.status, refund.finished_at = RefundStatus.FAILED, timezone.now()
        refund.save()
    failpoint("refund.recorded")
    return NoticeOutcome.APPLIED


def find_for_notice(answer: Any) -> Refund | None:
    """Return our refund that a provider's refund object is about, or None."""
    if not isinstance(answer, dict) or not isinstance(answer.get("id"), str):
        return None
    if not _REFUND_ID.fullmatch(answer["id"]):
        return None
    known = Refund.objects.filter(refund_id=answer["id"]).first()
    if known is not None:
        return known
    metadata = answer.get("metadata")
    number = metadata.get(METADATA_KEY) if isinstance(metadata, dict) else None
    if not isinstance(number, str) or not number.isascii() or not number.isdigit():
        return None
    return Refund.objects.filter(pk=int(number[:18])).first()


def _text(value: Any) -> str:
    """The provider's words as any database can keep them, or blank."""
    text = value if isinstance(value, str) else ""
    return text.encode("utf-8", "ignore").decode().replace("\x00", "")


def backoff(tries: int) -> timedelta:
    """Return how long to wait after so many tries: 30 s, doubling, at most an hour."""
    return timedelta(seconds=min(15 * 2 ** min(tries, 10), 3600))
