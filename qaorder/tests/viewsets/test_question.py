"""POST /qaorder/question/create/"""

import pytest

from qaorder.models import Question, Status
from tests.support.books import picture
from tests.support.people import client_for, order_in

URL = "/qaorder/question/create/"
FORM = "application/x-www-form-urlencoded"
A, B = "http://a.cn/1.jpg", "https://b.cn/2.jpg?x=1#y"
pytestmark = pytest.mark.django_db


@pytest.fixture
def order():
    return order_in(Status.PAID)


def ask(order, **fields):
    body = {"order": order.order_number, "condition_description": "咳嗽三周"} | fields
    return client_for(order.patient.user).post(URL, body, format="json")


def test_asking_answers_the_question_as_detail_shows_it_and_waits_for_the_doctor(order):
    response = ask(order, allergy_history="青霉素", smoke_history="无", desc_files=f"{A},{B}")

    order.refresh_from_db()
    client = client_for(order.doctor.user)
    shown = client.get(f"/qaorder/order/detail/{order.order_number}/").json()
    event = order.events.last()
    assert response.status_code == 201
    assert list(response.json().items()) == list(shown["question"].items())
    assert (order.status, shown["status"]) == (Status.WAITING, 2)
    assert (event.event, event.role, event.actor) == ("ask", "patient", order.patient.user)


def test_only_the_condition_is_required(order):
    body = ask(order).json()

    assert (body["allergy_history"], body["smoke_history"]) == ("", "")
    assert (body["file_list"], body["desc_files"]) == ([], "")


@pytest.mark.parametrize(
    ("files", "shown"),
    [
        ({"desc_files": f"{A},{B}"}, [A, B]),
        ({"desc_files": f" {A} , {B} ,,"}, [A, B]),
        ({"desc_files": ""}, []),
        ({"desc_files": "http://a.cn/1%2C2.jpg"}, ["http://a.cn/1%2C2.jpg"]),
        ({"file_list": [A, B]}, [A, B]),
        ({"file_list": []}, []),
        ({"file_list": ["http://a.cn/1,2.jpg"]}, ["http://a.cn/1%2C2.jpg"]),
        ({"file_list": [B], "desc_files": A}, [B]),
        (
            {"file_list": [f"http://a.cn/{n}" for n in range(9)]},
            [f"http://a.cn/{n}" for n in range(9)],
        ),
        ({"file_list": ["HTTP://a.cn/1"]}, ["HTTP://a.cn/1"]),
        ({"file_list": [A, A]}, [A, A]),
    ],
)
def test_files_come_as_a_text_or_a_list_and_the_list_wins(order, files, shown):
    response = ask(order, **files)

    assert response.status_code == 201
    assert response.json()["file_list"] == shown
    assert response.json()["desc_files"] == ",".join(shown)


def test_a_form_repeats_the_key(order):
    client = client_for(order.patient.user)
    text = f"order={order.order_number}&condition_description=x&file_list={A}&file_list={A}"

    response = client.generic("POST", URL, text, FORM)

    assert response.json()["file_list"] == [A, A]


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "javascript://a.cn/?http://a.cn",
        "data:text/html,x",
        "file:///etc/passwd",
        "ftp://a.cn/1",
        "//a.cn/1",
        "a.cn/1.jpg",
        "http://",
        "http:///x",
        "http://[::1",
        "http://a.cn/ b",
        "http://" + "a" * 500,
        "x",
    ],
)
@pytest.mark.parametrize("field", ["file_list", "desc_files"])
def test_a_file_that_is_no_http_url_is_refused(order, field, url):
    client = client_for(order.patient.user)
    before = picture()
    value = [A, url] if field == "file_list" else f"{A},{url}"

    response = client.post(
        URL,
        {"order": order.order_number, "condition_description": "x", field: value},
        format="json",
    )

    assert response.status_code == 400
    assert list(response.json()) == [field]
    assert picture() == before


@pytest.mark.parametrize(
    "files", [{"file_list": [A] * 10}, {"desc_files": ",".join([A] * 10)}, {"file_list": [A] * 999}]
)
def test_more_than_nine_files_are_refused(order, files):
    response = ask(order, **files)

    assert response.status_code == 400
    assert list(response.json()) == list(files)
    assert not Question.objects.exists()


@pytest.mark.parametrize("field", ["condition_description", "allergy_history", "smoke_history"])
@pytest.mark.parametrize("value", ["长" * 2001, None, ["x"], {"x": 1}, "a\x00b"])
def test_a_bad_text_is_named_and_nothing_changes(order, field, value):
    client = client_for(order.patient.user)
    before = picture()
    body = {"order": order.order_number, "condition_description": "x"} | {field: value}

    response = client.post(URL, body, format="json")

    assert response.status_code == 400
    assert list(response.json()) == [field]
    assert picture() == before


def test_two_thousand_characters_are_taken(order):
    response = ask(order, condition_description="😀" * 2000)

    assert response.json()["condition_description"] == "😀" * 2000


@pytest.mark.parametrize(
    "body", [{}, {"condition_description": ""}, {"condition_description": " "}]
)
def test_the_condition_may_not_be_blank(order, body):
    client = client_for(order.patient.user)

    response = client.post(URL, {"order": order.order_number} | body, format="json")

    assert response.status_code == 400
    assert list(response.json()) == ["condition_description"]
    assert not Question.objects.exists()


@pytest.mark.parametrize("status", [s for s in Status if s != Status.PAID])
def test_in_any_other_status_it_is_refused_and_nothing_changes(status):
    order = order_in(status)
    client = client_for(order.patient.user)
    before = picture()

    response = client.post(URL, {"order": order.order_number, "condition_description": "x"})

    assert response.status_code == 400
    assert response.content.decode() == '{"status":-7,"message":"不能提交问题"}'
    assert picture() == before


@pytest.mark.parametrize("number", ["9" * 26, "x", "", "9" * 33, None, 5])
def test_an_order_that_is_not_the_callers_is_a_field_error(order, number):
    client = client_for(order.patient.user)
    strangers = order_in(Status.PAID)

    answers = [
        client.post(URL, {"order": value, "condition_description": "x"}, format="json")
        for value in (number, strangers.order_number)
    ]

    assert {answer.status_code for answer in answers} == {400}
    assert all(list(answer.json()) == ["order"] for answer in answers)
    assert not Question.objects.exists()


def test_a_deleted_order_is_none():
    order = order_in(Status.CANCELLED)
    client = client_for(order.patient.user)
    client.delete(f"/qaorder/order/destroy/{order.order_number}/")

    response = client.post(URL, {"order": order.order_number, "condition_description": "x"})

    assert response.status_code == 400
    assert response.json() == {"order": ["订单不存在。"]}
