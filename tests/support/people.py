"""Users, doctors, patients and their orders, made as the service makes them: leaf rows directly,
orders by services, charges over HTTP and the real SDK.
"""

from itertools import count
from typing import Any

from django.db import transaction
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.models import Doctor, Patient, User
from ledger import services as ledger
from ledger.models import TransactionKind
from payments import refunds
from payments.models import Payment
from qaorder import answering, orders
from qaorder.lifecycle import Role
from qaorder.models import Answer, Channel, Evaluation, Order, OrderType, Question, Status
from tests.support.paying import pay_order
from tests.support.provider import Provider

PASSWORD = "feiqingsong-test"
_number = count(1)


def make_user(username: str = "", **fields: Any) -> User:
    return User.objects.create_user(
        username=username or f"user{next(_number)}", password=PASSWORD, **fields
    )


def make_patient(username: str = "", *, balance_fen: int = 0, **fields: Any) -> Patient:
    patient = Patient.objects.create(
        user=make_user(username or f"patient{next(_number)}", **fields)
    )
    if balance_fen:
        top_up(patient.user, balance_fen)
    return patient


@transaction.atomic
def top_up(user: User, amount_fen: int) -> None:
    """Put money into the user's wallet, out of the platform's pocket."""
    legs = {ledger.platform(): -amount_fen, ledger.wallet(user): amount_fen}
    ledger.post(TransactionKind.ADJUSTMENT, f"top-up:{next(_number)}", legs)


def make_doctor(username: str = "", **fields: Any) -> Doctor:
    """A verified doctor, 15.00 online and 70.00 monthly unless told otherwise."""
    number = next(_number)
    user = fields.pop("user", None) or make_user(username or f"doctor{number}")
    defaults = {
        "licence_number": f"L{number}",
        "hospital": "示范医院",
        "department": "呼吸内科",
        "title": "主任医师",
        "online_price_fen": 1500,
        "monthly_price_fen": 7000,
        "is_verified": True,
    }
    return Doctor.objects.create(user=user, **(defaults | fields))


def client_for(user: User) -> APIClient:
    """An API client with a real token of this user."""
    client = APIClient()
    _, token = AuthToken.objects.create(user)
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return client


def place_order(
    patient: Patient, doctor: Doctor, order_type: str = OrderType.ONLINE, **changes: Any
) -> Order:
    """An unpaid order; `changes` rewrite columns afterwards, e.g. `created_at`."""
    order = orders.place_order(
        patient=patient, doctor_username=doctor.user.username, order_type=order_type
    )
    if changes:
        Order.objects.filter(pk=order.pk).update(**changes)
        order.refresh_from_db()
    return order


def pay(order: Order) -> Order:
    """Pay from the balance, which is topped up to the amount first."""
    user = order.patient.user
    if order.amount_fen:
        top_up(user, order.amount_fen)
    pay_order(order=order, channel=Channel.BALANCE, payer=user)
    order.refresh_from_db()
    return order


def ask(order: Order, **fields: Any) -> Question:
    values = {"condition_description": "咳嗽三周"} | fields
    return answering.ask_question(order=order, actor=order.patient.user, **values)


def answer(question: Question, **fields: Any) -> Answer:
    values: dict[str, Any] = {"diagnosis_tags": [], "drugs": [], "diagnosis_result": "支气管炎"}
    return answering.answer_question(
        question=question, actor=question.order.doctor.user, **(values | fields)
    )


def evaluate(order: Order, scores: int = 5, content: str = "好评") -> Evaluation:
    return orders.evaluate_order(
        order=order, actor=order.patient.user, scores=scores, content=content
    )


def order_in(
    status: Status,
    patient: Patient | None = None,
    doctor: Doctor | None = None,
    order_type: str = OrderType.ONLINE,
) -> Order:
    """An order brought to this status by the services, as users would; call in a transaction."""
    order = place_order(patient or make_patient(), doctor or make_doctor(), order_type)
    if status == Status.CANCELLED:
        return orders.cancel_order(order=order, role=Role.PATIENT, actor=order.patient.user)
    steps = [
        (Status.PAID, lambda: pay(order)),
        (Status.WAITING, lambda: ask(order)),
        (Status.ANSWERED, lambda: answer(order.question)),
        (Status.FINISHED, lambda: orders.finish_order(order=order, role=Role.CLOCK)),
        (Status.EVALUATED, lambda: evaluate(order)),
    ]
    for reached, step in steps:
        if status >= reached:
            step()
            order.refresh_from_db()
    return order


def refund(order: Order, role: Role = Role.PATIENT) -> Any:
    return refunds.refund_order(order=order, role=role, actor=order.patient.user)


def age(order: Order, **columns: Any) -> Order:
    """Move an order's times into the past: `age(order, status_at=timedelta(days=8))`."""
    now = timezone.now()
    Order.objects.filter(pk=order.pk).update(
        **{name: now - delta for name, delta in columns.items()}
    )
    order.refresh_from_db()
    return order


# Over HTTP.


def new_order(order_type: str = OrderType.ONLINE, **changes: Any) -> Order:
    """An unpaid order between two new people."""
    return place_order(make_patient(), make_doctor(), order_type, **changes)


def pay_url(order: Order) -> str:
    return f"/qaorder/order/pay/{order.order_number}/"


def refund_url(order: Order) -> str:
    return f"/qaorder/order/refund/{order.order_number}/"


def try_to_pay(order: Order, channel: str, **headers: str) -> Any:
    """The answer to the patient's pay request."""
    client = client_for(order.patient.user)
    return client.patch(pay_url(order), {"channel": channel}, headers=headers)


def charge_for(order: Order, channel: str = "alipay") -> dict[str, Any]:
    """The charge that the patient is given."""
    answer = try_to_pay(order, channel)
    assert answer.status_code == 200, answer.content
    charge: dict[str, Any] = answer.json()["charge"]
    return charge


def pay_remotely(provider: Provider, order: Order, channel: str = "alipay") -> Payment:
    """Pay through a charge and its notice; the order and its payment are brought up to date."""
    charge = charge_for(order, channel)
    assert provider.pay_and_tell(charge["id"]).json()["outcome"] == "applied"
    order.refresh_from_db()
    return Payment.objects.get(charge_id=charge["id"])
