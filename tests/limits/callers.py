"""One event of every limit at every door, by either of two callers who do not share a count."""

from collections.abc import Callable
from itertools import count
from typing import Any

from rest_framework.test import APIClient

from accounts.models import Patient
from api import limit_table
from qaorder.models import Order
from qaorder.orders import place_order
from tests.support.people import client_for, make_doctor, make_patient

HOME = "203.0.113.1"


class Callers:
    """Caller 0 and caller 1; `addresses` and `names` never come twice."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._doctor: str = ""
        self._patients: dict[int, Patient] = {}

    def patient(self, who: int) -> Patient:
        if who not in self._patients:
            self._patients[who] = make_patient(f"caller{who}")
        return self._patients[who]

    def doctor(self) -> str:
        self._doctor = self._doctor or make_doctor().user.username
        return self._doctor

    def name(self) -> str:
        return f"somebody{next(self._numbers)}"

    def address(self) -> str:
        return f"198.51.100.{next(self._numbers)}"

    def client(self, who: int) -> APIClient:
        return client_for(self.patient(who).user)

    def order(self, who: int) -> Order:
        return place_order(
            patient=self.patient(who), doctor_username=self.doctor(), order_type="online"
        )


def log_in(username: str, address: str = HOME, password: str = "wrong-password") -> Any:
    body = {"username": username, "password": password}
    return APIClient().post("/accounts/login/", body, REMOTE_ADDR=address)


def change_password(client: APIClient, address: str = HOME, password: str = "wrong-one") -> Any:
    body = {"old_password": password, "new_password": "a-good-new-one-1"}
    return client.post("/accounts/password/", body, REMOTE_ADDR=address)


def register(username: str, address: str = HOME) -> Any:
    body = {"username": username, "password": "a-long-secret-9"}
    return APIClient().post("/accounts/register/", body, REMOTE_ADDR=address)


def create(client: APIClient, doctor: str, **headers: str) -> Any:
    body = {"doctor": doctor, "order_type": "online"}
    return client.post("/qaorder/order/create/", body, headers=headers)


def pay(client: APIClient, order: Order, channel: str = "wx", **headers: str) -> Any:
    url = f"/qaorder/order/pay/{order.order_number}/"
    return client.patch(url, {"channel": channel}, headers=headers)


def recharge(client: APIClient, **headers: str) -> Any:
    body = {"amount": "20.00", "channel": "wx"}
    return client.post("/accounts/balance/recharge/", body, headers=headers)


def _change_by_another(callers: Callers, who: int) -> Any:
    """A new account each time: what they share is the address."""
    return change_password(client_for(make_patient().user), f"203.0.113.{who}")


Event = Callable[[Callers, int], Any]
LOGIN, CHANGE = ("/accounts/login/", "post"), ("/accounts/password/", "post")
CREATE = ("/qaorder/order/create/", "post")
EVENTS: dict[tuple[str, str, str], Event] = {
    (*LOGIN, "FAILED_LOGINS_HERE"): lambda callers, who: log_in(f"user{who}"),
    (*LOGIN, "FAILED_LOGINS_ELSEWHERE"): lambda callers, who: log_in(
        f"user{who}", callers.address()
    ),
    (*LOGIN, "FAILED_LOGINS_ADDRESS"): lambda callers, who: log_in(
        callers.name(), f"203.0.113.{who}"
    ),
    (*CHANGE, "FAILED_LOGINS_HERE"): lambda callers, who: change_password(callers.client(who)),
    (*CHANGE, "FAILED_LOGINS_ELSEWHERE"): lambda callers, who: change_password(
        callers.client(who), callers.address()
    ),
    (*CHANGE, "FAILED_LOGINS_ADDRESS"): _change_by_another,
    ("/accounts/register/", "post", "REGISTRATIONS"): lambda callers, who: register(
        callers.name(), f"203.0.113.{who}"
    ),
    (*CREATE, "ORDERS"): lambda callers, who: create(callers.client(who), callers.doctor()),
    (*CREATE, "UNPAID_ORDERS"): lambda callers, who: create(callers.client(who), callers.doctor()),
    ("/qaorder/order/pay/{order_number}/", "patch", "CHARGES"): lambda callers, who: pay(
        callers.client(who), callers.order(who)
    ),
    ("/accounts/balance/recharge/", "post", "CHARGES"): lambda callers, who: recharge(
        callers.client(who)
    ),
}
"""By path, method and limit: what counts once for the caller."""

TABLE = {limit.name: limit for limit in limit_table.TABLE}
