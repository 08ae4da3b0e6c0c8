"""Sending refunds to the provider: looked for there first, sent once, asked about until final."""

import logging
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Coalesce
from django.utils import timezone

from feiqingsong.failpoints import failpoint
from qaorder.models import Refund
from qaorder.models.payment import RefundStatus
from qaorder.payments import console, pingpp, refund_answers, refunds

logger = logging.getLogger("feiqingsong.refunds")

DESCRIPTION = "订单退款"
"""What the provider is told; the reason itself may speak of the patient's condition."""
BATCH = 20
PASSING_REFUSALS = (401, 403, 408, 429)
"""About us or the moment, not about the refund."""


def send_due() -> int:
    """Send or follow up the refunds whose time has come; return how many were handled.

    Any number of copies may run: each refund is leased before the provider is asked.
    """
    pks = Refund.objects.filter(status=RefundStatus.OPEN, next_try_at__lte=timezone.now())
    handled = 0
    for pk in list(pks.order_by("next_try_at").values_list("pk", flat=True)[:BATCH]):
        refund = _claim(pk)
        if refund is not None:
            handled += 1
            if not _handle(refund):
                break
    return handled


@transaction.atomic
def _claim(pk: int) -> Refund | None:
    """Lease one due refund until its next try; None if another copy has it."""
    rows = Refund.objects.select_for_update(
        skip_locked=connection.features.has_select_for_update_skip_locked, of=("self",)
    )
    now = timezone.now()
    refund = rows.filter(pk=pk, status=RefundStatus.OPEN, next_try_at__lte=now).first()
    if refund is None:
        return None
    refund.tries += 1
    # Longer than any call may take, so that no other copy sends it meanwhile.
    lease = timedelta(seconds=settings.PINGPP_DEADLINE) * 4
    refund.next_try_at = now + max(refunds.backoff(refund.tries), lease)
    refund.save(update_fields=["tries", "next_try_at"])
    return refund


def _handle(refund: Refund) -> bool:
    """Send or look for one leased refund; whether the provider was there to be asked."""
    failpoint("refund.claimed")
    try:
        answer = _look_up(refund)
        if answer is None:
            if not _is_still_ours(refund):
                return True
            failpoint("refund.asked")
            answer = pingpp.create_refund(
                charge_id=refund.charge_id,
                amount_fen=refund.amount_fen,
                description=DESCRIPTION,
                metadata=refund_answers.metadata_of(refund),
            )
        failpoint("refund.sent")
    except pingpp.ProviderError as error:
        logger.warning("refund %d, try %d: %s", refund.pk, refund.tries, type(error).__name__)
        if _is_definite(error):
            refunds.refuse(refund.pk, error.code or error.kind)
        else:
            _note_failure(refund, error)
        return not error.hangs
    refund_answers.record(refund.pk, answer)
    return True


def _is_still_ours(refund: Refund) -> bool:
    """Note that the provider may know of it from now on; False if the console's took its place."""
    rows = Refund.objects.filter(pk=refund.pk, status=RefundStatus.OPEN, refund_id=None)
    return bool(rows.update(sent_at=Coalesce("sent_at", timezone.now())))


def _look_up(refund: Refund) -> dict[str, Any] | None:
    """Return the provider's refund of ours, or None if it has none.

    Those that others made there are taken note of before more of the charge's money is sent back.
    """
    if refund.refund_id:
        return pingpp.retrieve_refund(charge_id=refund.charge_id, refund_id=refund.refund_id)
    answers = pingpp.list_refunds(refund.charge_id)
    for answer in answers:
        ours = refund_answers.match(answer)
        # One that failed does not stand in the way of another attempt; any other does.
        if ours is not None and ours.pk == refund.pk and answer.get("status") != "failed":
            return answer
    console.look(refund.charge_id, answers)
    return None


def _is_definite(error: pingpp.ProviderError) -> bool:
    """Whether the provider refused this very refund, now and for good."""
    return (
        isinstance(error, pingpp.ProviderRefused)
        and error.operation == "create_refund"
        and error.http_status not in PASSING_REFUSALS
    )


def _note_failure(refund: Refund, error: pingpp.ProviderError) -> None:
    """Keep why it is still open, for staff."""
    Refund.objects.filter(pk=refund.pk, status=RefundStatus.OPEN).update(
        failure_code=(error.code or type(error).__name__)[:60]
    )
