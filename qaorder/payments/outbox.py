"""Sending refunds to the provider: looked for there first, sent once, asked about until final."""

import logging
from typing import Any

from django.db import transaction
from django.utils import timezone

from feiqingsong.errors import log_bug
from feiqingsong.failpoints import failpoint
from qaorder import worklist
from qaorder.models import Refund
from qaorder.models.payment import RefundStatus
from qaorder.payments import pingpp, refunds

logger = logging.getLogger("feiqingsong.refunds")

DESCRIPTION = "订单退款"
"""What the provider is told; the reason itself may speak of the patient's condition."""


def send_due() -> int:
    """Send or follow up the refunds whose time has come; return how many were handled.

    Any number of copies may run: each refund is leased before the provider is asked.
    """
    handled = hung = 0
    for _ in worklist.turns():
        refund = _claim()
        if refund is None:
            break
        handled += 1
        try:
            # Nothing is sent past the limit, and the lease is longer than that.
            with pingpp.time_limit(worklist.row_seconds()):
                hung += not _handle(refund)
        except pingpp.CallInTransaction:
            raise
        except Exception as error:
            log_bug(error)
        finally:
            worklist.release(refund)
        if hung == worklist.MAX_HUNG:
            break
    return handled


@transaction.atomic
def _claim() -> Refund | None:
    """Lease the refund that has been due longest; None if other copies have all that are due."""
    due = Refund.objects.filter(status=RefundStatus.OPEN, next_try_at__lte=timezone.now())
    refund = worklist.pick(due.filter(worklist.is_free()).order_by("next_try_at"))
    if refund is None:
        return None
    refund.tries += 1
    refund.next_try_at = timezone.now() + refunds.backoff(refund.tries)
    refund.save(update_fields=["tries", "next_try_at"])
    return worklist.lease(refund)


def _handle(refund: Refund) -> bool:
    """Send or look for one leased refund; whether the provider was there to be asked."""
    failpoint("refund.claimed")
    try:
        answer = _look_up(refund) if refund.sent_at else None
        if answer is None:
            Refund.objects.filter(pk=refund.pk, sent_at=None).update(sent_at=timezone.now())
            failpoint("refund.asked")
            answer = pingpp.create_refund(
                charge_id=str(refund.payment.charge_id),
                amount_fen=refund.amount_fen,
                description=DESCRIPTION,
                metadata={refunds.METADATA_KEY: str(refund.pk)},
            )
        failpoint("refund.sent")
    except pingpp.ProviderError as error:
        logger.warning("refund %d, try %d: %s", refund.pk, refund.tries, type(error).__name__)
        _note_failure(refund, error)
        return not error.hangs
    refunds.record(refund.pk, answer)
    return True


def _look_up(refund: Refund) -> dict[str, Any] | None:
    """Return the provider's refund of ours, or None if it has none."""
    charge_id = str(refund.payment.charge_id)
    if refund.refund_id:
        return pingpp.retrieve_refund(charge_id=charge_id, refund_id=refund.refund_id)
    ours = [
        answer
        for answer in pingpp.list_refunds(charge_id)
        if isinstance(answer.get("metadata"), dict)
        and answer["metadata"].get(refunds.METADATA_KEY) == str(refund.pk)
    ]
    # One that failed does not stand in the way of a retry; any other does.
    return next((answer for answer in ours if answer.get("status") != "failed"), None)


def _note_failure(refund: Refund, error: pingpp.ProviderError) -> None:
    """Keep why it is still open, for staff, unless another sender has it by now."""
    ours = Refund.objects.filter(pk=refund.pk, leased_until=refund.leased_until)
    ours.filter(status=RefundStatus.OPEN).update(
        failure_code=(error.code or type(error).__name__)[:60]
    )
