"""Charges: creating, paying, closing and showing them."""

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from pingpp_sandbox import credentials, listing, parameters
from pingpp_sandbox.clock import Clock
from pingpp_sandbox.errors import ApiError, channel_refused, invalid, not_found
from pingpp_sandbox.ids import new_id, random_text
from pingpp_sandbox.options import Options
from pingpp_sandbox.store import Store

Json = dict[str, Any]
Publish = Callable[[str, Json], Json]

APP_NAME = "sandbox"

# In the order of the published sample, which is older than `reversed`.
# fmt: off
KEYS = (
    "order_no", "extra", "app", "livemode", "currency", "time_settle", "time_expire", "id",
    "subject", "failure_msg", "channel", "metadata", "body", "credential", "client_ip",
    "description", "amount_refunded", "refunded", "reversed", "object", "paid", "amount_settle",
    "time_paid", "failure_code", "refunds", "created", "transaction_no", "amount",
)
# fmt: on
SEARCHED_SECONDS = 31 * parameters.DAY

# A charge made again with the same six elements within this time is the first one. WeChat
# refuses its order number later, Alipay makes another charge with it.
_SAME_CHARGE_SECONDS = {"wx": 2 * parameters.HOUR, "alipay": parameters.MINUTE}
_ELEMENTS = ("order_no", "channel", "amount", "subject", "body", "app")


