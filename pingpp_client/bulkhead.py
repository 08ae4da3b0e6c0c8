"""How many calls may be at the provider at once, and how long another waits for its place."""

import threading
import time

PATIENCE_SECONDS = 1.5
SLOW_FOR_SECONDS = 10.0
BRIEFLY = 0.1
"""What a call that was cut off needs to give its place back."""


class Bulkhead:
    """Places for calls to the provider, so that a slow one cannot take every thread.

    Nobody waits for a place behind a call that is slow already, nor shortly after one that was:
    the provider hangs then, and who waits only holds one more thread.
    """

    def __init__(self, places: int, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._places = threading.BoundedSemaphore(places)
        self._patience = patience_seconds
        self._lock = threading.Lock()
        self._since: dict[object, float] = {}
        self._slow_until = 0.0

    def enter(self, call: object) -> bool:
        """Take a place for the call; False if none became free in time."""
        if not self._places.acquire(timeout=self._patience_left()):
            return False
        with self._lock:
            self._since[call] = time.monotonic()
        return True

    def leave(self, call: object) -> None:
        """Give the call's place back."""
        now = time.monotonic()
        with self._lock:
            if now - self._since.pop(call) > self._patience:
                self._slow_until = now + SLOW_FOR_SECONDS
        self._places.release()

    def _patience_left(self) -> float:
        now = time.monotonic()
        with self._lock:
            if now < self._slow_until:
                return BRIEFLY
            oldest = min(self._since.values(), default=now)
        return max(BRIEFLY, self._patience - (now - oldest))
