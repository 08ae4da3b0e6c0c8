"""Named points in the money paths where a test may pause, raise or kill the process.

Settings refuse FAILPOINTS in production; without it a point is one attribute look-up.
"""

import os
import signal
from collections.abc import Callable

from django.conf import settings

POINTS = (
    "idempotency.claimed",
    "idempotency.answered",
    "pay.attempt_written",
    "pay.asked",
    "pay.charge_created",
    "pay.charge_stored",
    "pay.balance_debited",
    "webhook.notice_kept",
    "webhook.settled",
    "settle.captured",
    "refund.row_written",
    "refund.claimed",
    "refund.asked",
    "refund.sent",
    "refund.recorded",
    "sweep.inquired",
    "sweep.cancelled",
    "finish.paid_out",
    "recharge.attempt_written",
)

hooks: dict[str, Callable[[], None]] = {}
"""What a test wants to happen at a point, in this process."""


def failpoint(name: str) -> None:
    """Do what a test asked for at this point: a hook, or death by `FAILPOINT_KILL=<name>`."""
    if not settings.FAILPOINTS:
        return
    if name not in POINTS:
        raise LookupError(name)
    if os.environ.get("FAILPOINT_KILL") == name:
        os.kill(os.getpid(), signal.SIGKILL)
    hook = hooks.get(name)
    if hook is not None:
        hook()
