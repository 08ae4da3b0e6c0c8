"""The list of sweeps and one round over them."""

import logging
from collections.abc import Callable

from django.db import close_old_connections
from django.utils import timezone
from knox.models import AuthToken

from accounts.attempts import purge_networks
from feiqingsong import limits
from feiqingsong.errors import log_bug
from qaorder import idempotency
from qaorder.jobs import orders, payments
from qaorder.payments import outbox

logger = logging.getLogger("feiqingsong.jobs")


def purge_tokens() -> int:
    """Delete tokens that have expired unused."""
    return AuthToken.objects.filter(expiry__lt=timezone.now()).delete()[0]


SWEEPS: tuple[Callable[[], int], ...] = (
    payments.ask_about_silent,
    orders.expire_unpaid,
    orders.refund_unasked,
    orders.refund_unanswered,
    orders.lapse_monthly,
    orders.finish_answered,
    outbox.send_due,
    payments.compare_books,
    idempotency.purge,
    purge_tokens,
    limits.purge,
    purge_networks,
)


def run_round() -> dict[str, int]:
    """Run every sweep once; return how much each did. One that fails does not stop the others."""
    done: dict[str, int] = {}
    for sweep in SWEEPS:
        close_old_connections()
        try:
            done[sweep.__name__] = sweep()
        except Exception as error:
            log_bug(error)
    if any(done.values()):
        logger.info("round: %s", {name: count for name, count in done.items() if count})
    return done
