"""The sandbox's clock, which can be put forward."""

import time
from collections.abc import Callable

from pingpp_sandbox.store import Store

_KEY = "clock_offset"


class Clock:
    """Real time plus an offset that a restart keeps."""

    def __init__(self, store: Store, source: Callable[[], float] | None = None) -> None:
        self._store = store
        self._source = source
        row = store.row("SELECT value FROM meta WHERE key = ?", _KEY)
        self.offset = float(row["value"]) if row else 0.0

    def now(self) -> float:
        """Unix seconds."""
        # `time.time` is looked up on each call, so that a test may replace it.
        return (self._source or time.time)() + self.offset

    def advance(self, seconds: float) -> float:
        """Put the clock forward; the new time."""
        if seconds < 0:
            raise ValueError("the clock only goes forward")
        self.offset += seconds
        self._store.run(
            "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", _KEY, str(self.offset)
        )
        return self.now()
