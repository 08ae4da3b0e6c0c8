"""Of several faults in one request the first is answered: 401, 404, 403, fields, rule."""

import pytest
from rest_framework.test import APIClient

from qaorder.models import Status
from tests.support.books import picture
from tests.support.people import client_for, make_doctor, make_patient, order_in
from tests.support.world import NO_SUCH_NUMBER

BROKEN = {"data": "{", "content_type": "application/json"}
pytestmark = pytest.mark.django_db
VERBS = [("evaluate", "put"), ("pay", "patch"), ("refund", "put"), ("refuse", "put")]


@pytest.mark.parametrize(("verb", "method"), VERBS)
def test_without_a_login_everything_else_is_unsaid(verb, method):
    order = order_in(Status.CANCELLED)

    answers = [
        getattr(APIClient(), method)(f"/qaorder/order/{verb}/{number}/", **BROKEN)
        for number in (order.order_number, NO_SUCH_NUMBER, "x")
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize(("verb", "method"), VERBS)
def test_an_order_out_of_sight_is_404_before_its_role_and_fields(verb, method):
    order = order_in(Status.CANCELLED)
    client = client_for(make_doctor().user)

    response = getattr(client, method)(f"/qaorder/order/{verb}/{order.order_number}/", **BROKEN)

    assert response.status_code == 404


@pytest.mark.parametrize(("verb", "method"), VERBS)
def test_the_wrong_role_is_403_before_the_fields(verb, method):
    order = order_in(Status.CANCELLED)
    wrong = order.patient if verb == "refuse" else order.doctor
    client = client_for(wrong.user)
    before = picture()

    response = getattr(client, method)(f"/qaorder/order/{verb}/{order.order_number}/", **BROKEN)

    assert response.status_code == 403
    assert picture() == before


@pytest.mark.parametrize(
    ("verb", "method", "bad", "good", "code"),
    [
        ("evaluate", "put", {"scores": 9}, {"scores": 5, "content": "好"}, -3),
        ("pay", "patch", {"channel": "cash"}, {"channel": "balance"}, -2),
        ("refund", "put", {"reason": "长" * 201}, {"reason": ""}, -9),
        ("refuse", "put", {"reason": ""}, {"reason": "专业不符"}, -9),
    ],
)
def test_a_bad_field_is_named_before_the_rule_refuses(verb, method, bad, good, code):
    order = order_in(Status.CANCELLED)
    right = order.doctor if verb == "refuse" else order.patient
    client = client_for(right.user)
    url = f"/qaorder/order/{verb}/{order.order_number}/"

    field = getattr(client, method)(url, bad)
    rule = getattr(client, method)(url, good)

    assert (field.status_code, rule.status_code) == (400, 400)
    assert not isinstance(field.json().get("status"), int)
    assert rule.json()["status"] == code
    assert list(rule.json()) == ["status", "message"]


def test_asking_names_a_bad_field_before_the_rule_refuses():
    order = order_in(Status.CANCELLED)
    client = client_for(order.patient.user)

    field = client.post("/qaorder/question/create/", {"order": order.order_number})
    rule = client.post(
        "/qaorder/question/create/",
        {"order": order.order_number, "condition_description": "咳嗽"},
    )

    assert list(field.json()) == ["condition_description"]
    assert rule.json()["status"] == -7


@pytest.mark.parametrize("path", ["list/", "list/qa/", "newone/"])
def test_an_unknown_position_is_404_and_a_known_one_without_the_profile_403(path):
    client = client_for(make_patient().user)
    url = "/qaorder/order/{}/" + path + "?status=99&page=999"

    unknown = client.get(url.format("staff"))
    without_login = APIClient().get(url.format("staff"))
    not_mine = client.get(url.format("doctor"))

    assert (without_login.status_code, unknown.status_code) == (401, 404)
    assert unknown.content == b'{"detail":"Not found."}'
    assert not_mine.status_code == 403


def test_a_doctor_may_not_create_an_order_whatever_the_fields():
    client = client_for(make_doctor().user)

    response = client.post("/qaorder/order/create/", {})

    assert response.status_code == 403
