"""The counters of the limits as a test holds them: their time can be moved."""

from typing import Any

from django.conf import settings
from django.db.models import F

from api.models import LimitCount


class Counting:
    """Where the limits count in this test: the database, or Redis under a prefix of its own."""

    def __init__(self, redis: Any) -> None:
        self.redis = redis

    def pass_time(self, seconds: float) -> None:
        """Have every window end so much sooner, as if this time had passed."""
        milliseconds = int(seconds * 1000)
        if self.redis is None:
            LimitCount.objects.update(ends_at=F("ends_at") - milliseconds)
            return
        for key in self._keys():
            ends = self.redis.hincrby(key, "ends", -milliseconds)
            self.redis.pexpireat(key, ends)

    def counts(self) -> dict[str, list[int]]:
        """Return the counts that are held, by the limit's name; none where a window has ended."""
        found: dict[str, list[int]] = {}
        for name, count in self._rows():
            found.setdefault(name, []).append(count)
        return {name: sorted(counts) for name, counts in found.items()}

    def forget(self) -> None:
        """Delete this test's keys; what Redis should have counted is not in the database."""
        assert not LimitCount.objects.exists(), "Redis was not asked"
        for key in self._keys():
            self.redis.delete(key)

    def _rows(self) -> list[tuple[str, int]]:
        if self.redis is None:
            rows = LimitCount.objects.filter(count__gt=0)
            return list(rows.values_list("name", "count"))
        return [(key.split(":")[-2], int(self.redis.hget(key, "count"))) for key in self._keys()]

    def _keys(self) -> list[str]:
        return list(self.redis.scan_iter(f"{settings.REDIS_PREFIX}:limit:*"))
