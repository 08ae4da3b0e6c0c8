"""A merchant's account at the provider: what customers, the merchant and time do to it."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from pingpp_sandbox import keys as key_files
from pingpp_sandbox.charges import Charges, Json
from pingpp_sandbox.clock import Clock
from pingpp_sandbox.events import Events
from pingpp_sandbox.faults import Fault, Faults
from pingpp_sandbox.options import Options
from pingpp_sandbox.refund_scripts import Script
from pingpp_sandbox.refunds import Refunds
from pingpp_sandbox.store import Store
from pingpp_sandbox.webhooks import Webhooks

API_KEY = "sk_test_sandbox000000000000000"
APP_ID = "app_sandbox000000000"

# The other two say whose account it is.
_SETTABLE = {option.name for option in fields(Options)} - {"api_key", "app_id"}
_BOOK_CHARGE = ("id", "order_no", "channel", "amount", "paid", "time_paid", "reversed")
_BOOK_REFUND = ("id", "charge", "amount", "status", "metadata")


class Account:
    """A Ping++ account on the local machine, driven from Python.

    Units: money in fen, time in seconds.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        api_key: str = API_KEY,
        app_id: str = APP_ID,
        keys: key_files.Keys | None = None,
        now: Callable[[], float] | None = None,
        **options: Any,
    ) -> None:
        """Open the account in `directory`, or in memory; `options`: see `Options`."""
        if keys is None:
            keys = key_files.ensure(directory) if directory else key_files.generate()
        self.keys = keys
        self.options = Options(api_key, app_id, **options)
        self.store = Store(directory)
        self.clock = Clock(self.store, now)
        self.event_log = Events(self.store, self.clock, self.options, keys)
        self.webhooks = Webhooks(self.store, self.clock, self.options, self.event_log)
        publish = self.webhooks.publish
        self.charges = Charges(self.store, self.clock, self.options, publish)
        self.refunds = Refunds(self.store, self.clock, self.options, self.charges, publish)
        self.faults = Faults()
        self._requests: Counter[str] = Counter()
        self._count_lock = threading.Lock()

    # What a customer, the merchant's own code, and a person in the provider's console do.

    def create_charge(self, params: Mapping[str, Any]) -> Json:
        """The charge of `POST /v1/charges`.

        Raises: ApiError.
        """
        return self.charges.create(params)

    def pay(
        self,
        charge_id: str,
        *,
        force: bool = False,
        time_paid: int | None = None,
        then_refund: int | None = None,
    ) -> Json:
        """Pay a charge, which sends charge.succeeded; a second time has no effect.

        `then_refund`: so many fen are refunded in the console before the notice goes, which
        shows them; refund.succeeded follows it.
        Raises: ApiError, also for a closed charge unless `force`.
        """
        if then_refund is None:
            return self.charges.pay(charge_id, force=force, time_paid=time_paid)
        return self.refunds.pay_and_refund(charge_id, then_refund, force=force, time_paid=time_paid)

    def refund(self, charge_id: str, **params: Any) -> Json:
        """The refund of `POST /v1/charges/{id}/refunds`.

        Raises: ApiError.
        """
        return self.refunds.create(charge_id, params)

    def console_refund(
        self, charge_id: str, amount: int | None = None, status: str = "succeeded"
    ) -> Json:
        """A refund the merchant's code knows nothing of (`amount` in fen, default: what is left).

        `status`: `succeeded`, which sends its webhook, or `pending` until `settle_refund`.
        Raises: ApiError, also for more than what is left.
        """
        return self.refunds.create_in_console(charge_id, amount, status)

    # Events and webhooks; `webhooks` has hold, release, drop, deliver, pending and wait.

    def events(self) -> list[Json]:
        """Every event so far, oldest first."""
        return self.event_log.all()

    def event(self, kind: str, shown: Json) -> Json:
        """An invented event about a charge or refund, neither kept nor sent."""
        return self.event_log.build(kind, shown)

    def notice(self, event: Mapping[str, Any]) -> tuple[bytes, str]:
        """Body and `X-Pingplusplus-Signature` of an event's webhook."""
        return self.event_log.notice(event)

    def sign(self, raw: bytes) -> str:
        """The provider's signature over the bytes."""
        return key_files.sign(self.keys.pingpp_private, raw)

    def duplicate_webhooks(self, times: int) -> None:
        """Send each coming event that many times."""
        if times < 1:
            raise ValueError("times: at least 1")
        self.webhooks.copies = times

    def shuffle_webhooks(self, seconds: float) -> None:
        """Delay each coming event by a random time up to `seconds` (0: in order again)."""
        self.webhooks.shuffle_seconds = seconds

    # Switches.

    def fault(self, *what: Any, **options: Any) -> None:
        """Make coming requests fail, all or those about one charge; arguments: see `Fault`."""
        self.faults.add(Fault(*what, **options))

    def script_refunds(self, *what: Any, **options: Any) -> None:
        """Decide what becomes of coming refunds, all or one charge's; arguments: see `Script`."""
        self.refunds.scripts.append(Script(*what, **options))

    def clear_faults(self) -> None:
        """Work again, refunds included, and let hanging requests go."""
        self.faults.clear()
        self.refunds.scripts.clear()

    def settle_refund(self, refund_id: str, status: str = "succeeded") -> Json:
        """End a pending refund as `succeeded` or `failed`, which sends its webhook."""
        return self.refunds.settle(refund_id, status)

    def fail_refund_late(self, refund_id: str) -> Json:
        """Fail a refund that had succeeded, which sends refund.failed after refund.succeeded.

        Raises: ValueError for a pending one.
        """
        return self.refunds.fail_late(refund_id)

    def advance(self, seconds: float) -> float:
        """Put the account's clock forward; what has become due happens."""
        now = self.clock.advance(seconds)
        self.refunds.settle_due()
        self.webhooks.wake()
        return now

    def set_options(self, **changes: Any) -> None:
        """Change options while it runs."""
        unknown = changes.keys() - _SETTABLE
        if unknown:
            raise ValueError(f"no such option: {', '.join(sorted(unknown))}")
        for name, value in changes.items():
            setattr(self.options, name, value)

    # Its own book, for audits.

    def count(self, operation: str) -> None:
        """Count a request."""
        with self._count_lock:
            self._requests[operation] += 1

    def book(self) -> dict[str, list[Json]]:
        """Every charge and refund there really is, oldest first."""
        return {
            "charges": self._all("charges", _BOOK_CHARGE),
            "refunds": self._all("refunds", _BOOK_REFUND),
        }

    def state(self) -> Json:
        """Counters and switches: requests received, objects really made, faults, webhooks."""
        with self._count_lock:
            requests = dict(self._requests)
        return {
            "now": self.clock.now(),
            "clock_offset": self.clock.offset,
            "requests": requests,
            "charges_made": self._number("charges"),
            "charges_paid": self._number("charges WHERE paid"),
            "refunds_made": self._number("refunds"),
            "events": self._number("events"),
            "deliveries": self.webhooks.counts(),
            "webhooks_held": self.webhooks.held,
            "webhook_copies": self.webhooks.copies,
            "faults": self.faults.shown(),
            "refund_scripts": [vars(script) for script in self.refunds.scripts],
        }

    def _all(self, table: str, names: tuple[str, ...]) -> list[Json]:
        rows = self.store.rows(f"SELECT doc FROM {table} ORDER BY seq")  # noqa: S608 the name is ours
        docs = (json.loads(row["doc"]) for row in rows)
        return [{name: doc[name] for name in names} for doc in docs]

    def _number(self, rows: str) -> int:
        row = self.store.row(f"SELECT COUNT(*) AS n FROM {rows}")  # noqa: S608 the names are ours
        return row["n"] if row else 0
