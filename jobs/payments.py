"""Sweeps over payments: silent attempts are inquired about, the two books compared."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

import pingpp_client
from api.errors import log_bug
from payments import inquiry
from payments.models import Comparison, Payment, PaymentState
from payments.reconcile import comparison
from qaorder import worklist

logger = logging.getLogger("feiqingsong.jobs")

LOST_AFTER = timedelta(seconds=30)
"""An attempt without an answer is looked for once its request can no longer be running."""
SILENT_AFTER = timedelta(minutes=5)
"""A charge without a notice is inquired about, so that a lost notice costs minutes, not money."""
COMPARED_FOR = timedelta(hours=48)
"""How long a stretch is compared again, as notices and refunds may be late."""
COMPARED_EVERY = timedelta(hours=1)
COMPARED_AGAIN_AFTER = timedelta(minutes=5)
"""When the provider did not answer, or whoever compared it died."""


def inquire_about_silent() -> int:
    """Inquire about lost attempts and silent charges; return about how many.

    Any number of copies may run: each attempt is leased. The lost come first, with time of their
    own: clients wait for them, and any number of silent ones may be due.
    """
    now = timezone.now()
    lost = Q(state=PaymentState.CREATING, inquired_at__lte=now - LOST_AFTER)
    silent = Q(state=PaymentState.PENDING, inquired_at__lte=now - SILENT_AFTER)
    # `inquired_at` is when we last inquired, at first when the attempt was made: what is taken off
    # now is the attempt's age at that time. So it rests for as long as it was old, and its turns
    # come at an age of 5, 10, 20, 40 … minutes: most charges are never paid, and `compare_books`
    # finds late those whose notice is lost. Once more when it has expired.
    rested = Q(inquired_at__lte=now - (F("inquired_at") - F("created_at")))
    return _ask(lost & worklist.is_free()) + _ask(silent & (rested | Q(expires_at__lte=now)))


def _ask(condition: Q) -> int:
    asked = hung = 0
    for _ in worklist.turns(worklist.SWEEP_SECONDS / 2):
        payment = inquiry.claim(Payment.objects.filter(condition))
        if payment is None:
            break
        asked += 1
        try:
            inquiry.inquire_claimed(payment)
        except pingpp_client.ProviderError as error:
            logger.warning("payment %d stays open: %s", payment.pk, error.kind)
            hung += error.hangs
        except Exception as error:
            log_bug(error)
        if hung == worklist.MAX_HUNG:
            break
    return asked


def compare_books() -> int:
    """Compare every due stretch with the provider, the oldest first; return the differences.

    The last two days are compared every hour; what a long stop left out, once. A stretch that
    fails waits while the others are compared. Says so loudly while the comparison is far behind.
    """
    now = timezone.now()
    _lay_out(now)
    found = 0
    for _ in worklist.turns():
        stretch = _claim_stretch(now)
        if stretch is None:
            break
        try:
            found += _compare(stretch)
        except pingpp_client.ProviderError as error:
            logger.warning("comparison of %s waits: %s", stretch, error.kind)
            _warn_if_behind()
            if error.hangs:
                break
        except Exception as error:
            log_bug(error)
            _warn_if_behind()
    return found


def _lay_out(now: datetime) -> None:
    """Have a row for every stretch up to now since the last one, or at first for two days."""
    length = comparison.SLICE
    last = Comparison.objects.order_by("start_at").last()
    if last is None:
        # On the same marks in all copies, so that none is laid out twice.
        before = (now - COMPARED_FOR).timestamp()
        start = now - COMPARED_FOR - timedelta(seconds=before % length.total_seconds())
    else:
        start = last.end_at
    # Rounded up: the stretch that runs now has its row, too.
    starts = [start + number * length for number in range(max(0, -(-(now - start) // length)))]
    rows = [
        Comparison(start_at=at, end_at=at + length, compared_to=at, next_try_at=now)
        for at in starts
    ]
    Comparison.objects.bulk_create(rows, ignore_conflicts=True)


@transaction.atomic
def _claim_stretch(now: datetime) -> Comparison | None:
    """The oldest due stretch, pushed back in case it fails."""
    due = Comparison.objects.filter(next_try_at__lte=now).order_by("start_at")
    stretch = worklist.pick(due)
    if stretch is not None:
        stretch.failures += 1
        stretch.next_try_at = timezone.now() + COMPARED_AGAIN_AFTER
        stretch.save(update_fields=["failures", "next_try_at"])
    return stretch


def _compare(stretch: Comparison) -> int:
    """Compare one stretch and say when it is compared next, if ever."""
    # Before the comparison, as its own cut-off is: how far it came must not be said too far.
    now = timezone.now()
    report = comparison.compare(stretch.start_at, stretch.end_at)
    for row in report.found:
        if row.resolved_at is None:
            logger.warning("difference %d: %s %s", row.pk, row.kind, row.charge_id)
    stretch.compared_to = min(stretch.end_at, max(stretch.start_at, now - comparison.SETTLED_AFTER))
    # Old: compared to its very end, and that end so long ago that no notice or refund of it is
    # still to come. So the last two days are compared every hour, what a long stop left out once.
    is_old = stretch.compared_to == stretch.end_at < now - COMPARED_FOR
    stretch.next_try_at = None if is_old else now + COMPARED_EVERY
    stretch.failures = 0
    stretch.save(update_fields=["compared_to", "next_try_at", "failures"])
    return len(report.found)


def compared_to() -> datetime | None:
    """Up to when everything has been compared; None if comparing has not begun."""
    behind = Comparison.objects.filter(next_try_at__isnull=False, compared_to__lt=F("end_at"))
    first = behind.order_by("start_at").first() or Comparison.objects.order_by("start_at").last()
    return first.compared_to if first else None


def is_behind() -> bool:
    """Whether the comparison is so far behind that staff must see to it."""
    until = compared_to()
    return until is not None and until < timezone.now() - settings.RECONCILE_ALARM


def _warn_if_behind() -> None:
    if is_behind():
        logger.error("books are compared up to %s only", compared_to())
