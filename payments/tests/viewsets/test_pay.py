"""PATCH order/pay/: the charge the client gets, and what becomes of it when things go wrong."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from api import failpoints
from payments.models import Payment, PaymentState, Refund
from qaorder import orders
from qaorder.lifecycle import Role
from qaorder.models import Order, OrderType, Status
from tests.support import books, people
from tests.support.people import (
    age,
    client_for,
    make_doctor,
    make_patient,
    order_in,
    place_order,
    top_up,
)

HOURS = timedelta(hours=1)
DOWN = {"status": -6, "message": "支付渠道暂不可用，请稍后重试"}
CHARGE_KEYS = [
    "order_no",
    "extra",
    "app",
    "livemode",
    "currency",
    "time_settle",
    "time_expire",
    "id",
    "subject",
    "failure_msg",
    "channel",
    "metadata",
    "body",
    "credential",
    "client_ip",
    "description",
    "amount_refunded",
    "refunded",
    "object",
    "paid",
    "amount_settle",
    "time_paid",
    "failure_code",
    "refunds",
    "created",
    "transaction_no",
    "amount",
]

pytestmark = pytest.mark.django_db(transaction=True)


def requests_of(provider, operation):
    return provider.sandbox.state()["requests"].get(operation, 0)


def seconds_until(moment):
    return round((moment - timezone.now()).total_seconds())


@pytest.mark.parametrize(("channel", "lifetime"), [("alipay", 24 * HOURS), ("wx", 2 * HOURS)])
def test_the_charge_is_the_providers_own_object_with_our_fields(provider, channel, lifetime):
    # As in the document, which is older than that key.
    provider.sandbox.set_options(emit_reversed=False)
    patient = make_patient("patient-of-the-document")
    order = place_order(patient, make_doctor())

    response = people.try_to_pay(order, channel)

    answer = response.json()
    charge = answer["charge"]
    number = order.order_number
    assert response.status_code == 200
    assert list(answer) == ["status", "message", "charge"]
    assert (answer["status"], answer["message"]) == (0, "")
    assert list(charge) == CHARGE_KEYS
    assert charge["order_no"] == number
    assert charge["subject"] == f"肺轻松#{number[:-4]}"
    assert charge["body"] == f"肺轻松#{number}"
    assert charge["metadata"] == {"owner": "patient-of-the-document", "order_number": number}
    assert (charge["amount"], charge["currency"], charge["channel"]) == (1500, "cny", channel)
    assert charge["client_ip"] == "127.0.0.1"
    assert charge["extra"] == {}
    assert charge["time_expire"] - charge["created"] == lifetime.total_seconds()
    assert (charge["paid"], charge["livemode"]) == (False, False)
    assert "肺轻松#" in response.content.decode()
    order.refresh_from_db()
    assert (order.status, order.channel) == (Status.UNPAID, channel)
    assert books.postings() == {}


@pytest.mark.parametrize("channel", ["alipay", "wx"])
def test_a_nearer_deadline_of_the_order_becomes_the_charges(provider, channel):
    deadline = timezone.now() + timedelta(minutes=30)
    order = people.new_order(pay_deadline=deadline)

    charge = people.charge_for(order, channel)

    assert charge["time_expire"] == int(deadline.timestamp())


@pytest.mark.parametrize(("channel", "hours"), [("alipay", 25), ("wx", 3)])
def test_a_later_deadline_leaves_the_providers_default(provider, channel, hours):
    order = people.new_order(pay_deadline=timezone.now() + hours * HOURS)

    charge = people.charge_for(order, channel)

    assert charge["time_expire"] - charge["created"] == (24 if channel == "alipay" else 2) * 3600


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, None, "203.0.113.9"),
        (0, "198.51.100.1", "203.0.113.9"),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "10.9.9.9, 198.51.100.1", "198.51.100.1"),
        (2, "10.9.9.9, 198.51.100.1, 192.0.2.7", "198.51.100.1"),
        (2, "192.0.2.7", "203.0.113.9"),
        (1, None, "203.0.113.9"),
        (1, "2001:db8::1", "2001:db8::1"),
        (1, "unknown", "127.0.0.1"),
        (1, "198.51.100.1:8080", "127.0.0.1"),
        (1, "10.9.9.9,", "127.0.0.1"),
    ],
)
def test_the_providers_client_ip_is_what_our_own_proxies_vouch_for(
    provider, settings, proxies, forwarded, expected
):
    settings.TRUSTED_PROXY_COUNT = proxies
    order = people.new_order()
    client = client_for(order.patient.user)
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}

    response = client.patch(
        people.pay_url(order), {"channel": "wx"}, headers=headers, REMOTE_ADDR="203.0.113.9"
    )

    assert response.json()["charge"]["client_ip"] == expected


@pytest.mark.parametrize("channel", ["alipay", "wx"])
def test_paying_again_gives_the_same_charge_byte_for_byte(provider, channel):
    order = people.new_order()

    first = people.try_to_pay(order, channel)
    second = people.try_to_pay(order, channel)

    assert first.content == second.content
    assert len(provider.charges()) == 1
    assert Payment.objects.count() == 1


@pytest.mark.parametrize(("channel", "hours"), [("alipay", 24), ("wx", 2)])
def test_an_expired_charge_is_followed_by_one_with_two_more_digits(provider, channel, hours):
    order = people.new_order()
    start = timezone.now()
    first = people.charge_for(order, channel)

    with time_machine.travel(start + hours * HOURS - timedelta(minutes=1)):
        same = people.charge_for(order, channel)
    with time_machine.travel(start + hours * HOURS + timedelta(minutes=1)):
        second = people.charge_for(order, channel)

    assert same == first
    assert second["id"] != first["id"]
    assert second["order_no"] == f"{order.order_number}01"
    assert second["subject"] == first["subject"]
    assert second["body"] == first["body"]
    states = Payment.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == [PaymentState.EXPIRED, PaymentState.PENDING]


def test_another_channel_is_an_attempt_of_its_own_and_both_stay_known(provider):
    order = people.new_order()

    alipay = people.charge_for(order, "alipay")
    wx = people.charge_for(order, "wx")
    again = people.charge_for(order, "alipay")

    assert [charge["order_no"] for charge in (alipay, wx)] == [
        order.order_number,
        f"{order.order_number}01",
    ]
    assert again == alipay
    assert len(provider.charges()) == 2
    order.refresh_from_db()
    assert order.channel == "alipay"


def test_the_orders_channel_follows_the_last_successful_pay_call(provider):
    order = people.new_order()
    assert order.channel == "alipay"

    people.charge_for(order, "wx")

    order.refresh_from_db()
    assert (order.channel, order.status) == ("wx", Status.UNPAID)


def test_after_99_more_attempts_the_channel_is_unavailable(provider):
    order = people.new_order()
    attempts = [
        Payment(
            order=order,
            payer=order.patient.user,
            channel="wx",
            order_no=f"{order.order_number}{number:02d}" if number else order.order_number,
            amount_fen=order.amount_fen,
            state=PaymentState.EXPIRED,
        )
        for number in range(99)
    ]
    Payment.objects.bulk_create(attempts)

    last = people.charge_for(order, "alipay")
    too_many = people.try_to_pay(order, "wx")

    assert last["order_no"] == f"{order.order_number}99"
    assert (too_many.status_code, too_many.json()) == (503, DOWN)
    assert "Retry-After" in too_many.headers
    assert people.charge_for(order, "alipay") == last
    top_up(order.patient.user, 1500)
    assert people.try_to_pay(order, "balance").status_code == 200


@pytest.mark.parametrize("kind", ["drop", "garbage", "null", "no_message", "error_text", "hang"])
@pytest.mark.parametrize("channel", ["alipay", "wx"])
def test_a_charge_whose_answer_was_lost_is_adopted_by_the_next_try(
    provider, settings, channel, kind
):
    settings.PINGPP_DEADLINE = 1.0
    order = people.new_order()
    provider.sandbox.fault(kind, "charge.create", commit=True)

    lost = people.try_to_pay(order, channel)
    made = provider.charges()
    found = people.charge_for(order, channel)

    assert (lost.status_code, lost.json()) == (503, DOWN)
    assert [charge["id"] for charge in made] == [found["id"]]
    assert len(provider.charges()) == 1
    assert found["order_no"] == order.order_number
    assert Payment.objects.get().charge_id == found["id"]


def test_a_lost_charge_is_found_among_many_pages_of_others(provider):
    order = people.new_order()
    provider.sandbox.fault("drop", "charge.create", commit=True)
    people.try_to_pay(order, "alipay")
    lost = provider.charges()[0]["id"]
    for number in range(120):
        provider.create_charge(f"{order.order_number[:20]}{number}")

    found = people.charge_for(order, "alipay")

    assert found["id"] == lost


@pytest.mark.parametrize("kind", ["drop", "status"])
def test_a_request_that_never_took_effect_is_sent_again_with_the_same_number(provider, kind):
    order = people.new_order()
    provider.sandbox.fault(kind, "charge.create", times=2)  # the SDK repeats a 502 by itself

    people.try_to_pay(order, "wx")
    provider.sandbox.clear_faults()
    charge = people.charge_for(order, "wx")

    assert charge["order_no"] == order.order_number
    assert len(provider.charges()) == 1
    assert Payment.objects.count() == 1


def test_while_the_provider_cannot_be_asked_about_a_lost_charge_no_other_is_made(provider):
    order = people.new_order()
    provider.sandbox.fault("drop", "charge.create", commit=True)
    people.try_to_pay(order, "alipay")
    provider.sandbox.fault("status", "charge.list", times=None, status=503)

    response = people.try_to_pay(order, "alipay")

    assert (response.status_code, response.json()) == (503, DOWN)
    assert len(provider.charges()) == 1
    assert Payment.objects.get().state == PaymentState.CREATING


@pytest.mark.parametrize(("status", "number"), [(402, "01"), (403, ""), (429, ""), (400, "")])
def test_a_refusal_leaves_the_order_payable(provider, status, number):
    order = people.new_order()
    provider.sandbox.fault("status", "charge.create", status=status)
    looked = requests_of(provider, "charge.list")

    refused = people.try_to_pay(order, "wx")
    unchanged = Order.objects.get()
    charge = people.charge_for(order, "wx")

    assert (refused.status_code, refused.json()) == (503, DOWN)
    assert (unchanged.status, unchanged.channel) == (Status.UNPAID, "alipay")
    # What the channel itself refuses is a used number; the next try has one of its own.
    assert charge["order_no"] == f"{order.order_number}{number}"
    assert requests_of(provider, "charge.list") == looked


def test_a_provider_that_is_not_there_at_all(provider, settings):
    settings.PINGPP_API_BASE = "http://127.0.0.1:9"
    order = people.new_order()

    response = people.try_to_pay(order, "wx")

    assert (response.status_code, response.json()) == (503, DOWN)
    assert "Retry-After" in response.headers
    assert Payment.objects.get().sent_at is None
    order.refresh_from_db()
    assert (order.status, order.channel) == (Status.UNPAID, "alipay")


def test_a_failing_pay_call_does_not_change_the_channel_chosen_before(provider):
    order = people.new_order()
    people.charge_for(order, "wx")
    provider.sandbox.fault("status", "charge.create", times=None)

    down = people.try_to_pay(order, "alipay")
    poor = people.try_to_pay(order, "balance")

    assert (down.json()["status"], poor.json()["status"]) == (-6, -5)
    order.refresh_from_db()
    assert order.channel == "wx"


def test_the_balance_pays_at_once(provider):
    patient = make_patient(balance_fen=2000)
    order = place_order(patient, make_doctor())

    response = people.try_to_pay(order, "balance")

    assert response.status_code == 200
    assert response.content == b'{"status":0,"message":"","charge":null}'
    order.refresh_from_db()
    payment = Payment.objects.get()
    assert (order.status, order.channel, order.paid_with) == (Status.PAID, "balance", payment)
    assert (payment.state, payment.amount_fen) == (PaymentState.PAID, 1500)
    assert books.wallet(patient.user) == 500
    assert books.balances()["in_transit"] == 1500
    assert books.postings()["payment"] == 1
    assert provider.charges() == []
    assert order.events.get().role == Role.PATIENT


@pytest.mark.parametrize("channel", ["wx", "alipay", "balance"])
def test_nothing_to_pay_is_paid_at_once_through_any_channel(provider, channel):
    order = place_order(make_patient(), make_doctor(online_price_fen=0))

    response = people.try_to_pay(order, channel)

    assert response.json() == {"status": 0, "message": "", "charge": None}
    order.refresh_from_db()
    assert (order.status, order.channel) == (Status.PAID, channel)
    assert books.postings() == {}
    assert provider.charges() == []


def test_an_order_is_not_paid_twice_from_the_balance():
    patient = make_patient(balance_fen=5000)
    order = place_order(patient, make_doctor())
    people.try_to_pay(order, "balance")
    before = books.everything()

    response = people.try_to_pay(order, "balance")

    assert response.json()["status"] == -2
    assert books.everything() == before


@pytest.mark.parametrize("channel", [None, "", "cash", "WX", "alipay_wap", "upacp"])
def test_the_channel_is_required_and_one_of_three(channel):
    order = people.new_order()
    body = {} if channel is None else {"channel": channel}
    before = books.everything()

    response = client_for(order.patient.user).patch(people.pay_url(order), body, format="json")

    assert response.status_code == 400
    assert list(response.json()) == ["channel"]
    assert books.everything() == before


def test_an_order_cancelled_while_the_provider_was_asked_is_not_handed_a_charge(provider):
    order = people.new_order()
    failpoints.hooks["pay.charge_created"] = lambda: orders.cancel_order(
        order=Order.objects.get(), role=Role.DOCTOR
    )

    response = people.try_to_pay(order, "wx")
    failpoints.hooks.clear()

    assert response.json() == {"status": -2, "message": "不能支付订单"}
    charge = provider.charges()[0]
    assert Payment.objects.get().charge_id == charge["id"]
    # The client may have had it from the provider all the same: its money goes back.
    assert provider.pay_and_tell(charge["id"]).json()["outcome"] == "applied"
    order.refresh_from_db()
    assert (order.status, order.channel) == (Status.CANCELLED, "alipay")
    assert Refund.objects.get().payment.charge_id == charge["id"]
    books.assert_whole()


def test_a_notice_that_comes_before_the_answer_is_stored_pays_the_order(provider):
    order = people.new_order()
    outcomes = []

    def pay_at_the_provider():
        answer = provider.pay_and_tell(provider.charges()[0]["id"])
        outcomes.append(answer.json()["outcome"])

    failpoints.hooks["pay.charge_created"] = pay_at_the_provider
    response = people.try_to_pay(order, "wx")

    assert outcomes == ["applied"]
    assert response.status_code == 200
    assert response.json()["charge"]["id"] == provider.charges()[0]["id"]
    order.refresh_from_db()
    payment = Payment.objects.get()
    assert (order.status, order.channel, order.paid_with) == (Status.PAID, "wx", payment)
    assert payment.state == PaymentState.PAID
    assert books.postings()["payment"] == 1
    assert not Refund.objects.exists()


def test_a_payer_deactivated_meanwhile_gets_no_charge_and_their_money_still_counts(provider):
    order = people.new_order()
    user = order.patient.user

    def deactivate():
        user.is_active = False
        user.save()

    failpoints.hooks["pay.charge_created"] = deactivate
    response = people.try_to_pay(order, "alipay")

    assert response.json()["status"] == -2
    provider.pay_and_tell(provider.charges()[0]["id"])
    order.refresh_from_db()
    assert order.status == Status.PAID
    books.assert_whole()


def test_an_order_hidden_from_the_doctor_is_still_paid(provider):
    order = people.new_order(doctor_hidden_at=timezone.now())

    people.pay_remotely(provider, order, "wx")

    assert order.status == Status.PAID


def test_a_death_after_the_provider_answered_leaves_an_attempt_that_the_next_try_finishes(provider):
    order = people.new_order()

    def die():
        raise RuntimeError

    failpoints.hooks["pay.charge_created"] = die
    broken = people.try_to_pay(order, "alipay")
    failpoints.hooks.clear()
    Payment.objects.update(leased_until=timezone.now())
    charge = people.charge_for(order, "alipay")

    assert broken.status_code == 500
    assert [made["id"] for made in provider.charges()] == [charge["id"]]


def test_paying_one_order_leaves_another_as_it_was(provider):
    patient = make_patient(balance_fen=1500)
    first = place_order(patient, make_doctor())
    second = place_order(patient, make_doctor())

    people.try_to_pay(second, "balance")

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == (Status.UNPAID, Status.PAID)
    assert people.try_to_pay(first, "balance").json()["status"] == -5


def test_a_monthly_order_is_charged_the_monthly_price(provider):
    order = people.new_order(OrderType.MONTHLY)

    charge = people.charge_for(order, "alipay")

    assert charge["amount"] == 7000


def test_the_price_is_the_one_at_the_time_of_the_order(provider):
    order = people.new_order()
    type(order.doctor).objects.update(online_price_fen=9900)

    assert people.charge_for(order, "wx")["amount"] == 1500


def test_the_stored_charge_survives_as_the_provider_wrote_it(provider):
    order = people.new_order()

    charge = people.charge_for(order, "wx")

    assert json.loads(Payment.objects.get().charge) == charge
    assert seconds_until(Payment.objects.get().expires_at) == pytest.approx(7200, abs=5)


def test_an_order_in_its_last_hours_still_gets_a_charge_that_expires_with_it(provider):
    order = age(people.new_order(), created_at=71 * HOURS)
    Order.objects.update(pay_deadline=order.created_at + 72 * HOURS)

    charge = people.charge_for(order, "alipay")

    deadline = Order.objects.get().pay_deadline
    assert charge["time_expire"] == int(deadline.timestamp())


def test_paying_an_order_that_is_already_served_is_refused(provider):
    order = order_in(Status.ANSWERED)

    response = people.try_to_pay(order, "wx")

    assert response.json()["status"] == -2
    assert provider.charges() == []
