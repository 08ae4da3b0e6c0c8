"""How many of a user's calls are at the provider, in this process."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class ProviderPlaces:
    """How many calls of each user are at the provider, so that one cannot take every place."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: Counter[int] = Counter()

    @contextmanager
    def hold(self, user_id: int, most: int) -> Iterator[bool]:
        """Hold one of the user's places for the block; False if all are taken."""
        with self._lock:
            is_free = self._held[user_id] < most
            self._held[user_id] += is_free
        try:
            yield is_free
        finally:
            with self._lock:
                self._held[user_id] -= is_free
                if not self._held[user_id]:
                    del self._held[user_id]
