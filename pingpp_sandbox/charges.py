"""Charges: creating, paying, closing and showing them."""

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from pingpp_sandbox import credentials, listing, validation
from pingpp_sandbox.clock import Clock
from pingpp_sandbox.errors import ApiError, channel_refused, invalid, missing, not_found
from pingpp_sandbox.ids import new_id, random_text
from pingpp_sandbox.options import Options
from pingpp_sandbox.store import Store

Json = dict[str, Any]
Publish = Callable[[str, Json], Json]

APP_NAME = "sandbox"

# The order of the published sample; without `reversed`, which is younger, where switched off.
KEYS = (
    "order_no",
    "extra",
    "app",
    "livemode",
    "currency",
    "time_settle",
    "time_expire",
    "id",
    "subject",
    "failure_msg",
    "channel",
    "metadata",
    "body",
    "credential",
    "client_ip",
    "description",
    "amount_refunded",
    "refunded",
    "reversed",
    "object",
    "paid",
    "amount_settle",
    "time_paid",
    "failure_code",
    "refunds",
    "created",
    "transaction_no",
    "amount",
)
HASHES = ("extra", "metadata", "credential")
SEARCHED_SECONDS = 31 * validation.DAY

# A charge made again with the same six elements within this time is the first one.
_SAME_CHARGE_SECONDS = {"wx": 7200, "wx_pub": 7200, "wx_lite": 7200}
_SAME_CHARGE_DEFAULT = 60
_ELEMENTS = ("order_no", "channel", "amount", "subject", "body", "app")
_REVERSIBLE = validation.CHANNELS - {"alipay"}


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
        clean = validation.charge_params(params, app_id=self._options.app_id, now=now)
        with self._store.transaction():
            earlier = self._earlier(clean)
            repeated = self._repeated(clean, earlier, now)
            if repeated is not None:
                return self.render(repeated)
            if validation.is_wx(clean["channel"]) and any(
                validation.is_wx(charge["channel"]) for charge in earlier
            ):
                raise channel_refused(clean["channel"], "商户订单号重复", param="order_no")
            return self.render(self._insert(clean, now))

    def get(self, charge_id: str, expand: Collection[str] = ()) -> Json:
        """One charge; the fields of `expand` are objects instead of ids."""
        return self.render(self.stored(charge_id), expand)

    def page(self, query: Mapping[str, str], expand: Collection[str] = ()) -> Json:
        """A page of charges; without `created`, of the last month."""
        conditions = listing.Conditions()
        if "app[id]" not in query:
            raise missing("app[id]")
        conditions.add("app = ?", validation.known_app(query["app[id]"], self._options.app_id))
        if not conditions.add_created(query):
            conditions.add("created >= ?", int(self._clock.now()) - SEARCHED_SECONDS)
        if "channel" in query:
            conditions.add("channel = ?", query["channel"])
        for name in ("paid", "refunded", "reversed"):
            conditions.add_boolean(query, name)
        rows, has_more = listing.page(self._store, "charges", "charge", conditions, query)
        data = [self.render(json.loads(row["doc"]), expand) for row in rows]
        return listing.envelope("/v1/charges", data, has_more)

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
            validation.charge_is_open(charge, now)
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
            if charge["channel"] not in _REVERSIBLE:
                raise invalid("channel", f"{charge['channel']} 渠道不支持撤销")
            if charge["paid"]:
                raise ApiError("该 charge 已支付。", code="charge_unexpected_status", param="id")
            validation.charge_is_open(charge, self._clock.now())
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
        url = f"/v1/charges/{charge['id']}/refunds"
        conditions = listing.Conditions(["charge = ?"], [charge["id"]])
        rows, has_more = listing.page(self._store, "refunds", "refund", conditions, {})
        data = [self.hashes(json.loads(row["doc"])) for row in rows]
        refunds = {"url": url, "has_more": has_more, "object": "list", "data": data}
        shown = {key: refunds if key == "refunds" else charge[key] for key in KEYS}
        if not self._options.emit_reversed:
            del shown["reversed"]
        if "app" in expand:
            shown["app"] = {"id": charge["app"], "object": "app", "display_name": APP_NAME}
        return self.hashes(shown)

    def hashes(self, shown: Json) -> Json:
        """Write empty hashes as [] where that is switched on."""
        if self._options.empty_hash_as_list:
            shown |= {key: [] for key in HASHES if shown.get(key) == {}}
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
        window = _SAME_CHARGE_SECONDS.get(clean["channel"], _SAME_CHARGE_DEFAULT)
        for charge in earlier:
            is_same = all(charge[name] == clean[name] for name in _ELEMENTS)
            is_same = is_same and _instalments(charge) == _instalments(clean)
            if is_same and not charge["reversed"] and now - charge["created"] < window:
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


def _instalments(charge: Mapping[str, Any]) -> Json:
    return {name: value for name, value in charge["extra"].items() if name.startswith("hb_fq_")}


def _payer(channel: str) -> Json:
    if validation.is_wx(channel):
        return {"open_id": "o" + random_text(27), "bank_type": "CMB_DEBIT"}
    return {"buyer_account": "sandbox***@example.com"}
