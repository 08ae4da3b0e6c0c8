"""Sends events to the merchant, again and again until an answer is 2xx."""

import http.client
import random
import threading
import time
from collections.abc import Callable
from sqlite3 import Row
from typing import Any
from urllib.parse import urlsplit

from pingpp_sandbox.clock import Clock
from pingpp_sandbox.events import Events
from pingpp_sandbox.options import Options
from pingpp_sandbox.store import Store

Json = dict[str, Any]

# Seconds before each of the ten repeats, about 25 hours in all.
RETRY_SECONDS = (5, 10, 120, 300, 600, 1800, 3600, 7200, 21600, 54000)
SIGNATURE_HEADER = "X-Pingplusplus-Signature"

_WORKERS = 4
_POLL_SECONDS = 0.5


class Webhooks:
    """The queue of deliveries and the threads that work it off.

    The queue is kept in the store; holding, copies and shuffling are forgotten by a restart.
    """

    def __init__(self, store: Store, clock: Clock, options: Options, events: Events) -> None:
        self._store = store
        self._clock = clock
        self._options = options
        self._events = events
        self._wakeup = threading.Condition()
        self._busy: set[int] = set()
        self._stopping = False
        self._ticks = 0
        self._threads: list[threading.Thread] = []
        self.held = False
        self.copies = 1
        self.shuffle_seconds = 0.0

    def publish(self, kind: str, shown: Json) -> Json:
        """Keep an event and queue its webhook; call in the transaction of its cause."""
        with self._store.transaction():
            event = self._events.add(kind, shown)
            if self._options.webhook_url:
                for _ in range(self.copies):
                    delay = random.uniform(0, self.shuffle_seconds)  # noqa: S311 no secret
                    due = self._clock.now() + delay * self._options.time_scale
                    self._store.run(
                        "INSERT INTO deliveries (event, due) VALUES (?, ?)", event["id"], due
                    )
        self.wake()
        return event

    def start(self, settle_due: Callable[[], None], next_due: Callable[[], float | None]) -> None:
        """Begin sending; `settle_due` and `next_due` are other work that waits for the clock."""
        for _ in range(_WORKERS):
            thread = threading.Thread(target=self._work, args=(settle_due, next_due), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Stop sending; what is still queued stays queued."""
        self._stopping = True
        self.wake()
        for thread in self._threads:
            thread.join(self._options.webhook_timeout + 1)

    def wake(self) -> None:
        """Look at the queue and the clock at once."""
        with self._wakeup:
            self._ticks += 1
            self._wakeup.notify_all()

    def hold(self) -> None:
        """Send nothing until `release`."""
        # Not while a worker is choosing: it must not take what is queued after this.
        with self._store.transaction():
            self.held = True

    def release(self) -> list[tuple[str, int | None]]:
        """Send what is queued now, one after another, and hold no longer.

        Shape: (event id, HTTP status; None: no answer) in the order sent.
        """
        rows = self._queued()
        sent = [(row["event"], self._attempt(row)) for row in rows if self._claim(row["seq"])]
        self.held = False
        self.wake()
        return sent

    def drop(self) -> int:
        """Forget the queued deliveries; how many."""
        return self._store.run("UPDATE deliveries SET state = 'dropped' WHERE state = 'pending'")

    def deliver(self, event_id: str, times: int = 1) -> list[int | None]:
        """Send one event now whatever the queue holds; the HTTP statuses (None: no answer)."""
        raw, signature = self._events.notice(self._events.get(event_id))
        return [self.post(raw, signature) for _ in range(times)]

    def pending(self) -> list[Json]:
        """The queued deliveries, oldest event first."""
        now = self._clock.now()
        return [
            {
                "event": row["event"],
                "type": row["type"],
                "attempts": row["attempts"],
                "due_in": row["due"] - now,
                "last_status": row["last_status"],
            }
            for row in self._queued()
        ]

    def counts(self) -> dict[str, int]:
        """How many deliveries there are in each state."""
        rows = self._store.rows("SELECT state, COUNT(*) AS n FROM deliveries GROUP BY state")
        return {row["state"]: row["n"] for row in rows}

    def wait(self, timeout: float) -> bool:
        """Wait until nothing is queued; whether that came in time."""
        until = time.monotonic() + timeout
        while self._store.row("SELECT 1 FROM deliveries WHERE state = 'pending'"):
            if time.monotonic() > until:
                return False
            time.sleep(0.01)
        return True

    def post(self, raw: bytes, signature: str) -> int | None:
        """Send a body to the merchant; the HTTP status, None without an answer."""
        url = urlsplit(self._options.webhook_url or "")
        if not url.hostname:
            return None
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: signature}
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        timeout = self._options.webhook_timeout
        # No urllib opener: proxies and redirects are not for webhooks.
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=timeout)
        try:
            connection.request("POST", target, raw, headers)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def _queued(self) -> list[Row]:
        return self._store.rows(
            "SELECT deliveries.*, type FROM deliveries JOIN events ON events.id = event "
            "WHERE state = 'pending' ORDER BY deliveries.seq"
        )

    def _claim(self, seq: int) -> bool:
        with self._store.transaction():
            row = self._store.row(
                "SELECT 1 FROM deliveries WHERE seq = ? AND state = 'pending'", seq
            )
            if row is None or seq in self._busy:
                return False
            self._busy.add(seq)
            return True

    def _claim_due(self) -> Row | None:
        with self._store.transaction():
            if self.held:
                return None
            rows = self._store.rows(
                "SELECT * FROM deliveries WHERE state = 'pending' AND due <= ? "
                "ORDER BY due, seq LIMIT ?",
                self._clock.now(),
                len(self._busy) + 1,
            )
            return next((row for row in rows if self._claim(row["seq"])), None)

    def _attempt(self, row: Row) -> int | None:
        raw, signature = self._events.notice(self._events.get(row["event"]))
        status = self.post(raw, signature)
        attempts = row["attempts"] + 1
        state, due = "pending", row["due"]
        if status is not None and 200 <= status < 300:
            state = "delivered"
        elif attempts > len(RETRY_SECONDS):
            state = "exhausted"
        else:
            due = self._clock.now() + RETRY_SECONDS[attempts - 1] * self._options.time_scale
        with self._store.transaction():
            self._store.run(
                "UPDATE deliveries SET attempts = ?, due = ?, last_status = ?, state = ? "
                "WHERE seq = ? AND state = 'pending'",
                *(attempts, due, status, state, row["seq"]),
            )
            self._busy.discard(row["seq"])
        return status

    def _work(self, settle_due: Callable[[], None], next_due: Callable[[], float | None]) -> None:
        while not self._stopping:
            ticks = self._ticks
            settle_due()
            row = self._claim_due()
            if row is not None:
                self._attempt(row)
                continue
            # Asked before the lock is taken: `wake` is called with the store's lock held.
            seconds = self._seconds_to_next(next_due())
            with self._wakeup:
                if ticks == self._ticks:
                    self._wakeup.wait(seconds)

    def _seconds_to_next(self, other: float | None) -> float:
        """Never long: a clock that a test moves wakes nobody."""
        row = self._store.row("SELECT MIN(due) AS due FROM deliveries WHERE state = 'pending'")
        dues = [due for due in (row["due"] if row else None, other) if due is not None]
        if self.held or not dues:
            return _POLL_SECONDS
        return min(max(min(dues) - self._clock.now(), 0.005), _POLL_SECONDS)
