"""Comparing the provider's book with ours, in both directions, over a stretch of time.

Money that the provider collected or returned and we do not know of goes through the same
functions as its notice would, so meeting the notice does no harm. All other differences are kept
for staff. What is younger than SETTLED_AFTER is still in flight and left alone.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

import pingpp_client
from api.errors import log_bug
from payments import charges, console_refunds, refund_answers
from payments.models import (
    Discrepancy,
    DiscrepancyKind,
    NoticeOutcome,
    Payment,
    PaymentState,
    Refund,
    RefundMeans,
    RefundStatus,
    SuspenseCharge,
)
from payments.paid_charge import PaidCharge, read_paid_charge
from payments.reconcile import discrepancies
from payments.settlement import settle
from pingpp_client import Json
from qaorder.models import Channel

SETTLED_AFTER = timedelta(minutes=5)
SLICE = timedelta(hours=2)
"""How much is asked for at once; halved where the provider has too much to list."""
SHORTEST = timedelta(seconds=2)
MAX_UNREAD = 5
"""If more charges than these newly cannot be read, it is the provider that is at fault."""
BATCH = 200
TEXT_LENGTH = 64


@dataclass
class Report:
    """What one comparison looked at and found."""

    charges: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)
    found: list[Discrepancy] = field(default_factory=list)
    gone: int = 0
    newly_unread: int = 0

    def note(self, kind: DiscrepancyKind, charge_id: str, **details: Any) -> None:
        self.found.append(discrepancies.note(kind, charge_id, **details))

    @contextmanager
    def reading(self, charge_id: str, order_no: str) -> Iterator[None]:
        """Note a charge that cannot be read, and go on with the next.

        Those that were noted before do not count: however many a stretch has, it comes to an end.
        """
        try:
            yield
        except pingpp_client.ProviderError as error:
            failed: Exception = error
        except Exception as error:
            log_bug(error)
            failed = error
        else:
            return
        self.charges.discard(charge_id)
        self.unread.add(charge_id)
        is_known = discrepancies.is_open(DiscrepancyKind.UNREADABLE, charge_id)
        self.note(DiscrepancyKind.UNREADABLE, charge_id, order_no=order_no)
        self.newly_unread += not is_known
        if self.newly_unread > MAX_UNREAD:
            raise failed


def compare(start: datetime, end: datetime) -> Report:
    """Compare the charges and payments made from `start` up to `end`; outside any transaction.

    Raises: pingpp_client.ProviderError; what was found until then is kept.
    """
    # Two cut-off times. `end` is about when charges were made, which is how the provider lists
    # them. `settled` is about when money moved: a charge made hours ago may have been paid, or
    # refunded, just now, its notice on the way. So `settled` goes all the way down, as it was
    # before the first listing: what moves while this runs is left to the next comparison.
    settled = timezone.now() - SETTLED_AFTER
    end = min(end, settled)
    report = Report()
    while start < end:
        _compare_slice(start, min(start + SLICE, end), settled, report)
        start += SLICE
    # Only of charges that were read: what could not be looked at has not gone.
    report.gone = discrepancies.close_gone(report.charges, {row.pk for row in report.found})
    return report


def _compare_slice(start: datetime, end: datetime, settled: datetime, report: Report) -> None:
    # By whole seconds, both ends included: one on the border is compared twice, which does no harm.
    listing = pingpp_client.list_charges(
        created_gte=int(start.timestamp()), created_lte=int(end.timestamp()), paid=True
    )
    try:
        charges = list(listing)
    except pingpp_client.ProviderUnavailable as error:
        if error.kind != "too_long" or end - start < SHORTEST:
            raise
        middle = start + (end - start) / 2
        _compare_slice(start, middle, settled, report)
        _compare_slice(middle, end, settled, report)
        return
    for batch in _batches(charges):
        _check_theirs(batch, settled, report)
    _check_ours(start, end, settled, report)


def _check_theirs(charges: list[Json], settled: datetime, report: Report) -> None:
    """What they collected must be a paid payment of ours."""
    rows = _payments().filter(charge_id__in=[charge["id"] for charge in charges])
    known = {payment.charge_id: payment for payment in rows}
    for charge in charges:
        payment = known.get(charge["id"])
        with report.reading(charge["id"][:TEXT_LENGTH], payment.order_no if payment else ""):
            if payment is not None:
                _compare(payment, charge, settled, report)
            else:
                _settle(charge, settled, report)


def _check_ours(start: datetime, end: datetime, settled: datetime, report: Report) -> None:
    """What we hold as paid or refunded must be theirs; those not listed are asked for singly."""
    made = Q(created_at__gte=start, created_at__lt=end)
    refunded = Q(refunds__created_at__gte=start, refunds__created_at__lt=end)
    # Two queries, as neither index serves both conditions.
    for condition in (made, refunded):
        for payment in _payments().filter(condition).distinct():
            # Listed by when the charge was made there, found here by when the attempt was made or
            # refunded: near a border, or refunded late, it is in no listing of this slice.
            charge_id = payment.charge_id or f"payment:{payment.pk}"
            if charge_id not in report.charges | report.unread:
                with report.reading(charge_id, payment.order_no):
                    _check_singly(payment, charge_id, settled, report)


def _check_singly(payment: Payment, charge_id: str, settled: datetime, report: Report) -> None:
    charge = charges.retrieve(payment.charge_id) if payment.charge_id else None
    if charge is None or charge.get("paid") is not True:
        report.charges.add(charge_id)
        report.note(
            DiscrepancyKind.ABSENT if charge is None else DiscrepancyKind.UNPAID,
            charge_id,
            payment=payment,
            order_no=payment.order_no,
            ours_fen=payment.amount_fen,
            theirs_fen=_amount(charge or {}),
        )
    else:
        _compare(payment, charge, settled, report)


def _payments() -> QuerySet[Payment]:
    """Payments that the provider must know as paid."""
    paid = Payment.objects.filter(state=PaymentState.PAID, amount_fen__gt=0)
    return paid.exclude(channel=Channel.BALANCE).prefetch_related("refunds")


def _compare(payment: Payment, charge: Json, settled: datetime, report: Report) -> None:
    """Compare a paid payment with its paid charge, and their refunds."""
    report.charges.add(charge["id"])
    ours = (payment.amount_fen, payment.channel, payment.order_no)
    if ours != (charge.get("amount"), charge.get("channel"), charge.get("order_no")):
        report.note(
            DiscrepancyKind.DIFFERS,
            charge["id"],
            payment=payment,
            order_no=payment.order_no,
            ours_fen=payment.amount_fen,
            theirs_fen=_amount(charge),
        )
    _check_refunds(payment, settled, _compare_refunds(charge, payment, report), report)


def _settle(charge: Json, settled: datetime, report: Report) -> None:
    """Book money that we do not know of, as its notice would have."""
    fact = read_paid_charge(charge)
    if fact is None:
        report.charges.add(charge["id"])
        report.note(
            DiscrepancyKind.STRANGER, charge["id"][:TEXT_LENGTH], theirs_fen=_amount(charge)
        )
    # Else it is neither compared nor noted: its notice may be on the way.
    elif fact.paid_at <= settled:
        report.charges.add(charge["id"])
        kind = _outcome(fact)
        _compare_refunds(charge, None, report)
        if kind is not None:
            details: Json = {"order_no": fact.order_no, "theirs_fen": fact.amount_fen}
            row = Payment.objects.filter(order_no=fact.order_no, duplicate_of=None).first()
            report.note(kind, fact.charge_id, ours_fen=row.amount_fen if row else None, **details)


def _outcome(fact: PaidCharge) -> DiscrepancyKind | None:
    """Settle the charge; None if its notice was quicker, or staff have decided about it."""
    outcome = settle(fact)
    if outcome != NoticeOutcome.HELD:
        return DiscrepancyKind.MISSED if outcome == NoticeOutcome.APPLIED else None
    held = SuspenseCharge.objects.get(charge_id=fact.charge_id)
    if held.resolution:
        return None
    return DiscrepancyKind.DIFFERS if held.payment_id else DiscrepancyKind.STRANGER


def _compare_refunds(charge: Json, payment: Payment | None, report: Report) -> set[int]:
    """Take over what the provider says of the charge's refunds; return those of ours it has."""
    # Strangers first, so that a console's refund that stands for one of ours is matched below.
    answers, ours = _refunds_of(charge), set()
    report.found += console_refunds.take_note(charge["id"], answers)
    for answer in answers:
        refund = refund_answers.match(answer)
        if refund is None:
            continue
        ours.add(refund.pk)
        outcome = refund_answers.record(refund.pk, answer)
        if outcome == NoticeOutcome.DIFFERS:
            report.found += Discrepancy.objects.filter(refund_id=answer["id"], resolved_at=None)
        elif outcome == NoticeOutcome.APPLIED and answer.get("status") == "succeeded":
            report.note(
                DiscrepancyKind.REFUND_MISSED,
                charge["id"],
                payment=payment,
                refund_id=answer["id"],
                order_no=charge["order_no"],
                ours_fen=refund.amount_fen,
                theirs_fen=_amount(answer),
            )
    return ours


