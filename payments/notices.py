"""The provider's notices: signature, once only; a notice and its effect commit together."""

import hashlib
import json
import logging
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

import pingpp_client
from api.failpoints import failpoint
from payments import console_refunds, refund_answers
from payments.models import Notice, NoticeOutcome, Payment, SuspenseCharge
from payments.paid_charge import read_paid_charge
from payments.settlement import settle

logger = logging.getLogger("feiqingsong.webhook")

TEXT_LENGTH = 64
"""What a row keeps of any text, also of `sha256-…`: the id of a notice that brings none."""


class BadSignature(Exception):
    """The body was not signed by the provider; nothing was stored."""


def receive(raw_body: bytes, signature: str | None) -> NoticeOutcome:
    """Give a notice its effect, once per event id, for ever.

    Raises: BadSignature. Any other exception is our own failure; the provider will send it again.
    """
    if not pingpp_client.signature_is_valid(raw_body, signature):
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
    known = Notice.objects.filter(event_id=notice.event_id).first()
    if known is not None and known.outcome != NoticeOutcome.NOT_OURS:
        return NoticeOutcome.REPEATED
    try:
        # One that was not ours may be by now: the settings were wrong, or it came too early.
        return _apply(known or notice, event, subject)
    except IntegrityError:
        # A twin of this notice was faster; if it was anything else, the notice is not there.
        if known is None and Notice.objects.filter(event_id=notice.event_id).exists():
            return NoticeOutcome.REPEATED
        raise


@transaction.atomic
def _apply(notice: Notice, event: dict[str, Any], subject: dict[str, Any]) -> NoticeOutcome:
    if notice._state.adding:
        notice.save(force_insert=True)
    elif Notice.objects.select_for_update().get(pk=notice.pk).outcome != NoticeOutcome.NOT_OURS:
        return NoticeOutcome.REPEATED
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
    return _refund_effect(subject)


def _refund_effect(answer: dict[str, Any]) -> NoticeOutcome:
    refund = refund_answers.match(answer)
    if refund is not None:
        return refund_answers.record(refund.pk, answer)
    charge_id = _text(answer.get("charge"))
    if not (charge_id and refund_answers.id_of(answer)) or not any(
        model.objects.filter(charge_id=charge_id).exists() for model in (Payment, SuspenseCharge)
    ):
        return NoticeOutcome.NOT_OURS
    found = console_refunds.take_note(charge_id, [answer])
    return NoticeOutcome.DIFFERS if found else NoticeOutcome.APPLIED


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
