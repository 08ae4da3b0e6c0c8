"""Lists of orders: list, list/qa, filter; pages and their links."""

from datetime import timedelta

import pytest
from django.utils import timezone

from qaorder.models import Status
from tests.support.people import (
    client_for,
    make_doctor,
    make_patient,
    order_in,
    place_order,
)

pytestmark = pytest.mark.django_db
both_positions = pytest.mark.parametrize("position", ["patient", "doctor"])


def numbers(response):
    return [row["order_number"] for row in response.json()["results"]]


@pytest.fixture
def pair():
    return make_patient(), make_doctor()


@pytest.fixture
def one_of_each(pair):
    """The pair's orders, one in each status, and a stranger's order with each of them."""
    orders = {status: order_in(status, *pair) for status in Status}
    order_in(Status.WAITING, pair[0], make_doctor())
    order_in(Status.WAITING, make_patient(), pair[1])
    return orders


def caller(pair, position):
    return client_for((pair[0] if position == "patient" else pair[1]).user)


@both_positions
@pytest.mark.parametrize("status", Status)
def test_status_keeps_the_orders_in_that_status(pair, one_of_each, position, status):
    response = caller(pair, position).get(f"/qaorder/order/{position}/list/?status={status}")

    expected = 2 if status == Status.WAITING else 1
    assert response.json()["count"] == expected
    assert one_of_each[status].order_number in numbers(response)
    assert {row["status"] for row in response.json()["results"]} == {status}


@both_positions
@pytest.mark.parametrize("query", ["", "?status=", "?page=&page_size=&status="])
def test_a_blank_or_absent_status_keeps_them_all(pair, one_of_each, position, query):
    response = caller(pair, position).get(f"/qaorder/order/{position}/list/{query}")

    assert response.json()["count"] == 8


@pytest.mark.parametrize(
    "status", ["7", "-1", "01", "1.0", "１", "待支付", "1,2", "null", "1 OR 1=1"]
)
@pytest.mark.parametrize("url", ["patient/list/", "filter/"])
def test_a_status_that_is_none_is_400(pair, url, status):
    response = caller(pair, "patient").get(f"/qaorder/order/{url}", {"status": status})

    assert response.status_code == 400
    assert list(response.json()) == ["status"]


def test_of_a_repeated_status_the_last_one_counts(pair, one_of_each):
    response = caller(pair, "patient").get("/qaorder/order/patient/list/?status=1&status=0")

    assert {row["status"] for row in response.json()["results"]} == {0}


@both_positions
def test_list_qa_holds_waiting_and_answered_orders(pair, one_of_each, position):
    response = caller(pair, position).get(f"/qaorder/order/{position}/list/qa/")

    assert response.json()["count"] == 3
    assert {row["status"] for row in response.json()["results"]} == {2, 3}


@pytest.mark.parametrize("query", ["", "?status=", "?page=1"])
def test_filter_requires_a_status(pair, query):
    response = caller(pair, "patient").get(f"/qaorder/order/filter/{query}")

    assert response.status_code == 400
    assert response.json() == {"status": ["该字段是必填项。"]}


@both_positions
def test_filter_holds_the_callers_orders_on_either_side(pair, one_of_each, position):
    response = caller(pair, position).get("/qaorder/order/filter/?status=2")

    assert response.json()["count"] == 2
    assert one_of_each[Status.WAITING].order_number in numbers(response)


@both_positions
@pytest.mark.parametrize("path", ["list/", "list/qa/"])
def test_a_list_shows_an_order_as_its_detail_does(pair, position, path):
    order = order_in(Status.ANSWERED, *pair)
    client = caller(pair, position)

    row = client.get(f"/qaorder/order/{position}/{path}").json()["results"][0]

    assert row == client.get(f"/qaorder/order/detail/{order.order_number}/").json()


def test_lists_run_newest_first_and_pk_decides_between_equal_times(pair):
    now = timezone.now()
    made = [
        place_order(*pair, created_at=now - timedelta(minutes=number // 2)) for number in range(6)
    ]
    client = caller(pair, "patient")

    whole = numbers(client.get("/qaorder/order/patient/list/"))
    paged = [
        number
        for page in range(1, 7)
        for number in numbers(client.get(f"/qaorder/order/patient/list/?page={page}&page_size=1"))
    ]

    expected = [made[position].order_number for position in (1, 0, 3, 2, 5, 4)]
    assert whole == paged == expected


def test_an_empty_list_is_an_empty_page(pair):
    response = caller(pair, "patient").get("/qaorder/order/patient/list/")

    assert response.content == b'{"count":0,"next":null,"previous":null,"results":[]}'


@pytest.fixture
def twelve(pair):
    return [place_order(*pair) for _ in range(12)]


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (None, 10),
        ("", 10),
        ("3", 3),
        ("12", 12),
        ("100", 12),
        ("101", 12),
        ("0", 10),
        ("-1", 10),
        ("abc", 10),
        ("1.5", 10),
        ("9" * 400, 12),
        ("9" * 5000, 10),
    ],
)
def test_page_size_is_ten_by_default_and_a_bad_one_is_the_default(pair, twelve, size, shown):
    query = {} if size is None else {"page_size": size}

    response = caller(pair, "patient").get("/qaorder/order/patient/list/", query)

    assert response.status_code == 200
    assert response.json()["count"] == 12
    assert len(response.json()["results"]) == shown


def test_a_page_holds_at_most_a_hundred(pair):
    for _ in range(101):
        place_order(*pair)

    response = caller(pair, "patient").get("/qaorder/order/patient/list/?page_size=1000")

    assert len(response.json()["results"]) == 100
    assert response.json()["next"].endswith("?page=2&page_size=1000")


@pytest.mark.parametrize(
    "page", ["last", "0", "3", "-1", "abc", "1.5", "9" * 30, "9" * 5000, "%00"]
)
def test_a_bad_page_is_404(pair, twelve, page):
    response = caller(pair, "patient").get(f"/qaorder/order/patient/list/?page={page}")

    assert response.status_code == 404
    assert response.content == b'{"detail":"Not found."}'


def test_a_blank_page_is_the_first(pair, twelve):
    response = caller(pair, "patient").get("/qaorder/order/patient/list/?page=")

    assert response.status_code == 200
    assert response.json()["previous"] is None


def test_links_are_absolute_with_page_before_page_size_and_keep_the_filter(pair, twelve):
    base = "http://api.example:8080/qaorder/order/patient/list/"
    client = caller(pair, "patient")

    body = client.get(
        "/qaorder/order/patient/list/?page_size=4&status=0&page=2",
        SERVER_NAME="api.example",
        SERVER_PORT="8080",
    ).json()
    last = client.get("/qaorder/order/patient/list/?page_size=4&page=3").json()

    assert body["next"] == f"{base}?page=3&page_size=4&status=0"
    assert body["previous"] == f"{base}?page_size=4&status=0"
    assert last["next"] is None
    assert last["previous"] == "http://testserver/qaorder/order/patient/list/?page=2&page_size=4"


def test_following_the_links_visits_every_order_once(pair, twelve):
    client = caller(pair, "patient")
    seen, url = [], "/qaorder/order/patient/list/?page_size=5"

    while url:
        body = client.get(url).json()
        seen += [row["order_number"] for row in body["results"]]
        url = body["next"]

    assert seen == [order.order_number for order in reversed(twelve)]
