"""Sweeps over payments: silent attempts are asked about, refunds are sent."""

import logging
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from qaorder.models import Payment
from qaorder.models.payment import OPEN_STATES, PaymentState
from qaorder.payments import inquiry, pingpp

logger = logging.getLogger("feiqingsong.jobs")

BATCH = 20
LOST_AFTER = timedelta(seconds=30)
"""An attempt without an answer is looked for once its request can no longer be running."""
SILENT_AFTER = timedelta(minutes=5)
"""A charge without a notice is asked about, so that a lost notice costs minutes, not money."""


def ask_about_silent() -> int:
    """Ask the provider about lost attempts and silent charges; return how many were asked about.

    Any number of copies may run: each attempt is claimed by moving its `checked_at`.
    """
    now = timezone.now()
    lost = Q(state=PaymentState.CREATING, checked_at__lte=now - LOST_AFTER)
    silent = Q(state=PaymentState.PENDING, checked_at__lte=now - SILENT_AFTER)
    due = Payment.objects.filter(lost | silent, state__in=OPEN_STATES).order_by("checked_at")
    asked = 0
    for payment in due[:BATCH]:
        if _is_leased(payment):
            continue
        claimed = Payment.objects.filter(pk=payment.pk, checked_at=payment.checked_at)
        if not claimed.update(checked_at=now):
            continue
        try:
            inquiry.ask(payment)
        except pingpp.ProviderError as error:
            logger.warning("payment %d stays open: %s", payment.pk, type(error).__name__)
        asked += 1
    return asked


def _is_leased(payment: Payment) -> bool:
    return payment.leased_until is not None and payment.leased_until > timezone.now()
