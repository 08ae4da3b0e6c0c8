"""Working rows off: one at a time, shared by any number of copies, each with its own next time.

What the clock may do next (`next_try_at`) goes by this host's clock. Who may talk to the provider
about a row (a lease) goes by the database's, since the clocks of two hosts may differ.
"""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection
from django.db.models import Model, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

SWEEP_SECONDS = 30.0
"""A sweep's share of a round; what it has begun by then is finished."""
MAX_HUNG = 3
"""After so many rows at which the provider hung, a sweep leaves the rest to the next round."""
CALLS_PER_ROW = 3
"""To look for it, to send it, to look again: what a row may take, in deadlines of one call."""
LEASE_MARGIN = timedelta(seconds=5)

stopping = threading.Event()
"""Set when this process is told to end: sweeps stop after the row they are at."""

Row = TypeVar("Row", bound=Model)


def turns(seconds: float | None = None) -> Iterator[None]:
    """Yield until a sweep's time in this round is over, or the process is told to end."""
    over_by = time.monotonic() + (SWEEP_SECONDS if seconds is None else seconds)
    while not stopping.is_set() and time.monotonic() < over_by:
        yield


def backoff(tries: int) -> timedelta:
    """Return how long to wait after so many tries: 30 s, doubling, at most an hour."""
    return timedelta(seconds=min(15 * 2 ** min(tries, 10), 3600))


def is_due() -> Q:
    """Rows that are not waiting because they failed."""
    return Q(next_try_at=None) | Q(next_try_at__lte=timezone.now())


def pick(rows: QuerySet[Row]) -> Row | None:
    """Lock and return the first of the rows that no other copy has; call in a transaction."""
    # SQLite has one writer, so there no row is ever locked by somebody else.
    skip = connection.features.has_select_for_update_skip_locked
    return rows.select_for_update(skip_locked=skip, of=("self",)).first()


def push_back(row: Any) -> None:
    """Let a row wait, longer with each failure, so that it stands in no other row's way."""
    # By key and column, not `save`: what was read of the row may be old by now.
    row.failures += 1
    row.next_try_at = timezone.now() + backoff(row.failures)
    rows = type(row)._default_manager.filter(pk=row.pk)
    rows.update(failures=row.failures, next_try_at=row.next_try_at)


def row_seconds() -> float:
    """How long one row may take at the provider, whatever number of calls it needs."""
    return settings.PINGPP_DEADLINE * CALLS_PER_ROW


def is_free(column: str = "leased_until") -> Q:
    """Rows whose lease is given back or over, by the database's clock."""
    return Q(**{column: None}) | Q(**{f"{column}__lte": Now()})


def lease(row: Row, column: str = "leased_until") -> Row:
    """Take a locked, free row for as long as it may take at the provider, and a little more."""
    # Longer than the work may take, so that no two are at the provider about one row.
    length = timedelta(seconds=row_seconds()) + LEASE_MARGIN
    type(row)._default_manager.filter(pk=row.pk).update(**{column: Now() + length})
    row.refresh_from_db(fields=[column])
    return row


def release(row: Model, column: str = "leased_until", **changes: Any) -> bool:
    """Give a lease back, with these changes; False, and no change, if it is no longer ours."""
    # The end of the lease is also its name: a later holder has another one.
    ours = type(row)._default_manager.filter(**{"pk": row.pk, column: getattr(row, column)})
    return bool(ours.update(**{column: None, **changes}))
