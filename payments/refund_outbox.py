"""Sending refunds to the provider: looked for there first, sent once, inquired about till final."""

import logging
from typing import Any

from django.db import transaction
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

import pingpp_client
from api.errors import log_bug
from api.failpoints import failpoint
from payments import console_refunds, refund_answers, refunds
from payments.models import Refund, RefundStatus
from qaorder import worklist

logger = logging.getLogger("feiqingsong.refunds")

DESCRIPTION = "订单退款"
"""What the provider is told; the reason itself may speak of the patient's condition."""
PASSING_REFUSALS = (401, 403, 429)
"""About us or the moment, not about the refund."""


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
            with pingpp_client.time_limit(worklist.row_seconds()):
                hung += not _handle(refund)
        except pingpp_client.CallInTransaction:
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
    refund.next_try_at = timezone.now() + worklist.backoff(refund.tries)
    refund.save(update_fields=["tries", "next_try_at"])
    return worklist.lease(refund)


def _handle(refund: Refund) -> bool:
    """Send or look for one leased refund; whether the provider was there to be asked."""
    failpoint("refund.claimed")
    try:
        # The provider has no idempotency for refunds: asked twice it pays twice. So it is looked
        # for first, always, even where `sent_at` says that nothing was sent.
        answer = _look_up(refund)
        if answer is None:
            if not _is_still_ours(refund):
                return True
            failpoint("refund.asked")
            answer = pingpp_client.create_refund(
                charge_id=refund.charge_id,
                amount_fen=refund.amount_fen,
                description=DESCRIPTION,
                metadata=refund_answers.metadata_of(refund),
            )
        failpoint("refund.sent")
    except pingpp_client.ProviderError as error:
        logger.warning("refund %d, try %d: %s", refund.pk, refund.tries, type(error).__name__)
        if _is_definite(error):
            refunds.refuse(refund.pk, error.code or error.kind)
        else:
            _note_failure(refund, error)
        return not error.hangs
    refund_answers.record(refund.pk, answer)
    # If ours was ended otherwise while the provider was asked, what it did is nobody's yet.
    console_refunds.take_note(refund.charge_id, [answer])
    return True


def _is_still_ours(refund: Refund) -> bool:
    """Note that the provider may know of it from now on.

    False if it is nothing to be sent any more: the console's took its place, or the lease is over.
    """
    rows = Refund.objects.filter(pk=refund.pk, status=RefundStatus.OPEN, refund_id=None)
    ours = rows.filter(leased_until=refund.leased_until, leased_until__gt=Now())
    return bool(ours.update(sent_at=Coalesce("sent_at", timezone.now())))


def _look_up(refund: Refund) -> dict[str, Any] | None:
    """Return the provider's refund of ours, or None if it has none.

    Those that others made there are taken note of before more of the charge's money is sent back.
    """
    if refund.refund_id:
        return pingpp_client.retrieve_refund(charge_id=refund.charge_id, refund_id=refund.refund_id)
    answers = pingpp_client.list_refunds(refund.charge_id)
    for answer in answers:
        ours = refund_answers.match(answer)
        # One that failed does not stand in the way of another attempt; any other does.
        if ours is not None and ours.pk == refund.pk and answer.get("status") != "failed":
            return answer
    console_refunds.take_note(refund.charge_id, answers)
    return None


def _is_definite(error: pingpp_client.ProviderError) -> bool:
    """Whether the provider refused this very refund, now and for good."""
    return (
        isinstance(error, pingpp_client.ProviderRefused)
        and error.operation == "create_refund"
        and error.http_status not in PASSING_REFUSALS
    )


def _note_failure(refund: Refund, error: pingpp_client.ProviderError) -> None:
    """Keep why it is still open, for staff, unless another sender has it by now."""
    ours = Refund.objects.filter(pk=refund.pk, leased_until=refund.leased_until)
    ours.filter(status=RefundStatus.OPEN).update(
        failure_code=(error.code or type(error).__name__)[:60]
    )
