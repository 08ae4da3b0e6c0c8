"""Refunds of charges, and how they end."""

import json
from collections.abc import Mapping
from typing import Any

from pingpp_sandbox import credentials, listing, parameters, refund_scripts
from pingpp_sandbox.charges import Charges, Json, Publish
from pingpp_sandbox.clock import Clock
from pingpp_sandbox.errors import ApiError, not_found
from pingpp_sandbox.ids import new_id
from pingpp_sandbox.options import Options
from pingpp_sandbox.store import Store

CONSOLE_DESCRIPTION = "客服在商户后台退款"

_SCRIPTED: dict[str, Json] = {
    "pending": {},
    "refuse": {
        "status": "failed",
        "failure_code": "refund_refused_msg",
        "failure_msg": "退款失败: 未结算资金不足",
    },
    "wait": {
        "failure_code": "refund_wait_operation",
        "failure_msg": "需要打开地址进行下一步退款操作: https://mapi.alipay.com/gateway.do"
        "?service=refund_fastpay_by_platform_pwd",
    },
}
_FAILED = {
    "status": "failed",
    "succeed": False,
    "time_succeed": None,
    "failure_code": "refund_failed",
    "failure_msg": "退款失败",
}


class Refunds:
    """The provider's refunds. Methods return refund JSON and raise ApiError."""

    def __init__(
        self, store: Store, clock: Clock, options: Options, charges: Charges, publish: Publish
    ) -> None:
        self._store = store
        self._clock = clock
        self._options = options
        self._charges = charges
        self._publish = publish
        self.scripts: list[refund_scripts.Script] = []

    def create(self, charge_id: str, params: Mapping[str, Any]) -> Json:
        """Refund a paid charge, all that remains of it unless `amount` says less."""
        with self._store.transaction():
            charge = self._charges.stored(charge_id)
            refund = self._open(charge, params)
            script = refund_scripts.take(self.scripts, charge_id)
            if script is None:
                self._settle_in_time(refund, charge["channel"])
            elif script.outcome == "reject":
                raise script.refusal(charge["channel"])
            else:
                self._save(refund | _SCRIPTED[script.outcome])
            return self._stored(refund["id"])

    def create_in_console(self, charge_id: str, amount: int | None, status: str) -> Json:
        """A refund that a person makes in the provider's console: no metadata, no script.

        `status`: `succeeded` at once, or `pending` until it is settled.
        """
        if status not in ("succeeded", "pending"):
            raise ValueError("status: succeeded or pending")
        params = {"amount": amount, "description": CONSOLE_DESCRIPTION}
        with self._store.transaction():
            refund = self._open(self._charges.stored(charge_id), params)
            if status == "succeeded":
                self.settle(refund["id"], status)
            return self._stored(refund["id"])

    def pay_and_refund(
        self, charge_id: str, amount: int, *, force: bool, time_paid: int | None
    ) -> Json:
        """Pay a charge and refund so much in the console before anybody is told of either.

        charge.succeeded goes first and shows the refund; for a paid charge: no effect.
        """
        params = {"amount": amount, "description": CONSOLE_DESCRIPTION}
        with self._store.transaction():
            if self._charges.collect(charge_id, force=force, time_paid=time_paid):
                refund = self._open(self._charges.stored(charge_id), params)
                self._succeed(refund)
                self._save(refund)
                self._charges.announce(charge_id)
                self._announce(refund)
            return self._charges.get(charge_id)

    def get(self, charge_id: str, refund_id: str) -> Json:
        """One refund of the charge."""
        self.settle_due()
        self._charges.stored(charge_id)
        refund = self._stored(refund_id)
        if refund["charge"] != charge_id:
            raise not_found("refund", refund_id)
        return refund

    def page(self, charge_id: str, query: Mapping[str, str]) -> Json:
        """A page of the charge's refunds."""
        self.settle_due()
        self._charges.stored(charge_id)
        return listing.refunds_of(self._store, charge_id, query)

    def settle(self, refund_id: str, status: str) -> Json:
        """End a pending refund as `succeeded` or `failed` and announce it; again: no effect."""
        if status not in ("succeeded", "failed"):
            raise ValueError("status: succeeded or failed")
        with self._store.transaction():
            refund = self._stored(refund_id)
            if refund["status"] != "pending":
                return refund
            if status == "succeeded":
                self._succeed(refund)
            else:
                refund |= _FAILED
            self._save(refund)
            self._announce(refund)
        return refund

    def fail_late(self, refund_id: str) -> Json:
        """Fail a refund that had succeeded, as when the customer's bank sends the money back.

        The charge counts it no longer, refund.failed is sent and what was sent before stands;
        again: no effect.
        """
        with self._store.transaction():
            refund = self._stored(refund_id)
            if refund["status"] == "pending":
                raise ValueError("refund: has not succeeded yet")
            if refund["status"] == "succeeded":
                self._add_refunded(refund, -refund["amount"])
                refund |= _FAILED
                self._save(refund)
                self._announce(refund)
        return refund

    def settle_due(self) -> None:
        """End the refunds whose time has come."""
        due = "SELECT id FROM refunds WHERE settles_at <= ? ORDER BY settles_at, seq"
        with self._store.transaction():
            for row in self._store.rows(due, self._clock.now()):
                self.settle(row["id"], "succeeded")

    def left(self, charge: Json) -> int:
        """What no refund has taken or holds yet, in fen."""
        rows = self._store.rows(
            "SELECT doc FROM refunds WHERE charge = ? AND status != 'failed'", charge["id"]
        )
        return charge["amount"] - sum(json.loads(row["doc"])["amount"] for row in rows)

    def next_due(self) -> float | None:
        """When the next refund ends, on the sandbox's clock."""
        row = self._store.row("SELECT MIN(settles_at) AS due FROM refunds")
        return row["due"] if row else None

    def _open(self, charge: Json, params: Mapping[str, Any]) -> Json:
        if not charge["paid"]:
            raise ApiError("该 charge 未支付。", code="charge_unexpected_status", param="id")
        remaining = self.left(charge)
        if remaining <= 0:
            raise ApiError("该 charge 已全额退款。")
        clean = parameters.refund_params(params, remaining=remaining, channel=charge["channel"])
        return self._insert(charge, clean)

    def _insert(self, charge: Json, clean: Json) -> Json:
        refund_id = new_id("re")
        refund = {
            "id": refund_id,
            "object": "refund",
            "order_no": refund_id.removeprefix("re_"),
            "amount": clean["amount"],
            "created": int(self._clock.now()),
            "succeed": False,
            "status": "pending",
            "time_succeed": None,
            "description": clean["description"],
            "failure_code": None,
            "failure_msg": None,
            "metadata": clean["metadata"],
            "charge": charge["id"],
            "charge_order_no": charge["order_no"],
            "transaction_no": None,
            "funding_source": clean["funding_source"],
            "extra": {},
            "app": charge["app"],
        }
        self._store.run(
            "INSERT INTO refunds (id, charge, created, status, doc) VALUES (?, ?, ?, ?, ?)",
            *(refund[name] for name in ("id", "charge", "created", "status")),
            json.dumps(refund),
        )
        # True as soon as any refund exists, whatever becomes of it.
        self._charges.save(charge | {"refunded": True})
        return refund

    def _settle_in_time(self, refund: Json, channel: str) -> None:
        seconds = self._options.refund_seconds.get(channel, 0) * self._options.time_scale
        if not seconds:
            self.settle(refund["id"], "succeeded")
            return
        settles_at = self._clock.now() + seconds
        self._store.run("UPDATE refunds SET settles_at = ? WHERE id = ?", settles_at, refund["id"])

    def _succeed(self, refund: Json) -> None:
        now = self._clock.now()
        refund |= {"status": "succeeded", "succeed": True, "time_succeed": int(now)}
        refund |= {"failure_code": None, "failure_msg": None}
        refund["transaction_no"] = credentials.transaction_no(now)
        self._add_refunded(refund, refund["amount"])

    def _add_refunded(self, refund: Json, amount: int) -> None:
        charge = self._charges.stored(refund["charge"])
        charge["amount_refunded"] += amount
        self._charges.save(charge)

    def _announce(self, refund: Json) -> None:
        self._publish(f"refund.{refund['status']}", refund)

    def _stored(self, refund_id: str) -> Json:
        row = self._store.row("SELECT doc FROM refunds WHERE id = ?", refund_id)
        if row is None:
            raise not_found("refund", refund_id)
        return json.loads(row["doc"])

    def _save(self, refund: Json) -> None:
        self._store.run(
            "UPDATE refunds SET status = ?, doc = ?, settles_at = NULL WHERE id = ?",
            refund["status"],
            json.dumps(refund),
            refund["id"],
        )
