"""What becomes of bugs and of a busy database."""

import pytest
from django.test import Client
from rest_framework.test import APIClient

from api.errors import REFUSALS
from api.tests.urls_with_bugs import SECRET
from qaorder.models import Status
from tests.support.books import picture
from tests.support.database import impatient, locked_elsewhere
from tests.support.people import client_for, make_doctor, make_patient, place_order

BROKEN = '{"detail":"服务器内部错误"}'
BUSY = '{"detail":"系统繁忙，请稍后重试"}'


@pytest.fixture
def broken_urls(settings):
    settings.ROOT_URLCONF = "api.tests.urls_with_bugs"


@pytest.mark.django_db
@pytest.mark.parametrize("is_debug", [False, True])
@pytest.mark.parametrize("path", ["broken/value/", "broken/database/", "broken/recursion/"])
def test_a_bug_is_500_in_json_and_logged_without_its_message(
    broken_urls, settings, caplog, path, is_debug
):
    settings.DEBUG = is_debug

    response = APIClient().get(f"/qaorder/{path}")

    assert response.status_code == 500
    assert response.content.decode() == BROKEN
    assert response.headers["Content-Type"] == "application/json"
    assert SECRET not in caplog.text
    assert "urls_with_bugs.py" in caplog.text
    assert "Error" in caplog.text


@pytest.mark.django_db
def test_a_refused_statement_is_answered_without_a_word_of_it(broken_urls, caplog):
    response = APIClient().get("/qaorder/bad-sql/")

    assert response.status_code in (500, 503)
    assert response.content.decode() in (BROKEN, BUSY)
    assert SECRET not in caplog.text


@pytest.mark.parametrize("is_debug", [False, True])
def test_a_bug_outside_the_framework_is_500_in_json_too(broken_urls, settings, is_debug):
    settings.DEBUG = is_debug
    client = APIClient(raise_request_exception=False)

    response = client.get("/qaorder/outside/")

    assert response.status_code == 500
    assert response.content.decode() == BROKEN


@pytest.mark.parametrize("cause", ["operational", "interface"])
def test_a_database_that_is_away_is_503_with_retry_after(broken_urls, caplog, cause):
    response = APIClient().get(f"/qaorder/broken/{cause}/")

    assert response.status_code == 503
    assert response.content.decode() == BUSY
    assert int(response.headers["Retry-After"]) > 0
    assert SECRET not in caplog.text


def test_a_lock_that_a_page_of_the_admin_waited_for_in_vain_is_503_in_words(broken_urls):
    response = Client(raise_request_exception=False).get("/admin/locked/")

    assert response.status_code == 503
    assert response.content.decode() == "系统繁忙，请稍后重试"
    assert int(response.headers["Retry-After"]) > 0


def test_what_two_members_of_staff_submit_at_once_is_409_for_the_second(broken_urls, caplog):
    response = Client(raise_request_exception=False).post("/admin/twice/")

    assert response.status_code == 409
    assert response.content.decode() == "同样的内容刚刚已提交，请刷新后查看"
    assert "IntegrityError" in caplog.text
    assert SECRET not in caplog.text


def test_no_error_is_longer_than_what_may_be_stored(broken_urls):
    response = APIClient().get("/qaorder/wordy/")

    assert response.status_code == 400
    assert response.json() == {"detail": "输入有误，错误过多"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("method", "verb", "body"),
    [
        ("put", "cancel", {}),
        ("delete", "destroy", {}),
        ("patch", "pay", {"channel": "balance"}),
    ],
)
def test_a_lock_that_cannot_be_had_is_503_and_nothing_changed(method, verb, body):
    order = place_order(make_patient(), make_doctor())
    client = client_for(order.patient.user)
    before = picture()
    url = f"/qaorder/order/{verb}/{order.order_number}/"

    with impatient(), locked_elsewhere(order):
        response = getattr(client, method)(url, body)

    assert response.status_code == 503
    assert response.content.decode() == BUSY
    assert int(response.headers["Retry-After"]) > 0
    assert picture() == before


@pytest.mark.django_db(transaction=True)
def test_the_request_succeeds_when_it_is_repeated_after_the_lock():
    order = place_order(make_patient(), make_doctor())
    client = client_for(order.patient.user)
    url = f"/qaorder/order/cancel/{order.order_number}/"
    with impatient(), locked_elsewhere(order):
        client.put(url)

    response = client.put(url)

    order.refresh_from_db()
    assert response.status_code == 200
    assert order.status == Status.CANCELLED


def test_the_refusals_are_the_contracts_table():
    assert {error.code: error.message for error in REFUSALS} == {
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
    assert {error.code: error.status_code for error in REFUSALS} == {
        -number: 503 if number == 6 else 400 for number in range(1, 10)
    }
