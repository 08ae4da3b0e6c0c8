"""Every request that takes an Idempotency-Key, and what it makes."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.db.models import F
from django.urls import URLResolver, get_resolver, resolve

from api.models import IdempotencyKey
from payments.models import Payment, PaymentState, Refund
from qaorder.models import Answer, Evaluation, Order, Question, Status
from tests.support import people
from tests.support.people import (
    client_for,
    make_doctor,
    make_patient,
    order_in,
    place_order,
)


class Case:
    """One request: who sends it, how, what other body there is, the rows that are its effect."""

    def __init__(self, user, method, url, body, other, effects):
        self.user, self.method, self.url = user, method, url
        self.body, self.other, self.effects = body, other, effects

    def made(self) -> int:
        return self.effects.count()

    def request(self, key: str | None = "key-1", body=None) -> Callable[[], Any]:
        """The request with a token of its own, to be sent when called."""
        client = client_for(self.user)
        headers = {"Idempotency-Key": key} if key is not None else {}
        body = self.body if body is None else body
        send = getattr(client, self.method)
        return lambda: send(self.url, body, format="json", headers=headers)

    def send(self, key: str | None = "key-1", body=None):
        return self.request(key, body)()


def handed_out(user):
    """The user's attempts whose charge was given to the client, or whose money came."""
    return Payment.objects.filter(payer=user, state__in=(PaymentState.PENDING, PaymentState.PAID))


def create(order_type="online"):
    patient = make_patient()
    body = {"doctor": make_doctor().user.username, "order_type": order_type}
    other = body | {"order_type": "monthly" if order_type == "online" else "online"}
    rows = Order.objects.filter(patient=patient)
    return Case(patient.user, "post", "/qaorder/order/create/", body, other, rows)


def create_monthly():
    return create("monthly")


def _pay(channel, other, balance_fen=0):
    user = make_patient(balance_fen=balance_fen).user
    url = people.pay_url(place_order(user.patient, make_doctor()))
    return Case(user, "patch", url, {"channel": channel}, {"channel": other}, handed_out(user))


def pay_by_balance():
    return _pay("balance", "wx", balance_fen=5000)


def pay_by_alipay():
    return _pay("alipay", "wx")


def pay_by_wx():
    return _pay("wx", "alipay")


def recharge():
    user = make_patient().user
    body = {"amount": "1.00", "channel": "wx"}
    other = body | {"amount": "2.00"}
    return Case(user, "post", "/accounts/balance/recharge/", body, other, handed_out(user))


def question():
    order = order_in(Status.PAID)
    body = {"order": order.order_number, "condition_description": "咳嗽"}
    other = body | {"condition_description": "发烧"}
    rows = Question.objects.filter(order=order)
    return Case(order.patient.user, "post", "/qaorder/question/create/", body, other, rows)


def answer():
    order = order_in(Status.WAITING)
    body = {"question": order.question.pk, "diagnosis_result": "支气管炎"}
    other = body | {"diagnosis_result": "肺炎"}
    rows = Answer.objects.filter(question=order.question)
    return Case(order.doctor.user, "post", "/qaorder/answer/create/", body, other, rows)


def evaluate():
    order = order_in(Status.FINISHED)
    url = f"/qaorder/order/evaluate/{order.order_number}/"
    body = {"scores": 5, "content": "好评"}
    rows = Evaluation.objects.filter(order=order)
    return Case(order.patient.user, "put", url, body, body | {"scores": 1}, rows)


def refund():
    order = order_in(Status.PAID)
    body, other = {"reason": "不需要了"}, {"reason": "太贵"}
    rows = Refund.objects.filter(payment__order=order)
    return Case(order.patient.user, "put", people.refund_url(order), body, other, rows)


def refuse():
    order = order_in(Status.PAID)
    url = f"/qaorder/order/refuse/{order.order_number}/"
    body, other = {"reason": "不在擅长范围"}, {"reason": "太忙"}
    rows = Refund.objects.filter(payment__order=order)
    return Case(order.doctor.user, "put", url, body, other, rows)


IN_ONE_TRANSACTION = [create, create_monthly, question, answer, evaluate, refund, refuse]
WITH_A_CHARGE = [pay_by_alipay, pay_by_wx, recharge]
CASES = [*IN_ONE_TRANSACTION, pay_by_balance, *WITH_A_CHARGE]


def views_that_take_a_key() -> set[tuple[str, str]]:
    """The name of each viewset and of its actions that honour the header."""
    return {
        (view.cls.__name__, action)
        for view in _viewsets(get_resolver().url_patterns)
        for action in view.actions.values()
        if hasattr(getattr(view.cls, action), "is_idempotent")
    }


def _viewsets(patterns: list[Any]) -> Iterator[Any]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _viewsets(pattern.url_patterns)
        elif hasattr(pattern.callback, "actions"):
            yield pattern.callback


def views_of(cases: list[Case]) -> set[tuple[str, str]]:
    """The viewsets and actions that these requests reach."""
    views: list[tuple[Any, str]] = [(resolve(case.url).func, case.method) for case in cases]
    return {(view.cls.__name__, view.actions[method]) for view, method in views}


def time_passes(by: timedelta) -> None:
    """Let it be later for every key and attempt; the database's own clock cannot be moved."""
    IdempotencyKey.objects.update(
        locked_until=F("locked_until") - by, created_at=F("created_at") - by
    )
    Payment.objects.update(leased_until=F("leased_until") - by)
