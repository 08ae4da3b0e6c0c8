"""POST accounts/balance/recharge/: a charge first, the balance when the notice arrives."""

import pytest

from jobs import payments as sweeps
from payments.models import Payment, PaymentState, Refund, SuspenseCharge
from tests.support import books
from tests.support.people import client_for, make_doctor, make_patient

URL = "/accounts/balance/recharge/"

pytestmark = pytest.mark.django_db(transaction=True)


def recharge(user, amount="30.00", channel="wx", **headers):
    return client_for(user).post(URL, {"amount": amount, "channel": channel}, headers=headers)


@pytest.mark.parametrize("channel", ["wx", "alipay"])
def test_the_balance_grows_when_the_notice_arrives_and_not_before(provider, channel):
    user = make_patient().user

    answer = recharge(user, "30.00", channel)

    body = answer.json()
    charge = body["charge"]
    assert answer.status_code == 200
    assert list(body) == ["status", "message", "charge"]
    assert (body["status"], body["message"]) == (0, "")
    assert (charge["amount"], charge["channel"], charge["currency"]) == (3000, channel, "cny")
    assert charge["metadata"] == {"owner": user.username}
    assert charge["subject"] == charge["body"] == "肺轻松余额充值"
    assert len(charge["order_no"]) == 26
    assert charge["order_no"].isdigit()
    provider.pay(charge["id"])
    assert books.wallet(user) == 0

    provider.deliver_all()

    assert books.wallet(user) == 3000
    assert books.balances() == {f"clearing:{channel}": -3000, f"wallet:{user.pk}": 3000}
    entry = client_for(user).get("/accounts/balance/entries/").json()["results"][0]
    assert (entry["kind"], entry["kind_display"]) == ("recharge", "充值")
    assert (entry["amount"], entry["balance_after"]) == ("30.00", "30.00")
    assert entry["order_number"] is None


def test_a_repeated_notice_does_not_grow_it_again(provider):
    user = make_patient().user
    provider.pay_and_tell(recharge(user).json()["charge"]["id"])

    provider.deliver_all()
    event = provider.events("charge.succeeded")[0]
    provider.deliver(event | {"id": "evt_again"})

    assert books.wallet(user) == 3000


@pytest.mark.parametrize(
    ("amount", "fen"),
    [("0.01", 1), ("50000.00", 5_000_000), ("15", 1500), ("15.5", 1550), (7, 700)],
)
def test_amounts_from_a_fen_to_fifty_thousand_are_taken(provider, amount, fen):
    client = client_for(make_patient().user)

    answer = client.post(URL, {"amount": amount, "channel": "alipay"}, format="json")

    assert answer.json()["charge"]["amount"] == fen


@pytest.mark.parametrize(
    "amount",
    ["0", "0.00", "50000.01", "-1", "+1", "1.001", "1e3", "NaN", "１", " 1 1", "", None, 1.5, True],
)
def test_any_other_amount_is_a_field_error(provider, amount):
    client = client_for(make_patient().user)
    before = books.everything()

    answer = client.post(URL, {"amount": amount, "channel": "wx"}, format="json")

    assert answer.status_code == 400
    assert list(answer.json()) == ["amount"]
    assert books.everything() == before
    assert provider.charges() == []


@pytest.mark.parametrize("channel", ["balance", "cash", "", None])
def test_the_balance_cannot_recharge_itself(channel):
    answer = client_for(make_patient().user).post(
        URL, {"amount": "1", "channel": channel}, format="json"
    )

    assert answer.status_code == 400
    assert list(answer.json()) == ["channel"]


def test_only_a_patient_recharges():
    assert recharge(make_doctor().user).status_code == 403


def test_each_request_is_a_charge_of_its_own(provider):
    user = make_patient().user

    first, second = (recharge(user).json()["charge"] for _ in range(2))

    assert first["order_no"] != second["order_no"]
    provider.pay_and_tell(first["id"])
    provider.pay_and_tell(second["id"])
    assert books.wallet(user) == 6000


def test_a_provider_that_is_down_is_said_so_and_nothing_grows(provider):
    user = make_patient().user
    provider.sandbox.fault("status", times=None)

    answer = recharge(user)

    assert answer.status_code == 503
    assert answer.json()["status"] == -6
    assert "Retry-After" in answer.headers
    assert books.wallet(user) == 0


def test_a_recharge_whose_answer_was_lost_still_counts_when_it_is_paid(provider):
    user = make_patient().user
    provider.sandbox.fault("drop", "charge.create", commit=True)
    assert recharge(user).status_code == 503

    provider.pay_and_tell(provider.charges()[0]["id"])

    assert books.wallet(user) == 3000


def test_a_recharge_whose_notice_was_lost_is_found_by_asking(provider):
    user = make_patient().user
    provider.pay(recharge(user).json()["charge"]["id"])
    Payment.objects.update(inquired_at="2026-01-01T00:00:00Z")

    sweeps.inquire_about_silent()

    assert books.wallet(user) == 3000
    assert Payment.objects.get().state == PaymentState.PAID


def test_a_recharge_of_another_amount_is_held(provider):
    user = make_patient().user
    provider.pay(recharge(user).json()["charge"]["id"])
    event = provider.events("charge.succeeded")[0]
    event["data"]["object"]["amount"] = 300_000

    outcome = provider.deliver(event).json()["outcome"]

    assert outcome == "held"
    assert books.wallet(user) == 0
    assert SuspenseCharge.objects.get().amount_fen == 300_000


def test_money_paid_twice_for_one_recharge_is_all_in_the_balance(provider):
    user = make_patient().user
    provider.pay_and_tell(recharge(user, channel="alipay").json()["charge"]["id"])
    event = provider.events("charge.succeeded")[0]
    twin = event["data"]["object"] | {"id": "ch_twin"}

    for _ in range(2):
        provider.deliver(provider.sandbox.event("charge.succeeded", twin))

    assert books.wallet(user) == 6000
    assert not Refund.objects.exists()
    books.assert_whole()


def test_money_paid_by_a_user_deactivated_meanwhile_is_still_theirs(provider):
    user = make_patient().user
    charge = recharge(user).json()["charge"]
    user.is_active = False
    user.save()

    provider.pay_and_tell(charge["id"])

    assert books.wallet(user) == 3000
