"""GET and DELETE /qaorder/order/destroy/${order_number}/"""

import pytest

from qaorder.models import Evaluation, Order, OrderEvent, Status
from tests.support.books import picture
from tests.support.people import (
    client_for,
    make_doctor,
    make_patient,
    order_in,
    place_order,
    refund,
)

GONE = b'{"detail":"Not found."}'
pytestmark = pytest.mark.django_db
both_methods = pytest.mark.parametrize("method", ["get", "delete"])


def url(order, verb="destroy"):
    return f"/qaorder/order/{verb}/{order.order_number}/"


@both_methods
@pytest.mark.parametrize("position", ["patient", "doctor"])
@pytest.mark.parametrize("status", [Status.FINISHED, Status.EVALUATED, Status.CANCELLED])
def test_an_ended_order_is_hidden_from_the_caller_alone(method, position, status):
    order = order_in(status)
    caller, other = order.patient.user, order.doctor.user
    if position == "doctor":
        caller, other = other, caller
    client, elsewhere = client_for(caller), client_for(other)
    other_side = "patient" if position == "doctor" else "doctor"
    events = OrderEvent.objects.count()

    response = getattr(client, method)(url(order))

    order.refresh_from_db()
    assert (response.status_code, response.content) == (204, b"")
    assert client.get(url(order, "detail")).content == GONE
    assert client.get(f"/qaorder/order/{position}/list/").json()["count"] == 0
    assert client.get(f"/qaorder/order/filter/?status={status}").json()["count"] == 0
    newest = f"/qaorder/order/{position}/newone/?username={other.username}"
    assert client.get(newest).content == GONE
    assert elsewhere.get(url(order, "detail")).status_code == 200
    assert elsewhere.get(f"/qaorder/order/{other_side}/list/").json()["count"] == 1
    assert order.status == status
    assert OrderEvent.objects.count() == events


@both_methods
def test_a_patient_who_deletes_an_unpaid_order_cancels_it(method):
    order = order_in(Status.UNPAID)

    response = getattr(client_for(order.patient.user), method)(url(order))

    order.refresh_from_db()
    seen = client_for(order.doctor.user).get(url(order, "detail")).json()
    event = order.events.get()
    assert response.status_code == 204
    assert order.status == Status.CANCELLED
    assert seen["status"] == 6
    assert (event.from_status, event.to_status, event.role) == (0, 6, "patient")
    assert event.actor == order.patient.user


@both_methods
@pytest.mark.parametrize(
    ("status", "position"),
    [
        (Status.UNPAID, "doctor"),
        *[
            (status, position)
            for status in (Status.PAID, Status.WAITING, Status.ANSWERED)
            for position in ("patient", "doctor")
        ],
    ],
)
def test_an_order_under_way_is_not_deleted(method, status, position):
    order = order_in(status)
    client = client_for(getattr(order, position).user)
    before = picture()

    response = getattr(client, method)(url(order))

    assert response.status_code == 400
    assert response.content.decode() == '{"detail":"进行中的订单不能删除"}'
    assert picture() == before


@both_methods
def test_deleting_twice_is_404(method):
    order = order_in(Status.EVALUATED)
    client = client_for(order.patient.user)
    getattr(client, method)(url(order))
    before = picture()

    response = getattr(client, method)(url(order))

    assert (response.status_code, response.content) == (404, GONE)
    assert picture() == before


def test_every_url_of_a_hidden_order_is_404_but_the_refunds():
    order = order_in(Status.PAID)
    refund(order)
    client = client_for(order.patient.user)
    client.delete(url(order))

    answers = [
        client.get(url(order, "detail")),
        client.get(url(order, "destroy")),
        client.put(url(order, "cancel")),
        client.put(url(order, "finish")),
        client.put(url(order, "evaluate"), {"scores": 5, "content": "好"}),
        client.patch(url(order, "pay"), {"channel": "balance"}),
    ]

    assert {answer.content for answer in answers} == {GONE}
    assert client.get(url(order, "refund")).json()["amount"] == "15.00"
    assert client.get("/accounts/balance/").json() == {"balance": "15.00"}
    assert client.get("/accounts/balance/entries/").json()["count"] == 3


def test_an_order_that_both_deleted_stays_in_the_record():
    order = order_in(Status.EVALUATED)
    doctor = client_for(order.doctor.user)
    client_for(order.patient.user).delete(url(order))

    response = doctor.delete(url(order))

    record = doctor.get(f"/qaorder/patient/inquiry/record/{order.patient.pk}/").json()
    assert response.status_code == 204
    assert [row["order_number"] for row in record["results"]] == [order.order_number]
    assert Order.objects.filter(pk=order.pk).exists()
    assert doctor.get(f"/qaorder/user/{order.doctor.user.username}/").json()["count"] == 1
    assert Evaluation.objects.exists()


def test_newone_shows_the_newest_that_is_left():
    patient, doctor = make_patient(), make_doctor()
    older = place_order(patient, doctor)
    newest = place_order(patient, doctor)
    client = client_for(patient.user)

    client.delete(url(newest))

    shown = client.get(f"/qaorder/order/patient/newone/?username={doctor.user.username}").json()
    assert shown["order_number"] == older.order_number
