"""PUT (and GET) /qaorder/order/cancel/ and /finish/${order_number}/"""

import pytest
from drf_spectacular.generators import SchemaGenerator

from ledger import services as ledger
from ledger.models import Account, Entry
from qaorder.models import Status
from tests.support.books import picture
from tests.support.people import client_for, order_in

pytestmark = pytest.mark.django_db
both_methods = pytest.mark.parametrize("method", ["put", "get"])
both_sides = pytest.mark.parametrize("position", ["patient", "doctor"])


def move(order, verb, position="patient", method="put"):
    client = client_for(getattr(order, position).user)
    return getattr(client, method)(f"/qaorder/order/{verb}/{order.order_number}/")


@both_methods
@both_sides
def test_an_unpaid_order_is_cancelled_by_either_side(method, position):
    order = order_in(Status.UNPAID)

    response = move(order, "cancel", position, method)

    order.refresh_from_db()
    event = order.events.get()
    assert response.status_code == 200
    assert (response.json()["status"], response.json()["status_display"]) == (6, "取消")
    assert order.status == Status.CANCELLED
    assert (event.event, event.from_status, event.to_status) == ("cancel", 0, 6)
    assert (event.role, event.actor) == (position, getattr(order, position).user)


@both_methods
@both_sides
def test_an_answered_order_is_finished_by_either_side_and_pays_the_doctor(method, position):
    order = order_in(Status.ANSWERED)

    response = move(order, "finish", position, method)

    order.refresh_from_db()
    event = order.events.last()
    earned = ledger.earnings(order.doctor.user)
    assert response.status_code == 200
    assert (response.json()["status"], response.json()["status_display"]) == (4, "待评价")
    assert order.status == Status.FINISHED
    assert (event.event, event.role) == ("finish", position)
    assert Account.objects.get(pk=earned.pk).balance_fen == 1500


@both_methods
@both_sides
@pytest.mark.parametrize(
    ("verb", "status", "code", "message"),
    [
        *[("cancel", s, -1, "不能取消订单") for s in Status if s != Status.UNPAID],
        *[("finish", s, -4, "不能结束订单") for s in Status if s != Status.ANSWERED],
    ],
)
def test_from_any_other_status_it_is_refused_and_nothing_changes(
    method, position, verb, status, code, message
):
    order = order_in(status)
    client = client_for(getattr(order, position).user)
    before = picture()

    response = getattr(client, method)(f"/qaorder/order/{verb}/{order.order_number}/")

    assert response.status_code == 400
    assert list(response.json().items()) == [("status", code), ("message", message)]
    assert picture() == before


@both_methods
@pytest.mark.parametrize(
    ("verb", "status"), [("cancel", Status.UNPAID), ("finish", Status.ANSWERED)]
)
def test_a_second_time_it_is_refused_and_nothing_moves_twice(method, verb, status):
    order = order_in(status)
    move(order, verb, method=method)
    entries, events = Entry.objects.count(), order.events.count()

    response = move(order, verb, "doctor", method)

    assert response.status_code == 400
    assert (Entry.objects.count(), order.events.count()) == (entries, events)


@pytest.mark.parametrize("verb", ["cancel", "finish"])
@pytest.mark.parametrize("body", [{}, {"status": 5}, {"reason": "x"}])
def test_a_body_is_ignored(verb, body):
    order = order_in(Status.UNPAID if verb == "cancel" else Status.ANSWERED)
    client = client_for(order.patient.user)

    response = client.put(f"/qaorder/order/{verb}/{order.order_number}/", body, format="json")

    assert response.json()["status"] == (6 if verb == "cancel" else 4)


@pytest.mark.parametrize("verb", ["cancel", "finish", "destroy"])
def test_head_is_405_and_never_acts(verb):
    order = order_in(Status.ANSWERED if verb == "finish" else Status.UNPAID)
    client = client_for(order.patient.user)
    before = picture()

    response = client.head(f"/qaorder/order/{verb}/{order.order_number}/")

    assert response.status_code == 405
    assert picture() == before


@pytest.mark.parametrize("verb", ["cancel", "finish"])
def test_the_get_is_marked_deprecated_in_the_schema_and_the_put_is_not(verb):
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]

    operations = paths[f"/qaorder/order/{verb}/{{order_number}}/"]
    assert operations["get"].get("deprecated") is True
    assert "deprecated" not in operations["put"]
