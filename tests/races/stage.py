"""One patient, one doctor, and what they do over HTTP, as calls that a race can start."""

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.models import Doctor, Patient, User
from ledger import services as ledger
from qaorder.models import Order, OrderType, Payment, Refund, Status
from qaorder.payments import outbox
from tests.support import people
from tests.support.provider import Provider

Answer = Callable[[], Any]
_number = count(1)


class Hand:
    """One user's client. Calls share the token; each request has a client of its own."""

    def __init__(self, user: User) -> None:
        _, self._token = AuthToken.objects.create(user)
        self.user = user

    def call(self, method: str, path: str, data: Any = None, **headers: str) -> Answer:
        """A request, to be sent when called."""
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Token {self._token}")
        send = getattr(client, method)
        return partial(send, path, data, format="json", headers=headers or None)


class Stage:
    """A patient, a doctor, the provider and their orders."""

    def __init__(self, provider: Provider | None = None, *, balance_fen: int = 0) -> None:
        self._provider = provider
        self.patient: Patient = people.make_patient(balance_fen=balance_fen)
        self.doctor: Doctor = people.make_doctor()
        self.by_patient = Hand(self.patient.user)
        self.by_doctor = Hand(self.doctor.user)

    @property
    def provider(self) -> Provider:
        assert self._provider is not None
        return self._provider

    # Bringing an order to where a race begins.

    def order(self, order_type: str = OrderType.ONLINE) -> Order:
        """An unpaid order."""
        return people.place_order(self.patient, self.doctor, order_type)

    def order_in(self, status: Status, order_type: str = OrderType.ONLINE) -> Order:
        """An order in this status, paid from the balance."""
        return people.order_in(status, self.patient, self.doctor, order_type)

    def charge(self, order: Order, channel: str = "alipay") -> str:
        """The id of a charge for the order, not paid yet."""
        answer = self.pay(order, channel)()
        assert answer.status_code == 200, answer.content
        return answer.json()["charge"]["id"]

    def paid_by_charge(self, channel: str = "alipay", **kwargs: Any) -> Order:
        """An order paid through the provider."""
        order = self.order(**kwargs)
        answer = self.notice(self.charge(order, channel))()
        assert answer.status_code == 200, answer.content
        order.refresh_from_db()
        return order

    def notice(self, charge_id: str, **paid: Any) -> Answer:
        """Pay the charge at the provider; return the delivery of its notice."""
        shown = self.provider.sandbox.pay(charge_id, force=True, **paid)
        return self.tell("charge.succeeded", shown)

    def tell(self, kind: str, shown: dict[str, Any]) -> Answer:
        """The delivery of a notice, signed, with an event id of its own."""
        raw, signature = self.provider.sandbox.notice(self.provider.sandbox.event(kind, shown))
        return partial(Provider.post, raw, signature)

    # What the two do.

    def pay(self, order: Order, channel: str, **headers: str) -> Answer:
        path = f"/qaorder/order/pay/{order.order_number}/"
        return self.by_patient.call("patch", path, {"channel": channel}, **headers)

    def cancel(self, order: Order) -> Answer:
        return self.by_patient.call("put", f"/qaorder/order/cancel/{order.order_number}/")

    def destroy(self, order: Order) -> Answer:
        return self.by_patient.call("get", f"/qaorder/order/destroy/{order.order_number}/")

    def ask(self, order: Order, **headers: str) -> Answer:
        data = {"order": order.order_number, "condition_description": "咳嗽三周"}
        return self.by_patient.call("post", "/qaorder/question/create/", data, **headers)

    def answer(self, order: Order, **headers: str) -> Answer:
        data = {"question": order.question.pk, "diagnosis_result": "支气管炎"}
        return self.by_doctor.call("post", "/qaorder/answer/create/", data, **headers)

    def evaluate(self, order: Order, **headers: str) -> Answer:
        path = f"/qaorder/order/evaluate/{order.order_number}/"
        return self.by_patient.call("put", path, {"scores": 5, "content": "好评"}, **headers)

    def finish(self, order: Order, hand: Hand | None = None) -> Answer:
        path = f"/qaorder/order/finish/{order.order_number}/"
        return (hand or self.by_patient).call("put", path)

    def refund(self, order: Order, **headers: str) -> Answer:
        path = f"/qaorder/order/refund/{order.order_number}/"
        return self.by_patient.call("put", path, {}, **headers)

    def refuse(self, order: Order, **headers: str) -> Answer:
        path = f"/qaorder/order/refuse/{order.order_number}/"
        return self.by_doctor.call("put", path, {"reason": "不在诊疗范围"}, **headers)

    def create(self, order_type: str = OrderType.ONLINE, **headers: str) -> Answer:
        data = {"doctor": self.doctor.user.username, "order_type": order_type}
        return self.by_patient.call("post", "/qaorder/order/create/", data, **headers)

    def recharge(self, amount: str, **headers: str) -> Answer:
        data = {"amount": amount, "channel": "alipay"}
        return self.by_patient.call("post", "/accounts/balance/recharge/", data, **headers)


def drain() -> None:
    """Send what waits for the provider, as if its time had come."""
    Refund.objects.filter(status=0).update(next_try_at=timezone.now())
    outbox.send_due()


def fill(user: User, amount_fen: int) -> None:
    """Bring the user's balance to this amount."""
    missing = amount_fen - ledger.balance_fen(user)
    if missing:
        people.top_up(user, missing)


def attempts(order: Order) -> int:
    """How many attempts to pay the order there are."""
    return Payment.objects.filter(order=order).count()


def fresh_name(prefix: str) -> str:
    """A word no other row has."""
    return f"{prefix}{next(_number)}"
