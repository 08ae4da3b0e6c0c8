"""Sweeps over payments: silent attempts are asked about, the two books are compared."""

import logging
from datetime import datetime, timedelta

from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from qaorder.models import JobRun, Payment
from qaorder.models.payment import PaymentState
from qaorder.payments import inquiry, pingpp, reconcile

logger = logging.getLogger("feiqingsong.jobs")

BATCH = 20
LOST_AFTER = timedelta(seconds=30)
"""An attempt without an answer is looked for once its request can no longer be running."""
SILENT_AFTER = timedelta(minutes=5)
"""A charge without a notice is asked about, so that a lost notice costs minutes, not money."""
COMPARED_SLICES = 8
"""The last two days, a slice each round, so that no round takes long."""
COMPARED_EVERY = timedelta(hours=1)
COMPARED_AGAIN_AFTER = timedelta(minutes=5)
"""When the provider did not answer."""
COMPARISON = "reconcile:"


def ask_about_silent() -> int:
    """Ask the provider about lost attempts and silent charges; return how many were asked about.

    Any number of copies may run: each attempt is claimed by moving its `checked_at`. The lost come
    first, in a batch of their own: clients wait for them, and any number of silent ones may be due.
    """
    now = timezone.now()
    free = Q(leased_until=None) | Q(leased_until__lte=Now())
    lost = Q(state=PaymentState.CREATING, checked_at__lte=now - LOST_AFTER) & free
    silent = Q(state=PaymentState.PENDING, checked_at__lte=now - SILENT_AFTER)
    # Each pause is as long as all before it: most charges are never paid, and `compare_books`
    # finds those whose notice is lost late. Once more when it has expired.
    rested = Q(checked_at__lte=now - (F("checked_at") - F("created_at")))
    return _ask(lost, now) + _ask(silent & (rested | Q(expires_at__lte=now)), now)


def _ask(condition: Q, now: datetime) -> int:
    asked = 0
    for payment in Payment.objects.filter(condition).order_by("checked_at")[:BATCH]:
        claimed = Payment.objects.filter(pk=payment.pk, checked_at=payment.checked_at)
        if not claimed.update(checked_at=now):
            continue
        try:
            inquiry.ask(payment)
        except pingpp.ProviderError as error:
            logger.warning("payment %d stays open: %s", payment.pk, type(error).__name__)
            if error.hangs:
                return asked + 1
        asked += 1
    return asked


def compare_books() -> int:
    """Compare one due slice of the last two days with the provider; return the differences.

    Each slice is compared at most once an hour, by the one copy that claims it.
    """
    now = timezone.now()
    for number in range(COMPARED_SLICES):
        if not _claim(f"{COMPARISON}{number}", now):
            continue
        end = now - number * reconcile.SLICE
        try:
            report = reconcile.compare(end - reconcile.SLICE, end)
        except pingpp.ProviderError as error:
            logger.warning("comparison waits: %s", type(error).__name__)
            _postpone(now)
            return 0
        for row in report.found:
            if row.resolved_at is None:
                logger.warning("difference %d: %s %s", row.pk, row.kind, row.charge_id)
        return len(report.found)
    return 0


def _claim(name: str, now: datetime) -> bool:
    """Whether this copy is to run the slice now: it has moved its time forward."""
    before = now - COMPARED_EVERY
    JobRun.objects.get_or_create(name=name, defaults={"last_run_at": before})
    return bool(JobRun.objects.filter(name=name, last_run_at__lte=before).update(last_run_at=now))


def _postpone(now: datetime) -> None:
    """Let every slice wait while the provider is away, so that other sweeps need not."""
    slices = JobRun.objects.filter(name__startswith=COMPARISON)
    soon = now - COMPARED_EVERY + COMPARED_AGAIN_AFTER
    slices.filter(last_run_at=now).update(last_run_at=soon)
    slices.filter(last_run_at__lt=soon).update(last_run_at=soon)
