"""GET /qaorder/order/detail/${order_number}/"""

import pytest

from qaorder.models import Status
from tests.support.people import ask, client_for, order_in

DISPLAYS = ["待支付", "已支付", "待回答", "已回答", "待评价", "已评价", "取消"]
pytestmark = pytest.mark.django_db


def detail(user, order):
    return client_for(user).get(f"/qaorder/order/detail/{order.order_number}/")


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("position", ["patient", "doctor"])
def test_both_sides_see_the_same_order_in_every_status(status, position):
    order = order_in(status)

    response = detail(getattr(order, position).user, order)

    body = response.json()
    assert response.status_code == 200
    assert (body["pk"], body["status"]) == (order.pk, status)
    assert body["status_display"] == DISPLAYS[status]
    is_asked = status not in (Status.UNPAID, Status.PAID, Status.CANCELLED)
    assert (body["question"] is not None) == is_asked
    assert (body["answer"] is not None) == (is_asked and status != Status.WAITING)


@pytest.mark.parametrize(
    ("files", "shown", "joined"),
    [
        ([], [], ""),
        (["http://a.cn/1.jpg"], ["http://a.cn/1.jpg"], "http://a.cn/1.jpg"),
        (
            ["http://a.cn/1,2.jpg", "https://b.cn/"],
            ["http://a.cn/1%2C2.jpg", "https://b.cn/"],
            "http://a.cn/1%2C2.jpg,https://b.cn/",
        ),
    ],
)
def test_the_files_are_a_list_and_a_text(files, shown, joined):
    order = order_in(Status.PAID)
    ask(order, files=files)

    question = detail(order.patient.user, order).json()["question"]

    assert (question["file_list"], question["desc_files"]) == (shown, joined)


def test_reading_changes_nothing():
    order = order_in(Status.ANSWERED)

    first, second = (detail(order.patient.user, order).content for _ in range(2))

    assert first == second
