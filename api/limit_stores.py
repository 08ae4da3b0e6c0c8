"""Where the limits count: the database, or Redis. Both count the same, each by its own clock.

All the places of one call are taken, or none. A window begins with its first event; who is refused
neither counts nor lengthens it.
"""

import time
from typing import Any, NamedTuple

import redis
from django.conf import settings
from django.db import connection, transaction
from redis.backoff import NoBackoff
from redis.retry import Retry

MILLISECONDS = 1000
PURGE_BATCH = 1000
REDIS_SECONDS = 0.5
REDIS_RESTS_SECONDS = 5.0
"""After a failure nobody asks Redis, so that a hanging one does not slow each request."""


class Wanted(NamedTuple):
    """One place to take: below `many` of this name and key in `seconds`."""

    name: str
    key: str
    many: int
    seconds: float


class Full(Exception):
    """The wanted place with this index is not free; it will be in so many milliseconds."""

    def __init__(self, index: int, milliseconds: int) -> None:
        super().__init__(index, milliseconds)
        self.index = index
        self.milliseconds = milliseconds


class DatabaseStore:
    """One row a name and key; the database's own clock decides."""

    def take(self, wanted: list[Wanted]) -> list[int]:
        """Take the places, committed at once; return when the window of each ends.

        Units: milliseconds.  Raises: Full, then none is taken; RuntimeError in a transaction,
        whose end would decide whether it counts.
        """
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            return [_take(cursor, index, place) for index, place in enumerate(wanted)]

    def give_back(self, wanted: list[Wanted], ends: list[int]) -> None:
        """Give the places back, each unless its window has ended; the last one ends its window."""
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            for place, end in zip(wanted, ends, strict=True):
                cursor.execute(_GIVE_BACK, [place.name, place.key, end])

    def purge(self) -> int:
        """Delete rows whose window has ended, in batches; return how many."""
        deleted = 0
        while True:
            with connection.cursor() as cursor:
                cursor.execute(_PURGE.format(now=_now()), [PURGE_BATCH])
                deleted += cursor.rowcount
                if cursor.rowcount < PURGE_BATCH:
                    return deleted


_TABLE = "api_limitcount"
# In PostgreSQL not now(), which is the transaction's start: a wait for the row lies between.
_CLOCKS = {
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)",
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000 AS integer)",
}
_TAKE = f"""
INSERT INTO {_TABLE} AS held (name, key, count, ends_at) VALUES (%s, %s, 1, {{now}} + %s)
ON CONFLICT (name, key) DO UPDATE SET
    count = CASE WHEN held.ends_at <= {{now}} THEN 1 ELSE held.count + 1 END,
    ends_at = CASE WHEN held.ends_at <= {{now}} THEN excluded.ends_at ELSE held.ends_at END
WHERE held.ends_at <= {{now}} OR held.count < %s
RETURNING ends_at
"""  # noqa: S608 (constants)
_LEFT = f"SELECT ends_at - {{now}} FROM {_TABLE} WHERE name = %s AND key = %s"  # noqa: S608
_GIVE_BACK = f"""
UPDATE {_TABLE} SET
    count = count - 1,
    ends_at = CASE WHEN count = 1 THEN 0 ELSE ends_at END
WHERE name = %s AND key = %s AND ends_at = %s AND count > 0
"""  # noqa: S608
# The outer condition once more: a row may be taken anew while this waits for it.
_PURGE = f"""
DELETE FROM {_TABLE} WHERE ends_at <= {{now}} AND id IN
    (SELECT id FROM {_TABLE} WHERE ends_at <= {{now}} LIMIT %s)
"""  # noqa: S608


def _now() -> str:
    return _CLOCKS[connection.vendor]


def _take(cursor: Any, index: int, place: Wanted) -> int:
    period = int(place.seconds * MILLISECONDS)
    cursor.execute(_TAKE.format(now=_now()), [place.name, place.key, period, place.many])
    # All rows, or SQLite holds the statement open.
    if rows := cursor.fetchall():
        return int(rows[0][0])
    cursor.execute(_LEFT.format(now=_now()), [place.name, place.key])
    left = cursor.fetchone()
    raise Full(index, int(left[0]) if left else 0)


_CLOCK = "local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)"
_TAKE_SCRIPT = f"""
{_CLOCK}
local ends = {{}}
for i, key in ipairs(KEYS) do
    local held = redis.call('HMGET', key, 'count', 'ends')
    ends[i] = tonumber(held[2] or 0)
    if ends[i] <= now then
        redis.call('DEL', key)
        ends[i] = now + ARGV[2 * i]
    elseif tonumber(held[1]) >= tonumber(ARGV[2 * i - 1]) then
        return {{i, ends[i] - now}}
    end
end
for i, key in ipairs(KEYS) do
    redis.call('HINCRBY', key, 'count', 1)
    redis.call('HSET', key, 'ends', string.format('%.0f', ends[i]))
    redis.call('PEXPIREAT', key, string.format('%.0f', ends[i]))
end
return {{0, unpack(ends)}}
"""
_GIVE_BACK_SCRIPT = """
for i, key in ipairs(KEYS) do
    if redis.call('HGET', key, 'ends') == ARGV[i] then
        if redis.call('HINCRBY', key, 'count', -1) <= 0 then
            redis.call('DEL', key)
        end
    end
end
"""


class RedisStore:
    """One key a name and key, gone with its window; Redis' own clock decides."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(
            url,
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
            # A script that was sent may have run: sent again, it would count twice.
            retry=Retry(NoBackoff(), 0),
        )
        self._take = self._client.register_script(_TAKE_SCRIPT)
        self._give_back = self._client.register_script(_GIVE_BACK_SCRIPT)
        self._rests_until = 0.0

    @property
    def is_resting(self) -> bool:
        """Whether Redis failed a moment ago."""
        return time.monotonic() < self._rests_until

    def rest(self) -> None:
        """Leave Redis alone for a while."""
        self._rests_until = time.monotonic() + REDIS_RESTS_SECONDS

    def take(self, wanted: list[Wanted]) -> list[int]:
        """As DatabaseStore's.  Raises: Full, redis.RedisError."""
        rates = [number for w in wanted for number in (w.many, int(w.seconds * MILLISECONDS))]
        answer: Any = self._take(keys=_redis_keys(wanted), args=rates)
        index, *rest = map(int, answer)
        if index:
            raise Full(index - 1, rest[0])
        return rest

    def give_back(self, wanted: list[Wanted], ends: list[int]) -> None:
        """As DatabaseStore's.  Raises: redis.RedisError."""
        self._give_back(keys=_redis_keys(wanted), args=ends)


def _redis_keys(wanted: list[Wanted]) -> list[str]:
    return [f"{settings.REDIS_PREFIX}:limit:{place.name}:{place.key}" for place in wanted]
