"""One small practice whose processes die: a patient, a doctor, the provider, and time."""

from datetime import timedelta
from typing import Any

import requests
from django.db.models import F
from knox.models import AuthToken

from accounts.models import User
from pingpp_sandbox.sandbox import Sandbox
from qaorder.models import IdempotencyKey, Order, Payment, Refund, Status
from tests.support.people import make_doctor, make_patient, place_order
from tests.support.processes import Jobs, Web, wait_until
from tests.support.provider import WEBHOOK, Provider

NOTICE_SECONDS = 20.0
CLIENT_SECONDS = 30.0
ROUND_SECONDS = 30
ROUNDS = 4
"""Everything must be decided within two minutes of the restart (reliability, N9)."""
TIMES: dict[Any, tuple[str, ...]] = {
    Payment: (
        *("checked_at", "next_try_at", "leased_until", "inquiry_leased_until", "search_until"),
        *("asked_at", "last_asked_at", "paid_at", "created_at", "expires_at"),
    ),
    Refund: ("next_try_at", "leased_until", "sent_at", "finished_at", "created_at"),
    IdempotencyKey: ("locked_until", "created_at"),
    Order: ("created_at", "status_at", "pay_deadline", "next_try_at"),
}


class World:
    """The actors of one test, who reach the service over HTTP only."""

    def __init__(self, sandbox: Sandbox, provider: Provider, web: Web, jobs: Jobs | None) -> None:
        self.sandbox, self.provider, self.web, self.jobs = sandbox, provider, web, jobs
        self.patient = make_patient()
        self.doctor = make_doctor()
        self._tokens: dict[int, str] = {}
        sandbox.set_options(webhook_url=web.url + WEBHOOK)

    def close(self) -> None:
        self.provider.reset()
        self.sandbox.webhooks.drop()
        self.sandbox.webhooks.release()
        self.sandbox.set_options(webhook_url=None)

    def order(self) -> Order:
        return place_order(self.patient, self.doctor)

    def token(self, user: User) -> str:
        if user.pk not in self._tokens:
            self._tokens[user.pk] = AuthToken.objects.create(user)[1]
        return self._tokens[user.pk]

    # What callers do. A request whose server dies has no answer: None.

    def call(
        self, user: User, method: str, path: str, data: Any = None, key: str = ""
    ) -> requests.Response | None:
        headers = {"Authorization": f"Token {self.token(user)}", "Connection": "close"}
        if key:
            headers["Idempotency-Key"] = key
        with requests.Session() as session:
            session.trust_env = False
            try:
                return session.request(
                    method, self.web.url + path, json=data, headers=headers, timeout=CLIENT_SECONDS
                )
            except requests.ConnectionError:
                return None

    def pay(self, order: Order, channel: str = "alipay", key: str = "") -> requests.Response | None:
        path = f"/qaorder/order/pay/{order.order_number}/"
        return self.call(self.patient.user, "PATCH", path, {"channel": channel}, key)

    def recharge(self, channel: str = "alipay") -> requests.Response | None:
        data = {"amount": "20.00", "channel": channel}
        return self.call(self.patient.user, "POST", "/accounts/balance/recharge/", data)

    def ask_for_refund(self, order: Order) -> requests.Response | None:
        path = f"/qaorder/order/refund/{order.order_number}/"
        return self.call(self.patient.user, "PUT", path, {"reason": "不需要了"})

    # What the provider does.

    def collect(self, answer: requests.Response | None) -> str:
        """Have the customer pay the charge in a pay answer; its notice is on its way."""
        assert answer is not None
        assert answer.status_code == 200, answer.text
        charge_id = answer.json()["charge"]["id"]
        self.provider.pay(charge_id)
        return str(charge_id)

    def fall_silent(self) -> None:
        """Send no notice of anything from now on, not even late."""
        self.sandbox.set_options(webhook_url=None)

    def wait_for_notices(self) -> None:
        """Wait until the provider, who repeats them, has an answer of 200 for every notice."""
        assert self.sandbox.webhooks.wait(NOTICE_SECONDS)

    def paid_order(self, channel: str = "alipay") -> Order:
        """An order paid and told of."""
        order = self.order()
        if channel == "balance":
            answer = self.pay(order, channel)
            assert answer is not None
            assert answer.status_code == 200
        else:
            self.collect(self.pay(order, channel))
            self.wait_for_notices()
        return self.now(order, Status.PAID)

    # Time.

    def time_passes(self, seconds: float) -> None:
        """Let it be later, here and at the provider."""
        for model, names in TIMES.items():
            by = timedelta(seconds=seconds)
            model.objects.update(**{name: F(name) - by for name in names})
        self.sandbox.advance(seconds)

    def recover(self) -> None:
        """Two minutes of `run_jobs`, and the provider's repeated notices; no other help."""
        assert self.jobs is not None
        for _ in range(ROUNDS):
            self.time_passes(ROUND_SECONDS)
            self.jobs.run()
        self.wait_for_notices()

    @staticmethod
    def now(order: Order, status: Status) -> Order:
        """Return the order as it is now, which must be in this status."""
        order.refresh_from_db()
        assert order.status == status, Status(order.status).name
        return order

    def wait_for(self, order: Order, status: Status) -> None:
        wait_until(lambda: Order.objects.filter(pk=order.pk, status=status), f"no {status.name}")
