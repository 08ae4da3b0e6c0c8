"""One small practice whose processes die: what its people do over HTTP, the provider, and time."""

from datetime import timedelta
from typing import Any

import requests
from django.db.models import F, OuterRef, Subquery

from api.models import IdempotencyKey
from payments.models import Payment, Refund
from pingpp_sandbox.sandbox import Sandbox
from qaorder.models import Order, Status
from tests.support import world
from tests.support.processes import Jobs, Web
from tests.support.provider import WEBHOOK, Provider

NOTICE_SECONDS = 20.0
ROUND_SECONDS = 30
ROUNDS = 4
"""Everything must be decided within two minutes of the restart (reliability, N9)."""
TIMES: dict[Any, tuple[str, ...]] = {
    Payment: (
        *("inquired_at", "next_try_at", "leased_until", "inquiry_leased_until", "search_until"),
        *("sent_at", "last_sent_at", "paid_at", "created_at", "expires_at"),
    ),
    Refund: ("next_try_at", "leased_until", "sent_at", "finished_at", "created_at"),
    IdempotencyKey: ("locked_until", "created_at"),
    Order: ("created_at", "status_at", "pay_deadline", "next_try_at"),
}


class World(world.World):
    """The actors of one test, who reach the service over HTTP only; no answer is None."""

    def __init__(self, sandbox: Sandbox, provider: Provider, web: Web, jobs: Jobs | None) -> None:
        super().__init__(provider, server=web.url)
        self.sandbox, self.web, self.jobs = sandbox, web, jobs
        # Now, for threads that call would leave a database connection behind.
        self.hands = (self.by_patient, self.by_doctor)
        sandbox.set_options(webhook_url=web.url + WEBHOOK)

    def close(self) -> None:
        self.provider.reset()
        self.sandbox.webhooks.drop()
        self.sandbox.webhooks.release()
        self.sandbox.set_options(webhook_url=None)

    # What the provider does.

    def collect(self, answer: requests.Response | None) -> None:
        """Have the customer pay the charge in a pay answer; its notice is on its way."""
        assert answer is not None
        assert answer.status_code == 200, answer.text
        self.provider.pay(answer.json()["charge"]["id"])

    def fall_silent(self) -> None:
        """Send no notice of anything from now on, not even late."""
        self.sandbox.set_options(webhook_url=None)

    def wait_for_notices(self) -> None:
        """Wait until the provider, who repeats them, has an answer of 200 for every notice."""
        assert self.sandbox.webhooks.wait(NOTICE_SECONDS)

    def paid_order(self, channel: str = "alipay") -> Order:
        """An order paid and told of."""
        order = self.new_order()
        answer = self.pay(order, channel)()
        assert answer is not None
        assert answer.status_code == 200, answer.text
        if channel != "balance":
            self.collect(answer)
            self.wait_for_notices()
        return self.now(order, Status.PAID)

    # Time.

    def time_passes(self, seconds: float) -> None:
        """Let it be later, here and at the provider."""
        for model, names in TIMES.items():
            by = timedelta(seconds=seconds)
            model.objects.update(**{name: F(name) - by for name in names})
        # As their payments say by now, for the service runs on meanwhile.
        paid_at = Payment.objects.filter(opened_order=OuterRef("pk")).values("paid_at")
        Order.objects.exclude(paid_at=None).update(paid_at=Subquery(paid_at))
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
