"""One patient, one doctor and what they do over HTTP; and everybody else around one order."""

from collections.abc import Callable
from datetime import timedelta
from functools import cached_property, partial
from itertools import count
from typing import Any

import requests
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.models import Doctor, Patient, Session, User
from accounts.services import issue_token, make_reset_code
from ledger import services as ledger
from payments import refund_outbox
from payments.models import Payment, Refund
from qaorder.models import DiagnosisTag, Drug, Order, OrderType, Status
from tests.support import people
from tests.support.provider import Provider

Answer = Callable[[], Any]
CLIENT_SECONDS = 30.0
PROFILELESS = ("staff", "superuser")
KNOWN = ("patient", "other_patient", "doctor", "other_doctor", "both", *PROFILELESS)
"""Roles with a good token: the order's two sides first, then people outside it."""
UNKNOWN = ("anonymous", "garbage", "expired", "revoked", "inactive")
"""Roles without one."""
ROLES = (*UNKNOWN, *KNOWN)
NO_SUCH_NUMBER = "9" * 26
NO_SUCH_PK = 987654321
_number = count(1)


class Hand:
    """One user's client. Calls share the token; each request has a client of its own."""

    def __init__(self, user: User, server: str = "") -> None:
        _, self.token = AuthToken.objects.create(user)
        self.user, self._server = user, server

    def call(self, method: str, path: str, data: Any = None, **headers: str) -> Answer:
        """A request, to be sent when called."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if self._server:
            return partial(self._over_the_wire, method, path, data, headers)
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Token {self.token}")
        return partial(getattr(client, method), path, data, format="json", headers=headers or None)

    def _over_the_wire(
        self, method: str, path: str, data: Any, headers: dict[str, str]
    ) -> requests.Response | None:
        """The answer of the server process; None if it died before it gave one, or all of it."""
        headers = {"Authorization": f"Token {self.token}", "Connection": "close"} | headers
        with requests.Session() as session:
            session.trust_env = False
            try:
                return session.request(
                    method, self._server + path, json=data, headers=headers, timeout=CLIENT_SECONDS
                )
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                return None


class World:
    """A patient, a doctor, the provider and their orders; in this process or in a server's."""

    def __init__(
        self,
        provider: Provider | None = None,
        *,
        patient: Patient | None = None,
        doctor: Doctor | None = None,
        balance_fen: int = 0,
        server: str = "",
    ) -> None:
        self._provider, self._server = provider, server
        self.patient = patient or people.make_patient(balance_fen=balance_fen)
        self.doctor = doctor or people.make_doctor()

    @cached_property
    def by_patient(self) -> Hand:
        return Hand(self.patient.user, self._server)

    @cached_property
    def by_doctor(self) -> Hand:
        return Hand(self.doctor.user, self._server)

    @property
    def provider(self) -> Provider:
        assert self._provider is not None
        return self._provider

    # Bringing an order to where a test begins.

    def new_order(self, order_type: str = OrderType.ONLINE) -> Order:
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
        order = self.new_order(**kwargs)
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

    def pay(self, order: Order, channel: str = "alipay", **headers: str) -> Answer:
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

    def recharge(self, amount: str = "20.00", **headers: str) -> Answer:
        data = {"amount": amount, "channel": "alipay"}
        return self.by_patient.call("post", "/accounts/balance/recharge/", data, **headers)


class Cast(World):
    """One order in one status (or refunded), everybody who may look at it, a tag and a drug."""

    def __init__(self, status: Status | None = None, *, is_refunded: bool = False) -> None:
        owner = people.make_patient("owner1", balance_fen=5000)
        super().__init__(patient=owner, doctor=people.make_doctor("doctor1"))
        self.order = people.order_in(status or Status.UNPAID, self.patient, self.doctor)
        if is_refunded:
            people.refund(self.order)
            self.order.refresh_from_db()
        self.tag = DiagnosisTag.objects.create(owner=self.doctor.user, name="哮喘")
        self.reset_code = make_reset_code(people.make_user("forgetful"))
        self.session = Session.objects.get(token=issue_token(self.patient.user)[0])
        self.drug = Drug.objects.create(owner=self.doctor.user, name="头孢")

    def user(self, role: str) -> User:
        """The user of a role, made on first use."""
        if role in ("patient", "doctor"):
            return getattr(self, role).user
        user = User.objects.filter(username=role).first()
        if user is None:
            user = self._make(role)
        return user

    def client(self, role: str) -> APIClient:
        """A client that sends what somebody in this role would send."""
        if role == "anonymous":
            return APIClient()
        if role == "garbage":
            client = APIClient()
            client.credentials(HTTP_AUTHORIZATION="Token " + "0" * 40)
            return client
        if role not in UNKNOWN:
            return people.client_for(self.user(role))
        # A side of the order, whose token alone keeps them out.
        client = people.client_for(self.patient.user)
        tokens = AuthToken.objects.filter(user=self.patient.user)
        if role == "expired":
            tokens.update(expiry=timezone.now() - timedelta(seconds=1))
        elif role == "revoked":
            tokens.delete()
        else:
            User.objects.filter(pk=self.patient.user.pk).update(is_active=False)
        return client

    def send(self, row: Any, role: str, url: str = "") -> Any:
        """The answer to a row of the access matrix, sent by somebody in this role."""
        send = getattr(self.client(role), row.method.lower())
        return send(url or self.fill(row.url), self.fill(row.body), format="json")

    def fill(self, template: Any) -> Any:
        """Put this world's names and numbers into a URL or, item by item, into a body."""
        if isinstance(template, dict):
            return {key: self.fill(value) for key, value in template.items()}
        if isinstance(template, list):
            return [self.fill(value) for value in template]
        if not isinstance(template, str):
            return template
        return template.format(
            order=self.order.order_number,
            owner=self.patient.user.username,
            doctor=self.doctor.user.username,
            patient_pk=self.patient.pk,
            question=self.order.question.pk if hasattr(self.order, "question") else NO_SUCH_PK,
            tag=self.tag.pk,
            drug=self.drug.pk,
            password=people.PASSWORD,
            session=self.session.pk,
            reset_code=self.reset_code,
        )

    @staticmethod
    def _make(role: str) -> User:
        if role == "other_patient":
            return people.make_patient(role).user
        if role == "other_doctor":
            return people.make_doctor(role).user
        user = people.make_user(
            role, is_staff=role in PROFILELESS, is_superuser=role == "superuser"
        )
        if role == "both":
            people.make_doctor(user=user)
            Patient.objects.create(user=user)
        return user


def drain() -> None:
    """Send what waits for the provider, as if its time had come."""
    Refund.objects.filter(status=0).update(next_try_at=timezone.now())
    refund_outbox.send_due()


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
