"""Counting against the limits of `limit_table`, in one place that all processes share.

In Redis where `REDIS_URL` is set, else in the database; there too while Redis is out of reach,
where the windows begin anew: an outage can double a limit, never lift it.
"""

import functools
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from django.conf import settings
from django.utils.crypto import salted_hmac

from api.errors import TooManyRequests
from api.limit_stores import MILLISECONDS, DatabaseStore, Full, RedisStore, Wanted
from api.limit_table import Limit

logger = logging.getLogger("feiqingsong.limits")
_database = DatabaseStore()


class Places:
    """What a call to `take` took."""

    def __init__(self, store: Any, wanted: list[Wanted], ends: list[int]) -> None:
        self._store = store
        self._wanted = wanted
        self._ends = ends

    def give_back(self) -> None:
        """Count as if nothing had been taken. Out of reach, it stays counted: that is safe."""
        if not self._wanted:
            return
        try:
            self._store.give_back(self._wanted, self._ends)
        except redis.RedisError as error:
            _note(error)


def take(*wanted: tuple[Limit, object]) -> Places:
    """Count once against each (limit, who), or against none; outside any transaction.

    Raises: TooManyRequests with the limit and when a place will be free.
    """
    limits = [limit for limit, _ in wanted]
    places = [_place(limit, who) for limit, who in wanted] if settings.LIMITS else []
    try:
        return _take(places) if places else Places(_database, [], [])
    except Full as full:
        raise too_many(limits[full.index], full.milliseconds / MILLISECONDS) from None


@contextmanager
def counted(*wanted: tuple[Limit, object]) -> Iterator[None]:
    """Count what the block does, unless it raises.  Raises: TooManyRequests."""
    places = take(*wanted)
    try:
        yield
    except BaseException:
        places.give_back()
        raise


def rate(limit: Limit) -> tuple[int, Any]:
    """Return how many are allowed in how many seconds, as the settings say."""
    found: tuple[int, Any] = settings.LIMIT_RATES[limit.name]
    return found


def too_many(limit: Limit, seconds: float) -> TooManyRequests:
    """Return the refusal to raise, for a place that is free again in so many seconds."""
    return TooManyRequests(limit.name, limit.detail, max(1, math.ceil(seconds)))


def purge() -> int:
    """Delete counters that are over; return how many. Redis forgets by itself."""
    return _database.purge()


def _place(limit: Limit, who: object) -> Wanted:
    # A digest, keyed: people type passwords where names belong, and addresses are personal.
    key = salted_hmac("feiqingsong.limits", str(who), algorithm="sha256").hexdigest()
    return Wanted(limit.name, key, *rate(limit))


def _take(places: list[Wanted]) -> Places:
    store = _redis_store(settings.REDIS_URL) if settings.REDIS_URL else None
    if store is not None and not store.is_resting:
        try:
            return Places(store, places, store.take(places))
        except redis.RedisError as error:
            store.rest()
            _note(error)
    return Places(_database, places, _database.take(places))


@functools.cache
def _redis_store(url: str) -> RedisStore:
    return RedisStore(url)


def _note(error: redis.RedisError) -> None:
    logger.warning("limits: no Redis (%s), counting in the database", type(error).__name__)
