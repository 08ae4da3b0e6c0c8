"""PUT /qaorder/order/evaluate/${order_number}/ and GET /qaorder/user/${username}/"""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Doctor, User
from qaorder.models import Evaluation, OrderType, Status
from tests.support.books import picture
from tests.support.people import client_for, make_doctor, make_patient, order_in

STARS = ["一星", "二星", "三星", "四星", "五星"]
pytestmark = pytest.mark.django_db


def put(order, **body):
    return client_for(order.patient.user).put(
        f"/qaorder/order/evaluate/{order.order_number}/", body, format="json"
    )


@pytest.mark.parametrize("scores", [1, 2, 3, 4, 5])
def test_a_finished_order_is_evaluated_with_one_to_five_stars(scores):
    order = order_in(Status.FINISHED)

    response = put(order, scores=scores, content="好评")

    order.refresh_from_db()
    body = response.json()
    assert response.status_code == 200
    assert (body["scores"], body["scores_display"]) == (scores, STARS[scores - 1])
    assert (body["content"], body["evaluate_type"]) == ("好评", "online")
    assert order.status == Status.EVALUATED
    assert order.evaluation.scores == scores


def test_the_type_of_the_evaluation_is_the_orders():
    order = order_in(Status.FINISHED, order_type=OrderType.MONTHLY)

    body = put(order, scores=5, content="好评").json()

    assert (body["evaluate_type"], body["evaluate_type_display"]) == ("monthly", "包月服务")


@pytest.mark.parametrize(
    ("scores", "content", "fields"),
    [
        (0, "好评", {"scores"}),
        (6, "好评", {"scores"}),
        (-1, "好评", {"scores"}),
        (4.5, "好评", {"scores"}),
        ("", "好评", {"scores"}),
        ("五", "好评", {"scores"}),
        (None, "好评", {"scores"}),
        (True, "好评", {"scores"}),
        ([5], "好评", {"scores"}),
        (5, "", {"content"}),
        (5, "  ", {"content"}),
        (5, "长" * 501, {"content"}),
        (5, None, {"content"}),
        (5, ["好评"], {"content"}),
        (9, "", {"scores", "content"}),
    ],
)
def test_bad_fields_are_named_and_nothing_changes(scores, content, fields):
    order = order_in(Status.FINISHED)
    client = client_for(order.patient.user)
    before = picture()

    response = client.put(
        f"/qaorder/order/evaluate/{order.order_number}/",
        {"scores": scores, "content": content},
        format="json",
    )

    assert response.status_code == 400
    assert set(response.json()) == fields
    assert picture() == before


@pytest.mark.parametrize("body", [{}, {"scores": 5}, {"content": "好评"}])
def test_both_fields_are_required_whatever_the_documents_curl_line_says(body):
    order = order_in(Status.FINISHED)

    response = put(order, **body)

    assert response.status_code == 400
    assert set(response.json()) == {"scores", "content"} - set(body)


@pytest.mark.parametrize("content", ["好", "长" * 500, "a"])
def test_one_to_five_hundred_characters_are_taken(content):
    response = put(order_in(Status.FINISHED), scores=5, content=content)

    assert response.json()["content"] == content


@pytest.mark.parametrize("status", [s for s in Status if s != Status.FINISHED])
def test_in_any_other_status_it_is_refused_and_nothing_changes(status):
    order = order_in(status)
    client = client_for(order.patient.user)
    before = picture()

    response = client.put(
        f"/qaorder/order/evaluate/{order.order_number}/", {"scores": 1, "content": "差"}
    )

    assert response.status_code == 400
    assert response.content.decode() == '{"status":-3,"message":"不能评价订单"}'
    assert picture() == before


def evaluations_of(doctor, count):
    patient = make_patient("patient1")
    rows = []
    for number in range(count):
        order = order_in(Status.EVALUATED, patient, doctor)
        Evaluation.objects.filter(order=order).update(
            content=f"第{number}条", created_at=timezone.now() + timedelta(minutes=number // 2)
        )
        rows.append(order)
    return rows


def contents(response):
    return [row["content"] for row in response.json()["results"]]


@pytest.mark.parametrize(
    ("ordering", "expected"),
    [("", [0, 1, 2, 3, 4]), ("create_time", [0, 1, 2, 3, 4]), ("-create_time", [4, 3, 2, 1, 0])],
)
def test_a_doctors_evaluations_run_oldest_first_unless_turned_round(ordering, expected):
    doctor = make_doctor()
    evaluations_of(doctor, 5)
    client = client_for(make_patient().user)
    url = f"/qaorder/user/{doctor.user.username}/"

    whole = client.get(url, {"ordering": ordering} if ordering else {})
    paged = [
        text
        for page in (1, 2, 3)
        for text in contents(client.get(url, {"ordering": ordering, "page": page, "page_size": 2}))
    ]

    assert contents(whole) == [f"第{number}条" for number in expected]
    assert paged == contents(whole)


@pytest.mark.parametrize("ordering", ["scores", "-pk", "x", "--create_time"])
def test_an_ordering_that_is_none_is_refused(ordering):
    doctor = make_doctor()
    evaluations_of(doctor, 2)

    response = client_for(doctor.user).get(
        f"/qaorder/user/{doctor.user.username}/", {"ordering": ordering}
    )

    assert response.status_code == 400
    assert list(response.json()) == ["ordering"]


def test_only_this_doctors_evaluations_are_listed():
    doctor, other = make_doctor(), make_doctor()
    evaluations_of(doctor, 1)
    order_in(Status.EVALUATED, make_patient(), other)

    response = client_for(other.user).get(f"/qaorder/user/{doctor.user.username}/")

    assert contents(response) == ["第0条"]


@pytest.mark.parametrize("username", ["nobody", "patient1", "unverified", "inactive", "Doctor1"])
def test_who_is_no_doctor_for_patients_is_404(username):
    make_doctor("doctor1")
    make_patient("patient1")
    make_doctor("unverified", is_verified=False)
    inactive = make_doctor("inactive")
    User.objects.filter(pk=inactive.user_id).update(is_active=False)

    response = client_for(make_patient().user).get(f"/qaorder/user/{username}/")

    assert (response.status_code, response.content) == (404, b'{"detail":"Not found."}')
    assert Doctor.objects.count() == 3
