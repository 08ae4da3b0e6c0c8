"""Ways through the money paths that many tests begin with; over HTTP and the real SDK."""

from typing import Any

from feiqingsong.testing.factories import client_for, make_doctor, make_patient, place_order
from feiqingsong.testing.provider import Provider
from payments.models import Payment
from qaorder.models import Order, OrderType


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
