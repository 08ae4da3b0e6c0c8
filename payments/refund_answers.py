"""What the provider says of refunds: whose they are, and taking it over, once."""

import re
from typing import Any

from django.db import transaction
from django.utils import timezone

from api.failpoints import failpoint
from payments import refunds
from payments.models import (
    Discrepancy,
    DiscrepancyKind,
    NoticeOutcome,
    Refund,
    RefundOrigin,
    RefundStatus,
    Resolution,
    SuspenseResolution,
)
from payments.reconcile import discrepancies
from pingpp_client import Json

METADATA_KEY = "refund"
"""Where a provider's refund names our row, and under the next which attempt of it."""
ATTEMPT_KEY = "attempt"
GONE_KINDS = (DiscrepancyKind.REFUND_UNDONE, DiscrepancyKind.REFUND_ABSENT)
MAX_FEN = 2**62
_REFUND_ID = re.compile(r"[0-9A-Za-z_-]{1,40}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


def metadata_of(refund: Refund) -> dict[str, str]:
    """Return what the provider's refund is to say of ours."""
    return {METADATA_KEY: str(refund.pk), ATTEMPT_KEY: str(refund.attempt)}


def id_of(answer: Any) -> str:
    """Return the provider's number of a refund, blank if it is none that we can keep."""
    text = answer.get("id") if isinstance(answer, dict) else None
    return text if isinstance(text, str) and _REFUND_ID.fullmatch(text) else ""


def match(answer: Any) -> Refund | None:
    """Return our refund that a provider's refund is about, or None: then others made it.

    By its number, or by the row it names as long as that one has no other number.
    """
    refund_id = id_of(answer)
    if not refund_id:
        return None
    rows = Refund.objects.select_related("payment", "suspense")
    known = rows.filter(refund_id=refund_id).first()
    if known is not None:
        return None if _is_given_away(known) else known
    named = _named(answer, METADATA_KEY)
    row = rows.filter(pk=named).first() if named else None
    if row is None or answer.get("charge") != row.charge_id:
        return None
    # A failure of an earlier attempt comes late: it is ours, so that it is nobody else's refund,
    # but `record` lets it change nothing.
    is_past = answer.get("status") == "failed" and row.attempt != _attempt(answer, row)
    return row if _can_take(row) or is_past else None


def _can_take(row: Refund) -> bool:
    if _is_given_away(row):
        return False
    is_waiting = row.status == RefundStatus.OPEN and row.refund_id is None
    return is_waiting or row.status == RefundStatus.FAILED


def _is_given_away(row: Refund) -> bool:
    """Whether held money went elsewhere after its refund had failed."""
    return row.suspense is not None and row.suspense.resolution not in (
        "",
        SuspenseResolution.REFUNDED,
    )


@transaction.atomic
def record(refund_pk: int, answer: Json) -> NoticeOutcome:
    """Take over what the provider says of a refund: pending, succeeded or failed, as given.

    Another amount is not believed, a failure after success not acted on, nor a success after staff
    took one back: all are kept as differences for staff. A failure of an earlier attempt says
    nothing of the present one.
    """
    refund = refunds.lock(refund_pk)
    is_failed = answer.get("status") == "failed"
    is_same = refund.refund_id == answer["id"]
    is_past = is_failed and not is_same and _attempt(answer, refund) != refund.attempt
    ours = (refund.charge_id, refund.amount_fen)
    if not is_past and (answer.get("charge"), answer.get("amount")) != ours:
        return differs(DiscrepancyKind.REFUND_DIFFERS, refund, answer)
    if refund.status == RefundStatus.SUCCEEDED:
        if is_failed and is_same:
            return differs(DiscrepancyKind.REFUND_UNDONE, refund, answer)
        return NoticeOutcome.REPEATED
    # Ours has the number of one that runs; a second one that names the same row changes nothing.
    is_other = refund.status == RefundStatus.OPEN and refund.refund_id and not is_same
    if is_past or is_other or (is_failed and is_same and refund.status == RefundStatus.FAILED):
        return NoticeOutcome.REPEATED
    if not is_failed and _is_taken_back(answer):
        # Most likely an old notice that comes late: the next comparison, which asks, ends it then.
        return differs(DiscrepancyKind.REFUND_UNKNOWN, refund, answer)
    take_over(refund, answer)
    return NoticeOutcome.APPLIED


def _is_taken_back(answer: Json) -> bool:
    """Whether the last word of staff on this very refund, once done, is that it is no more."""
    decided = Discrepancy.objects.filter(
        kind__in=(*GONE_KINDS, DiscrepancyKind.REFUND_UNKNOWN),
        charge_id=answer["charge"],
        refund_id=answer["id"],
        resolution=Resolution.ACCEPTED,
    )
    last = decided.order_by("resolved_at").last()
    return last is not None and last.kind in GONE_KINDS


def take_over(refund: Refund, answer: Json) -> None:
    """Bring a locked refund that is not through to where the provider's stands."""
    refund.refund_id = answer["id"]
    refund.failure_code = _text(answer.get("failure_code"))[:60]
    refund.failure_msg = _text(answer.get("failure_msg"))
    if answer.get("status") == "succeeded":
        refunds.succeed(refund)
        end_held(refund)
    elif answer.get("status") == "failed":
        refunds.fail(refund)
    else:
        refund.status, refund.finished_at = RefundStatus.OPEN, None
        refund.save()
    failpoint("refund.recorded")


def end_held(refund: Refund) -> None:
    """Take what went back off undecided held money; it is over once nothing of it remains."""
    held = refund.suspense
    if held is None or held.resolution:
        return
    if refund.origin == RefundOrigin.CONSOLE:
        held.refunded_fen += refund.amount_fen
    if refund.origin == RefundOrigin.SERVICE or not held.remaining_fen:
        held.resolution, held.resolved_at = SuspenseResolution.REFUNDED, timezone.now()
    held.save(update_fields=["refunded_fen", "resolution", "resolved_at"])


def differs(kind: DiscrepancyKind, refund: Refund, answer: Json) -> NoticeOutcome:
    """Keep how a provider's refund differs from ours, for staff."""
    amount = answer.get("amount")
    discrepancies.note(
        kind,
        refund.charge_id,
        payment=refund.payment,
        refund_id=answer["id"],
        order_no=refund.order_no,
        ours_fen=refund.amount_fen,
        theirs_fen=amount if type(amount) is int and abs(amount) < MAX_FEN else None,
    )
    return NoticeOutcome.DIFFERS


def _named(answer: Json, key: str) -> int | None:
    metadata = answer.get("metadata")
    text = metadata.get(key) if isinstance(metadata, dict) else None
    return int(text) if isinstance(text, str) and _NUMBER.fullmatch(text) else None


def _attempt(answer: Json, refund: Refund) -> int:
    """The attempt that a provider's refund names; the present one if it names none."""
    named = _named(answer, ATTEMPT_KEY)
    return refund.attempt if named is None else named


def _text(value: Any) -> str:
    """The provider's words as any database can keep them, or blank."""
    text = value if isinstance(value, str) else ""
    return text.encode("utf-8", "ignore").decode().replace("\x00", "")
