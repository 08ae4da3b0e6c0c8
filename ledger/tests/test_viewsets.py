"""GET /accounts/balance/ and /accounts/balance/entries/"""

import re

import pytest

from ledger import services as ledger
from ledger.models import TransactionKind
from qaorder.models import Status
from tests.support import people
from tests.support.people import client_for, make_doctor, make_patient

BALANCE = "/accounts/balance/"
ENTRIES = "/accounts/balance/entries/"
KEYS = [
    "pk",
    "kind",
    "kind_display",
    "amount",
    "balance_after",
    "order_number",
    "create_time",
]
pytestmark = pytest.mark.django_db


def test_a_new_user_has_a_balance_of_zero_and_no_entries():
    client = client_for(make_patient().user)

    assert client.get(BALANCE).content == b'{"balance":"0.00"}'
    assert client.get(ENTRIES).json() == {
        "count": 0,
        "next": None,
        "previous": None,
        "results": [],
    }


def test_the_balance_is_yuan_text_with_two_decimals():
    client = client_for(make_patient(balance_fen=123_456_705).user)

    response = client.get(BALANCE)

    assert response.content == b'{"balance":"1234567.05"}'


def test_entries_show_payment_and_refund_signed_newest_first():
    patient = make_patient(balance_fen=5000)
    order = people.place_order(patient, make_doctor())
    client = client_for(patient.user)
    client.patch(f"/qaorder/order/pay/{order.order_number}/", {"channel": "balance"})
    client.put(f"/qaorder/order/refund/{order.order_number}/")

    rows = client.get(ENTRIES).json()["results"]

    assert [list(row) for row in rows] == [KEYS] * 3
    assert [(row["kind"], row["kind_display"]) for row in rows] == [
        ("refund", "退款"),
        ("payment", "支付"),
        ("adjustment", "调整"),
    ]
    assert [(row["amount"], row["balance_after"]) for row in rows] == [
        ("15.00", "50.00"),
        ("-15.00", "35.00"),
        ("50.00", "50.00"),
    ]
    assert [row["order_number"] for row in rows] == [order.order_number, order.order_number, None]
    assert all(
        re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", row["create_time"]) for row in rows
    )


def test_a_recharge_has_no_order_number():
    user = make_patient().user
    legs = {ledger.clearing("wx"): -100, ledger.wallet(user): 100}
    ledger.post(TransactionKind.RECHARGE, "capture:1", legs)

    row = client_for(user).get(ENTRIES).json()["results"][0]

    assert (row["kind"], row["kind_display"]) == ("recharge", "充值")
    assert (row["amount"], row["order_number"]) == ("1.00", None)


def test_everybody_sees_their_own_wallet_alone():
    rich, poor = make_patient(balance_fen=5000), make_patient(balance_fen=1)

    answers = [client_for(who.user).get(BALANCE).json()["balance"] for who in (rich, poor)]
    rows = client_for(poor.user).get(ENTRIES).json()["results"]

    assert answers == ["50.00", "0.01"]
    assert [row["amount"] for row in rows] == ["0.01"]


def test_a_doctors_earnings_are_no_balance():
    order = people.order_in(Status.FINISHED)
    client = client_for(order.doctor.user)

    assert client.get(BALANCE).json() == {"balance": "0.00"}
    assert client.get(ENTRIES).json()["count"] == 0


def test_the_entries_of_a_deleted_order_still_answer():
    patient = make_patient(balance_fen=5000)
    order = people.place_order(patient, make_doctor())
    client = client_for(patient.user)
    url = f"/qaorder/order/{{}}/{order.order_number}/"
    client.patch(url.format("pay"), {"channel": "balance"})
    client.put(url.format("refund"))
    client.delete(url.format("destroy"))

    rows = client.get(ENTRIES).json()["results"]

    assert client.get(url.format("detail")).status_code == 404
    assert [row["order_number"] for row in rows] == [order.order_number, order.order_number, None]


def test_the_balance_after_each_entry_is_the_sum_so_far():
    patient = make_patient(balance_fen=10_000)
    for price in (1, 99, 1234):
        order = people.place_order(patient, make_doctor(online_price_fen=price))
        client_for(patient.user).patch(
            f"/qaorder/order/pay/{order.order_number}/", {"channel": "balance"}
        )

    rows = client_for(patient.user).get(ENTRIES).json()["results"]

    amounts = [int(row["amount"].replace(".", "")) for row in rows]
    after = [int(row["balance_after"].replace(".", "")) for row in rows]
    assert after == [sum(amounts[position:]) for position in range(len(amounts))]
    assert client_for(patient.user).get(BALANCE).json()["balance"] == rows[0]["balance_after"]


@pytest.mark.parametrize("size", [1, 100])
def test_a_page_of_entries_costs_three_queries_whatever_its_size(size, django_assert_num_queries):
    user = make_patient().user
    for number in range(30):
        legs = {ledger.clearing("wx"): -100, ledger.wallet(user): 100}
        ledger.post(TransactionKind.RECHARGE, f"capture:{number}", legs)
    client = client_for(user)

    with django_assert_num_queries(3):
        rows = client.get(ENTRIES, {"page_size": size}).json()["results"]

    assert len(rows) == min(size, 30)
    assert [row["pk"] for row in rows] == sorted((row["pk"] for row in rows), reverse=True)
