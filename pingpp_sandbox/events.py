"""Events: what happened to charges and refunds, as the webhooks tell it."""

import json
from collections.abc import Mapping
from typing import Any

from pingpp_sandbox import keys
from pingpp_sandbox.clock import Clock
from pingpp_sandbox.errors import not_found
from pingpp_sandbox.ids import new_id
from pingpp_sandbox.options import Options
from pingpp_sandbox.store import Store

Json = dict[str, Any]


class Events:
    """The provider's events. Methods return event JSON and raise ApiError."""

    def __init__(
        self, store: Store, clock: Clock, options: Options, account_keys: keys.Keys
    ) -> None:
        self._store = store
        self._clock = clock
        self._options = options
        self._keys = account_keys

    def build(self, kind: str, shown: Json) -> Json:
        """An event about a charge or refund that is neither kept nor sent."""
        return {
            "id": new_id("evt"),
            "created": int(self._clock.now()),
            "livemode": self._options.livemode,
            "type": kind,
            "data": {"object": shown},
            "object": "event",
            "pending_webhooks": 1 if self._options.webhook_url else 0,
            "request": new_id("iar"),
        }

    def add(self, kind: str, shown: Json) -> Json:
        """Keep an event."""
        event = self.build(kind, shown)
        self._store.run(
            "INSERT INTO events (id, created, type, raw) VALUES (?, ?, ?, ?)",
            *(event[name] for name in ("id", "created", "type")),
            _compact(event),
        )
        return event

    def get(self, event_id: str) -> Json:
        """One event."""
        row = self._store.row("SELECT raw FROM events WHERE id = ?", event_id)
        if row is None:
            raise not_found("event", event_id)
        return json.loads(row["raw"])

    def all(self) -> list[Json]:
        """Every event, oldest first."""
        rows = self._store.rows("SELECT raw FROM events ORDER BY seq")
        return [json.loads(row["raw"]) for row in rows]

    def notice(self, event: Mapping[str, Any]) -> tuple[bytes, str]:
        """The body of the event's webhook and its signature, also for an invented event."""
        raw = _compact(event).encode()
        return raw, keys.sign(self._keys.pingpp_private, raw)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
