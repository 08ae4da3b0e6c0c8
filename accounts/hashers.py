"""Password hashing that leaves room for everybody else."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import ScryptPasswordHasher

from api.errors import Busy

WAITING_PER_PLACE = 2
PATIENCE_SECONDS = 3.0


class HashingQueue:
    """Places for hashes, and for those that wait for one; whoever comes later is sent away.

    Each waits in a thread of the web server: were their number not bounded, many logins at once
    would take every thread, however few hash.
    """

    def __init__(self, places: int) -> None:
        self._places = threading.BoundedSemaphore(places)
        self._queue = threading.BoundedSemaphore(places * (1 + WAITING_PER_PLACE))

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place for the block.  Raises: Busy if none is to be had in time."""
        if not self._queue.acquire(blocking=False):
            raise Busy
        try:
            if not self._places.acquire(timeout=PATIENCE_SECONDS):
                raise Busy
            try:
                yield
            finally:
                self._places.release()
        finally:
            self._queue.release()


_queue = HashingQueue(settings.HASHES_MAX_CONCURRENT)


class BoundedScryptPasswordHasher(ScryptPasswordHasher):
    """scrypt, at most HASHES_MAX_CONCURRENT at a time in a process; hashes are Django's own."""

    def encode(self, *args: Any, **kwargs: Any) -> str:
        """Return the hash.  Raises: Busy."""
        with _queue.place():
            return super().encode(*args, **kwargs)
