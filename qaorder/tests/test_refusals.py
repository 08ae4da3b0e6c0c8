"""Every refusal by a business rule, over HTTP: the words, the number, and nothing changed."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from qaorder.models import OrderType, Status
from tests.support import books, people
from tests.support.people import (
    client_for,
    make_doctor,
    make_patient,
    order_in,
    place_order,
    refund,
)

MESSAGES = {
    -1: "不能取消订单",
    -2: "不能支付订单",
    -3: "不能评价订单",
    -4: "不能结束订单",
    -5: "余额不足",
    -6: "支付渠道暂不可用，请稍后重试",
    -7: "不能提交问题",
    -8: "不能回答问题",
    -9: "不能退款",
}
EVALUATION = {"scores": 5, "content": "好评"}
QUESTION = {"condition_description": "咳嗽三周"}
MIN = timedelta(minutes=1)

pytestmark = pytest.mark.django_db


def all_but(*statuses):
    return [status for status in Status if status not in statuses]


def assert_refused(response, code, http_status=400):
    expected = {"status": code, "message": MESSAGES[code]}
    text = json.dumps(expected, ensure_ascii=False, separators=(",", ":"))
    assert response.status_code == http_status
    assert response.content.decode() == text


@pytest.mark.parametrize("side", ["patient", "doctor"])
@pytest.mark.parametrize("method", ["put", "get"])
@pytest.mark.parametrize("status", all_but(Status.UNPAID))
def test_only_an_unpaid_order_is_cancelled(status, method, side):
    order = order_in(status)
    client = client_for(getattr(order, side).user)
    before = books.everything()

    response = getattr(client, method)(f"/qaorder/order/cancel/{order.order_number}/")

    assert_refused(response, -1)
    assert books.everything() == before


@pytest.mark.parametrize("channel", ["wx", "alipay", "balance"])
@pytest.mark.parametrize("status", all_but(Status.UNPAID))
def test_only_an_unpaid_order_is_paid(status, channel):
    order = order_in(status)
    before = books.everything()

    response = people.try_to_pay(order, channel)

    assert_refused(response, -2)
    assert books.everything() == before


@pytest.mark.parametrize("channel", ["wx", "alipay", "balance"])
@pytest.mark.parametrize("left", [5 * MIN - timedelta(seconds=1), timedelta(0), -MIN])
def test_an_order_is_not_paid_so_close_to_its_deadline(channel, left):
    order = people.new_order(pay_deadline=timezone.now() + left)
    before = books.everything()

    response = people.try_to_pay(order, channel)

    assert_refused(response, -2)
    assert books.everything() == before


def test_an_order_can_be_paid_until_five_minutes_before_its_deadline():
    patient = make_patient(balance_fen=1500)
    deadline = timezone.now() + 5 * MIN + timedelta(seconds=5)
    order = place_order(patient, make_doctor(), pay_deadline=deadline)

    assert people.try_to_pay(order, "balance").status_code == 200


@pytest.mark.parametrize("status", all_but(Status.FINISHED))
def test_only_a_finished_consultation_is_evaluated(status):
    order = order_in(status)
    client = client_for(order.patient.user)
    before = books.everything()

    response = client.put(f"/qaorder/order/evaluate/{order.order_number}/", EVALUATION)

    assert_refused(response, -3)
    assert books.everything() == before


@pytest.mark.parametrize("side", ["patient", "doctor"])
@pytest.mark.parametrize("method", ["put", "get"])
@pytest.mark.parametrize("status", all_but(Status.ANSWERED))
def test_only_an_answered_consultation_is_finished(status, method, side):
    order = order_in(status)
    client = client_for(getattr(order, side).user)
    before = books.everything()

    response = getattr(client, method)(f"/qaorder/order/finish/{order.order_number}/")

    assert_refused(response, -4)
    assert books.everything() == before


@pytest.mark.parametrize("balance_fen", [0, 1499])
def test_a_balance_that_is_too_low_pays_nothing(balance_fen):
    order = place_order(make_patient(balance_fen=balance_fen), make_doctor())
    before = books.everything()

    response = people.try_to_pay(order, "balance")

    # The empty wallet that the attempt opens is rolled back with it.
    assert_refused(response, -5)
    assert books.everything() == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("channel", ["wx", "alipay"])
def test_a_provider_that_is_down_leaves_the_order_payable(provider, channel):
    order = people.new_order()
    provider.sandbox.fault("status", times=None, status=500)
    before = books.order_row(order)

    response = people.try_to_pay(order, channel)

    assert_refused(response, -6, 503)
    assert int(response.headers["Retry-After"]) > 0
    assert books.order_row(order) == before
    assert books.postings() == {}
    provider.sandbox.clear_faults()
    assert people.try_to_pay(order, channel).status_code == 200


@pytest.mark.parametrize("status", all_but(Status.PAID))
def test_only_a_paid_order_takes_a_question(status):
    order = order_in(status)
    client = client_for(order.patient.user)
    before = books.everything()

    response = client.post("/qaorder/question/create/", {"order": order.order_number} | QUESTION)

    assert_refused(response, -7)
    assert books.everything() == before


@pytest.mark.parametrize("status", [Status.ANSWERED, Status.FINISHED, Status.EVALUATED])
def test_a_question_is_answered_once(status):
    order = order_in(status)
    before = books.everything()

    response = answer(order)

    assert_refused(response, -8)
    assert books.everything() == before


def test_the_question_of_a_refunded_order_is_not_answered():
    order = order_in(Status.WAITING)
    refund(order)
    before = books.everything()

    response = answer(order)

    assert_refused(response, -8)
    assert books.everything() == before


def answer(order):
    client = client_for(order.doctor.user)
    body = {"question": order.question.pk, "diagnosis_result": "支气管炎"}
    return client.post("/qaorder/answer/create/", body)


@pytest.mark.parametrize(("verb", "side"), [("refund", "patient"), ("refuse", "doctor")])
@pytest.mark.parametrize("status", all_but(Status.PAID, Status.WAITING))
def test_only_paid_and_unanswered_orders_are_refunded(status, verb, side):
    order = order_in(status)
    client = client_for(getattr(order, side).user)
    before = books.everything()

    response = client.put(f"/qaorder/order/{verb}/{order.order_number}/", {"reason": "不需要了"})

    assert_refused(response, -9)
    assert books.everything() == before


def test_a_used_monthly_order_is_not_refunded_to_the_patient():
    order = order_in(Status.WAITING, order_type=OrderType.MONTHLY)
    client = client_for(order.patient.user)
    before = books.everything()

    response = client.put(people.refund_url(order), {})

    assert_refused(response, -9)
    assert books.everything() == before


@pytest.mark.parametrize("side", ["patient", "doctor"])
@pytest.mark.parametrize(
    "status", [Status.PAID, Status.WAITING, Status.ANSWERED, Status.UNPAID, Status.FINISHED]
)
def test_destroy_alone_answers_with_a_detail(status, side):
    order = order_in(status)
    allowed = status == Status.FINISHED or (status == Status.UNPAID and side == "patient")
    client = client_for(getattr(order, side).user)
    before = books.everything()

    response = client.get(f"/qaorder/order/destroy/{order.order_number}/")

    if allowed:
        assert (response.status_code, response.content) == (204, b"")
        return
    assert response.status_code == 400
    assert response.json() == {"detail": "进行中的订单不能删除"}
    assert books.everything() == before