class Charges:
    """The provider's charges. Methods return charge JSON and raise ApiError."""

    def __init__(self, store: Store, clock: Clock, options: Options, publish: Publish) -> None:
        self._store = store
        self._clock = clock
        self._options = options
        self._publish = publish

    def create(self, params: Mapping[str, Any]) -> Json:
        """A charge for the order number; an earlier one if the provider would repeat it."""
        now = int(self._clock.now())
        clean = parameters.charge_params(params, app_id=self._options.app_id, now=now)
        with self._store.transaction():
            earlier = self._earlier(clean)
            repeated = self._repeated(clean, earlier, now)
            if repeated is not None:
                return self.render(repeated)
            if clean["channel"] == "wx" and any(each["channel"] == "wx" for each in earlier):
                raise channel_refused("wx", "商户订单号重复", param="order_no")
            return self.render(self._insert(clean, now))

    def get(self, charge_id: str, expand: Collection[str] = ()) -> Json:
        """One charge; the fields of `expand` are objects instead of ids."""
        return self.render(self.stored(charge_id), expand)

    def page(self, query: Mapping[str, str], expand: Collection[str] = ()) -> Json:
        """A page of charges; without `created`, of the last month."""
        app_id = parameters.known_app(query.get("app[id]"), self._options.app_id)
        since = {"created >= ?": int(self._clock.now()) - SEARCHED_SECONDS}
        conditions = {"app = ?": app_id} | (listing.created(query) or since)
        if "channel" in query:
            conditions["channel = ?"] = query["channel"]
        for name in ("paid", "refunded", "reversed"):
            conditions |= listing.boolean(query, name)
        page = listing.page(self._store, "charges", "/v1/charges", conditions, query)
        return page | {"data": [self.render(charge, expand) for charge in page["data"]]}

    def pay(self, charge_id: str, *, force: bool = False, time_paid: int | None = None) -> Json:
        """Pay a charge as its customer would and announce charge.succeeded; again: no effect.

        `force` pays an expired or reversed one too: late money does happen.
        """
        with self._store.transaction():
            if self.collect(charge_id, force=force, time_paid=time_paid):
                self.announce(charge_id)
            return self.get(charge_id)

    def collect(self, charge_id: str, *, force: bool, time_paid: int | None) -> bool:
        """Mark a charge as paid without a word to anybody; whether it was not."""
        charge = self.stored(charge_id)
        if charge["paid"]:
            return False
        now = self._clock.now()
        if not force:
            _check_open(charge, now)
        charge["paid"] = True
        charge["time_paid"] = int(now) if time_paid is None else time_paid
        charge["transaction_no"] = credentials.transaction_no(now)
        charge["credential"] = {}
        charge["extra"] |= _payer(charge["channel"])
        self.save(charge)
        return True

    def announce(self, charge_id: str) -> None:
        """Send charge.succeeded with the charge as it is now."""
        self._publish("charge.succeeded", self.get(charge_id))

    def reverse(self, charge_id: str) -> Json:
        """Close an unpaid charge; the alipay app channel has no such thing."""
        with self._store.transaction():
            charge = self.stored(charge_id)
            if charge["channel"] == "alipay":
                raise invalid("channel", "alipay 渠道不支持撤销")
            if charge["paid"]:
                raise ApiError("该 charge 已支付。", code="charge_unexpected_status", param="id")
            _check_open(charge, self._clock.now())
            charge["reversed"] = True
            self.save(charge)
            return self.render(charge)

    def stored(self, charge_id: str) -> Json:
        """The charge as kept, without its list of refunds.

        Raises: ApiError 404.
        """
        row = self._store.row("SELECT doc FROM charges WHERE id = ?", charge_id)
        if row is None:
            raise not_found("charge", charge_id)
        return json.loads(row["doc"])

    def save(self, charge: Json) -> None:
        """Keep a changed charge."""
        self._store.run(
            "UPDATE charges SET paid = ?, refunded = ?, reversed = ?, doc = ? WHERE id = ?",
            charge["paid"],
            charge["refunded"],
            charge["reversed"],
            json.dumps(charge),
            charge["id"],
        )

    def render(self, charge: Mapping[str, Any], expand: Collection[str] = ()) -> Json:
        """The charge as the provider shows it."""
        refunds = listing.refunds_of(self._store, charge["id"], {})
        shown = {key: refunds if key == "refunds" else charge[key] for key in KEYS}
        if not self._options.emit_reversed:
            del shown["reversed"]
        if "app" in expand:
            shown["app"] = {"id": charge["app"], "object": "app", "display_name": APP_NAME}
        return shown

    def _earlier(self, clean: Mapping[str, Any]) -> list[Json]:
        rows = self._store.rows(
            "SELECT doc FROM charges WHERE order_no = ? AND app = ? ORDER BY seq",
            clean["order_no"],
            clean["app"],
        )
        return [json.loads(row["doc"]) for row in rows]

    def _repeated(self, clean: Json, earlier: list[Json], now: int) -> Json | None:
        if any(charge["paid"] for charge in earlier):
            raise channel_refused(
                clean["channel"], "该订单号已使用", code="charge_order_no_used", param="order_no"
            )
        since = now - _SAME_CHARGE_SECONDS[clean["channel"]]
        for charge in earlier:
            is_same = all(charge[name] == clean[name] for name in _ELEMENTS)
            if is_same and not charge["reversed"] and charge["created"] > since:
                return charge
        return None

    def _insert(self, clean: Json, now: int) -> Json:
        charge = clean | {
            "id": new_id("ch"),
            "object": "charge",
            "created": now,
            "livemode": self._options.livemode,
            "paid": False,
            "refunded": False,
            "reversed": False,
            "amount_settle": clean["amount"],
            "amount_refunded": 0,
        }
        charge |= dict.fromkeys(
            ("time_paid", "time_settle", "transaction_no", "failure_code", "failure_msg")
        )
        charge["credential"] = credentials.credential(charge)
        self._store.run(
            "INSERT INTO charges (id, order_no, app, channel, created, doc) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            *(charge[name] for name in ("id", "order_no", "app", "channel", "created")),
            json.dumps(charge),
        )
        return charge


def _check_open(charge: Mapping[str, Any], now: float) -> None:
    if charge["reversed"] or now >= charge["time_expire"]:
        raise ApiError("该 charge 已关闭。", code="charge_closed", param="id")


def _payer(channel: str) -> Json:
    if channel == "wx":
        return {"open_id": "o" + random_text(27), "bank_type": "CMB_DEBIT"}
    return {"buyer_account": "sandbox***@example.com"}
