"""The sandbox as a test holds it: charges are paid and notices delivered when it says so."""

from typing import Any

from rest_framework.test import APIClient

from pingpp_sandbox.sandbox import Sandbox

WEBHOOK = "/qaorder/pingpp/webhook/"


class Provider:
    """Drives one test's share of the sandbox; events from before the test are not seen."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._seen = len(sandbox.events())
        self._charges_before = len(sandbox.book()["charges"])
        self._refunds_before = len(sandbox.book()["refunds"])

    def reset(self) -> None:
        """Take back every fault and switch; later tests cannot list this test's charges."""
        self.sandbox.store.run("UPDATE charges SET app = 'app_of_another_test'")
        self.sandbox.clear_faults()
        self.sandbox.clock.offset = 0.0
        self.sandbox.set_options(emit_reversed=True)

    def charges(self) -> list[dict[str, Any]]:
        """The provider's own book of charges made in this test, oldest first."""
        return self.sandbox.book()["charges"][self._charges_before :]

    def refunds(self) -> list[dict[str, Any]]:
        """The provider's own book of refunds made in this test, oldest first."""
        return self.sandbox.book()["refunds"][self._refunds_before :]

    def create_charge(
        self, order_no: str, channel: str = "alipay", amount: int = 1500
    ) -> dict[str, Any]:
        """Make a charge at the provider that nobody here asked for."""
        words = dict.fromkeys(("subject", "body"), "x")
        app = {"id": self.sandbox.options.app_id}
        asked = {"order_no": order_no, "app": app, "channel": channel, "amount": amount, **words}
        return self.sandbox.create_charge(
            {**asked, "client_ip": "127.0.0.1", "currency": "cny", "extra": {}}
        )

    def pay(self, charge_id: str, **changes: Any) -> None:
        """Pay a charge at the provider; its notice waits in `events`."""
        self.sandbox.pay(charge_id, **changes)

    def console_refund(
        self, charge_id: str, amount: int | None = None, status: str = "succeeded"
    ) -> dict[str, Any]:
        """Refund a charge in the provider's console (fen; None: all that is left)."""
        return self.sandbox.console_refund(charge_id, amount, status)

    def fail_refund_late(self, refund_id: str) -> dict[str, Any]:
        """Fail a refund that had succeeded; the notice of it waits in `events`."""
        return self.sandbox.fail_refund_late(refund_id)

    def reject_refunds(self, charge_id: str | None = None, **changes: Any) -> None:
        """Refuse every coming refund (of a charge) with an error, until `reset`."""
        self.sandbox.script_refunds("reject", times=None, charge=charge_id, **changes)

    def break_charge(self, charge_id: str, *, in_lists: bool = False) -> None:
        """Answer 500 to whatever is asked about a charge, with `in_lists` its pages too."""
        self.sandbox.fault("status", charge=charge_id, times=None, in_lists=in_lists)

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """This test's events, oldest first, of one type or all."""
        return [e for e in self.sandbox.events()[self._seen :] if not kind or e["type"] == kind]

    def deliver(self, event: dict[str, Any], client: APIClient | None = None) -> Any:
        """Post the event's signed notice to the webhook; return the response."""
        raw, signature = self.sandbox.notice(event)
        return self.post(raw, signature, client)

    def deliver_all(self, kind: str = "") -> list[Any]:
        """Post every notice of this test so far, oldest first."""
        return [self.deliver(event) for event in self.events(kind)]

    def pay_and_tell(self, charge_id: str, **changes: Any) -> Any:
        """Pay a charge and deliver its notice."""
        self.pay(charge_id, **changes)
        events = self.events("charge.succeeded")
        return self.deliver(next(e for e in events if e["data"]["object"]["id"] == charge_id))

    @staticmethod
    def post(raw: bytes, signature: str | None, client: APIClient | None = None) -> Any:
        headers = {"X-Pingplusplus-Signature": signature} if signature is not None else {}
        return (client or APIClient()).post(
            WEBHOOK, raw, content_type="application/json", headers=headers
        )
