"""The provider's notices: signature, once only; a notice and its effect commit together."""

import hashlib
import json
import logging
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from feiqingsong.failpoints import failpoint
from qaorder.models import Notice, NoticeOutcome
from qaorder.payments import pingpp, refunds
from qaorder.payments.settlement import read_paid_charge, settle

logger = logging.getLogger("feiqingsong.webhook")

TEXT_LENGTH = 64


class BadSignature(Exception):
    """The body was not signed by the provider; nothing was stored."""


def receive(raw_body: bytes, signature: str | None) -> NoticeOutcome:
    """Give a notice its effect, once per event id, for ever.

    Raises: BadSignature. Any other exception is our own failure; the provider will send it again.
    """
    if not pingpp.signature_is_valid(raw_body, signature):
        logger.warning("notice with a bad signature, %d bytes", len(raw_body))
        raise BadSignature
    event = _parse(raw_body)
    digest = hashlib.sha256(raw_body).hexdigest()
    data = event.get("data")
    subject = data.get("object") if isinstance(data, dict) else None
    subject = subject if isinstance(subject, dict) else {}
    notice = Notice(
        event_id=_text(event.get("id")) or f"sha256-{digest[:57]}",
        type=_text(event.get("type")),
        object_id=_text(subject.get("id")),
        order_no=_text(subject.get("order_no")),
        digest=digest,
        outcome=NoticeOutcome.UNUSED,
    )
    if Notice.objects.filter(event_id=notice.event_id).exists():
        return NoticeOutcome.REPEATED
    try:
        return _apply(notice, event, subject)
    except IntegrityError:
        # A twin of this notice was faster; if it was anything else, the notice is not there.
        if Notice.objects.filter(event_id=notice.event_id).exists():
            return NoticeOutcome.REPEATED
        raise


@transaction.atomic
def _apply(notice: Notice, event: dict[str, Any], subject: dict[str, Any]) -> NoticeOutcome:
    notice.save(force_insert=True)
    failpoint("webhook.notice_kept")
    notice.outcome = _effect(event, subject)
    notice.save(update_fields=["outcome"])
    failpoint("webhook.settled")
    logger.info("notice %s %s: %s", notice.event_id, notice.type, notice.outcome)
    return NoticeOutcome(notice.outcome)


def _effect(event: dict[str, Any], subject: dict[str, Any]) -> NoticeOutcome:
    kind = event.get("type")
    if kind not in ("charge.succeeded", "refund.succeeded", "refund.failed"):
        return NoticeOutcome.UNUSED
    if event.get("livemode") is not settings.PINGPP_LIVEMODE:
        return NoticeOutcome.NOT_OURS
    if kind == "charge.succeeded":
        fact = read_paid_charge(subject)
        return NoticeOutcome.NOT_OURS if fact is None else settle(fact)
    refund = refunds.find_for_notice(subject)
    return NoticeOutcome.NOT_OURS if refund is None else refunds.record(refund.pk, subject)


def _parse(raw_body: bytes) -> dict[str, Any]:
    try:
        event = json.loads(raw_body)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _text(value: Any) -> str:
    """Provider text that any database can keep, or blank."""
    return (
        value
        if isinstance(value, str)
        and value.isascii()
        and value.isprintable()
        and len(value) <= TEXT_LENGTH
        else ""
    )