def _check_refunds(payment: Payment, settled: datetime, found: set[int], report: Report) -> None:
    """What the channel gave back by our book must be in theirs."""
    for refund in payment.refunds.all():
        if _is_settled(refund, settled) and refund.pk not in found:
            report.note(
                DiscrepancyKind.REFUND_ABSENT,
                str(payment.charge_id),
                payment=payment,
                refund_id=refund.refund_id or "",
                order_no=payment.order_no,
                ours_fen=refund.amount_fen,
            )


def _is_settled(ours: Refund, settled: datetime) -> bool:
    """Whether the channel gave it back, by our book, and long enough ago to show in theirs."""
    return bool(
        ours.status == RefundStatus.SUCCEEDED
        and ours.means == RefundMeans.CHANNEL
        and ours.finished_at
        and ours.finished_at <= settled
    )


def _refunds_of(charge: Json) -> list[Json]:
    # A charge brings its newest refunds along; only where there are more are they listed.
    listed = charge.get("refunds")
    if isinstance(listed, dict) and listed.get("has_more") is False:
        data = listed.get("data")
        if isinstance(data, list):
            return [row for row in data if refund_answers.id_of(row)]
    return pingpp_client.list_refunds(charge["id"])


def _amount(answer: Json) -> int | None:
    amount = answer.get("amount")
    return amount if type(amount) is int and abs(amount) < 2**62 else None


def _batches(charges: Iterable[Json]) -> Iterator[list[Json]]:
    iterator = iter(charges)
    while batch := list(islice(iterator, BATCH)):
        yield batch
