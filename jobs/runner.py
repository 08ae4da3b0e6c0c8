"""The list of sweeps and one round over them."""

import logging
from collections.abc import Callable

from django.db import close_old_connections
from django.utils import timezone
from knox.models import AuthToken

from accounts.password_attempts import purge_networks
from api import idempotency, limits
from api.errors import log_bug
from jobs import orders, payments
from ledger import snapshots
from payments import refund_outbox
from qaorder import worklist

logger = logging.getLogger("feiqingsong.jobs")

BATCH = 500


def purge_tokens() -> int:
    """Delete tokens that have expired unused."""
    return _until_nothing(_purge_some_tokens)


def purge_keys() -> int:
    """Delete answers that were kept for long enough."""
    return _until_nothing(idempotency.purge)


def keep_balances() -> int:
    """Bring the snapshots of shared accounts up to date."""
    return snapshots.take()


def _purge_some_tokens() -> int:
    old = AuthToken.objects.filter(expiry__lt=timezone.now()).order_by("expiry")
    some = list(old.values_list("pk", flat=True)[:BATCH])
    return AuthToken.objects.filter(pk__in=some, expiry__lt=timezone.now()).delete()[0]


def _until_nothing(work: Callable[[], int]) -> int:
    """Repeat work that is done in batches until there is no more, or no more time."""
    done = 0
    for _ in worklist.turns():
        some = work()
        if not some:
            break
        done += some
    return done


# Those that need no provider first, so that one that hangs does not keep them waiting.
SWEEPS: tuple[Callable[[], int], ...] = (
    orders.refund_unasked,
    orders.refund_unanswered,
    orders.lapse_monthly,
    orders.finish_answered,
    payments.inquire_about_silent,
    orders.expire_unpaid,
    refund_outbox.send_due,
    payments.compare_books,
    keep_balances,
    purge_keys,
    purge_tokens,
    limits.purge,
    purge_networks,
)


def run_round() -> dict[str, int]:
    """Run every sweep once; return how much each did. One that fails does not stop the others."""
    done: dict[str, int] = {}
    for sweep in SWEEPS:
        if worklist.stopping.is_set():
            break
        close_old_connections()
        try:
            done[sweep.__name__] = sweep()
        except Exception as error:
            log_bug(error)
    if any(done.values()):
        logger.info("round: %s", {name: count for name, count in done.items() if count})
    return done
