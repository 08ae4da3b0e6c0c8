"""Money that arrives where it should, where it should not, twice, late, and in any order."""

from datetime import timedelta
from itertools import permutations

import pytest
import time_machine
from django.utils import timezone

from jobs import orders as sweeps
from payments import refund_outbox
from payments.models import (
    NoticeOutcome,
    Payment,
    PaymentState,
    Refund,
    RefundStatus,
    SuspenseCharge,
)
from payments.paid_charge import PaidCharge, read_paid_charge
from payments.settlement import settle
from qaorder import orders
from qaorder.lifecycle import Role
from qaorder.models import Order, OrderType, Period, Status
from tests.support import books, people
from tests.support.people import (
    age,
    make_doctor,
    make_patient,
    place_order,
    refund,
    top_up,
)

MINUTES = timedelta(minutes=1)

pytestmark = pytest.mark.django_db(transaction=True)


def assert_money_goes_back(provider, charge_id):
    """The money was booked once, one refund is open, and sending it empties the book."""
    surplus = Refund.objects.get(payment__charge_id=charge_id)
    assert (surplus.status, surplus.role) == (RefundStatus.OPEN, Role.CLOCK)
    assert surplus.payment.state == PaymentState.PAID
    books.assert_whole()
    before = books.balances()

    refund_outbox.send_due()

    surplus.refresh_from_db()
    channel = surplus.payment.channel
    assert surplus.status == RefundStatus.SUCCEEDED
    assert [made["charge"] for made in provider.refunds()] == [charge_id]
    assert before["in_transit"] - books.balances().get("in_transit", 0) == surplus.amount_fen
    assert books.balances().get(f"clearing:{channel}", 0) - before[f"clearing:{channel}"] == (
        surplus.amount_fen
    )
    books.assert_whole()


@pytest.fixture
def quick(provider):
    """The provider, with WeChat's refunds at once instead of after seconds."""
    provider.sandbox.set_options(refund_seconds={"alipay": 0.0, "wx": 0.0})
    yield provider
    provider.sandbox.set_options(refund_seconds={"alipay": 0.0, "wx": 5.0})


@pytest.mark.parametrize("channel", ["alipay", "wx"])
def test_collected_money_opens_the_order_and_is_held(provider, channel):
    order = people.new_order()

    payment = people.pay_remotely(provider, order, channel)

    assert (order.status, order.channel, order.paid_with) == (Status.PAID, channel, payment)
    assert books.balances() == {"in_transit": 1500, f"clearing:{channel}": -1500}
    event = order.events.get()
    assert (event.role, event.actor) == (Role.PROVIDER, None)
    assert abs(payment.paid_at - timezone.now()) < timedelta(minutes=1)
    assert not Refund.objects.exists()


@pytest.mark.parametrize("channel", ["alipay", "wx"])
def test_money_for_a_cancelled_order_is_booked_and_refunded(quick, channel):
    order = people.new_order()
    charge = people.charge_for(order, channel)
    orders.cancel_order(order=order, role=Role.PATIENT)

    answer = quick.pay_and_tell(charge["id"])

    assert answer.json()["outcome"] == "applied"
    order.refresh_from_db()
    assert (order.status, order.paid_at) == (Status.CANCELLED, None)
    assert_money_goes_back(quick, charge["id"])


def test_money_for_an_expired_order_is_booked_and_refunded(quick):
    order = people.new_order()
    charge = people.charge_for(order)
    age(order, pay_deadline=20 * MINUTES)
    sweeps.expire_unpaid()
    quick.pay(charge["id"], force=True)

    quick.deliver_all("charge.succeeded")

    order.refresh_from_db()
    assert order.status == Status.CANCELLED
    assert_money_goes_back(quick, charge["id"])


def test_money_paid_after_the_deadline_is_refunded_though_the_order_still_waits(quick):
    order = people.new_order()
    charge = people.charge_for(order)
    age(order, pay_deadline=MINUTES)

    quick.pay_and_tell(charge["id"])

    order.refresh_from_db()
    assert (order.status, order.paid_at) == (Status.UNPAID, None)
    assert_money_goes_back(quick, charge["id"])


@pytest.mark.parametrize(("late", "status"), [(0, Status.PAID), (1, Status.UNPAID)])
def test_a_time_paid_up_to_the_deadline_counts_whenever_the_notice_comes(provider, late, status):
    order = people.new_order()
    charge = people.charge_for(order)
    deadline = timezone.now().replace(microsecond=0) - 10 * MINUTES
    Order.objects.update(pay_deadline=deadline)

    provider.pay(charge["id"], time_paid=int(deadline.timestamp()) + late)
    provider.deliver_all()

    order.refresh_from_db()
    assert order.status == status
    assert Refund.objects.count() == late


@pytest.mark.parametrize("first", ["alipay", "wx"])
def test_an_order_paid_through_two_channels_keeps_the_first_money(quick, first):
    order = people.new_order()
    second = "wx" if first == "alipay" else "alipay"
    charges = {channel: people.charge_for(order, channel) for channel in ("alipay", "wx")}

    quick.pay_and_tell(charges[first]["id"])
    quick.pay_and_tell(charges[second]["id"])

    order.refresh_from_db()
    assert (order.status, order.channel) == (Status.PAID, first)
    assert order.paid_with.charge_id == charges[first]["id"]
    assert order.events.count() == 1
    assert_money_goes_back(quick, charges[second]["id"])
    assert books.balances() == {"in_transit": 1500, f"clearing:{first}": -1500}


def test_an_order_paid_from_the_balance_and_then_by_alipay_keeps_the_balances_money(quick):
    order = people.new_order()
    charge = people.charge_for(order)
    top_up(order.patient.user, 1500)
    assert people.try_to_pay(order, "balance").status_code == 200

    quick.pay_and_tell(charge["id"])

    order.refresh_from_db()
    assert (order.status, order.channel) == (Status.PAID, "balance")
    assert_money_goes_back(quick, charge["id"])
    assert books.balances() == {"in_transit": 1500, "platform": -1500}


def test_money_for_an_order_already_refunded_goes_back_too(quick):
    order = people.new_order()
    alipay, wx = people.charge_for(order, "alipay"), people.charge_for(order, "wx")
    quick.pay_and_tell(alipay["id"])
    order.refresh_from_db()
    refund(order)
    refund_outbox.send_due()

    quick.pay_and_tell(wx["id"])
    refund_outbox.send_due()

    assert Refund.objects.filter(status=RefundStatus.SUCCEEDED).count() == 2
    assert len(quick.refunds()) == 2
    assert books.balances() == {}
    books.assert_whole()


def test_money_that_comes_for_an_expired_charge_pays_the_order_that_still_waits(provider):
    order = people.new_order()
    start = timezone.now()
    old = people.charge_for(order, "wx")
    with time_machine.travel(start + timedelta(hours=3)):
        new = people.charge_for(order, "wx")
        provider.pay(old["id"], force=True)
        provider.deliver_all()

    order.refresh_from_db()
    assert order.status == Status.PAID
    assert order.paid_with.charge_id == old["id"]
    assert Payment.objects.get(charge_id=new["id"]).state == PaymentState.PENDING


def test_two_alipay_charges_under_one_number_are_both_booked_and_one_goes_back(quick):
    order = people.new_order()
    first = people.charge_for(order)
    start = timezone.now()
    with time_machine.travel(start + 2 * MINUTES):
        # Alipay makes another one for the same number a minute later.
        twin = quick.sandbox.create_charge(
            {key: first[key] for key in ("order_no", "channel", "amount", "currency")}
            | {key: first[key] for key in ("subject", "body", "client_ip")}
            | {"app": {"id": first["app"]}}
        )
    assert twin["id"] != first["id"]

    quick.pay_and_tell(first["id"])
    quick.pay(twin["id"])
    outcomes = [answer.json()["outcome"] for answer in quick.deliver_all("charge.succeeded")]

    assert outcomes == ["repeated", "applied"]
    order.refresh_from_db()
    assert order.paid_with.charge_id == first["id"]
    duplicate = Payment.objects.get(charge_id=twin["id"])
    assert duplicate.duplicate_of == order.paid_with
    assert duplicate.order_no == order.paid_with.order_no
    assert_money_goes_back(quick, twin["id"])
    repeated = settle(read_paid_charge(quick.events()[-2]["data"]["object"] | {"paid": True}))
    assert repeated == NoticeOutcome.REPEATED


def test_a_twin_told_of_twice_by_different_events_is_booked_once(provider):
    order = people.new_order()
    payment = people.pay_remotely(provider, order)
    event = provider.events("charge.succeeded")[0]
    twin = event["data"]["object"] | {"id": "ch_twin"}

    outcomes = [
        provider.deliver(provider.sandbox.event("charge.succeeded", twin)).json()["outcome"]
        for _ in range(2)
    ]

    assert outcomes == ["applied", "repeated"]
    assert payment.duplicates.count() == 1
    assert books.balances()["in_transit"] == 3000
    assert Refund.objects.count() == 1


def test_a_charge_id_that_we_do_not_hold_yet_is_adopted_by_its_number(provider):
    order = people.new_order()
    provider.sandbox.fault("drop", "charge.create", commit=True)
    people.try_to_pay(order, "alipay")
    charge = provider.charges()[0]

    answer = provider.pay_and_tell(charge["id"])

    assert answer.json()["outcome"] == "applied"
    order.refresh_from_db()
    assert order.status == Status.PAID
    assert order.paid_with.charge_id == charge["id"]
    assert Payment.objects.count() == 1


@pytest.mark.parametrize("order_of_arrival", list(permutations(range(3))))
def test_three_payments_end_the_same_whatever_order_their_notices_come_in(quick, order_of_arrival):
    order = people.new_order()
    ids = [people.charge_for(order, channel)["id"] for channel in ("alipay", "wx")]
    for charge_id in ids:
        quick.pay(charge_id)
    events = quick.events("charge.succeeded")
    events.append(events[0])

    for index in order_of_arrival:
        quick.deliver(events[index])
    refund_outbox.send_due()

    order.refresh_from_db()
    assert order.status == Status.PAID
    assert Payment.objects.filter(state=PaymentState.PAID).count() == 2
    assert [row.payment_id != order.paid_with.pk for row in Refund.objects.all()] == [True]
    assert books.balances() == {"in_transit": 1500, f"clearing:{order.channel}": -1500}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"amount_fen": 1499}, "金额或渠道不符"),
        ({"amount_fen": 1501}, "金额或渠道不符"),
        ({"amount_fen": 1}, "金额或渠道不符"),
        ({"amount_fen": 15}, "金额或渠道不符"),
        ({"channel": "alipay_wap"}, "金额或渠道不符"),
        ({"channel": "wx"}, "金额或渠道不符"),
        ({"order_no": "20260101"}, "未知商户订单号"),
    ],
)
def test_money_that_fits_nothing_is_put_aside_for_staff(change, reason):
    order = people.new_order()
    attempt = Payment.objects.create(
        order=order,
        payer=order.patient.user,
        channel="alipay",
        order_no=order.order_number,
        amount_fen=1500,
        state=PaymentState.PENDING,
        charge_id="ch_ours",
    )
    before = books.order_row(order)
    fact = {
        "charge_id": "ch_ours",
        "order_no": order.order_number,
        "channel": "alipay",
        "amount_fen": 1500,
        "paid_at": timezone.now(),
    }
    fact |= change

    outcomes = [settle(PaidCharge(**fact)) for _ in range(2)]

    held = SuspenseCharge.objects.get()
    assert outcomes == [NoticeOutcome.HELD] * 2
    assert (held.reason, held.amount_fen, held.channel) == (
        reason,
        fact["amount_fen"],
        fact["channel"],
    )
    assert held.payment == (None if "order_no" in change else attempt)
    assert books.order_row(order) == before
    attempt.refresh_from_db()
    # A charge that was paid wrongly is handed out no more.
    is_known = "order_no" not in change
    assert attempt.state == (PaymentState.EXPIRED if is_known else PaymentState.PENDING)
    assert books.balances() == {
        "suspense": fact["amount_fen"],
        f"clearing:{fact['channel']}": -fact["amount_fen"],
    }
    assert not Refund.objects.exists()


def test_a_remote_charge_under_the_number_of_a_balance_payment_is_put_aside(provider):
    patient = make_patient(balance_fen=1500)
    order = place_order(patient, make_doctor())
    people.try_to_pay(order, "balance")
    paid = Payment.objects.get()

    outcome = settle(PaidCharge("ch_1", paid.order_no, "alipay", 1500, timezone.now()))

    assert outcome == NoticeOutcome.HELD
    assert not Refund.objects.exists()
    assert books.balances()["suspense"] == 1500


def test_the_same_charge_settled_twice_moves_money_once(provider):
    order = people.new_order()
    payment = people.pay_remotely(provider, order)
    fact = PaidCharge(payment.charge_id, payment.order_no, "alipay", 1500, timezone.now())
    before = books.everything()

    assert settle(fact) == NoticeOutcome.REPEATED

    assert books.everything() == before


def test_a_hidden_order_is_settled_like_any_other(provider):
    order = people.new_order()
    charge = people.charge_for(order)
    orders.destroy_order(order=order, role=Role.PATIENT, actor=order.patient.user)

    provider.pay_and_tell(charge["id"])

    order.refresh_from_db()
    assert order.status == Status.CANCELLED
    assert Refund.objects.get().payment.charge_id == charge["id"]


def test_late_money_for_a_monthly_order_starts_no_service(provider):
    order = people.new_order(OrderType.MONTHLY)
    charge = people.charge_for(order)
    orders.cancel_order(order=order, role=Role.PATIENT)

    provider.pay_and_tell(charge["id"])

    assert not Period.objects.exists()
    assert Refund.objects.get().amount_fen == 7000


PAID = {
    "id": "ch_1",
    "order_no": "123",
    "channel": "wx",
    "amount": 1500,
    "paid": True,
    "app": "app_feiqingsongDemo0",
    "livemode": False,
    "currency": "cny",
    "time_paid": 1_790_000_000,
}


def test_a_paid_charge_of_ours_is_read():
    fact = read_paid_charge(PAID)

    assert fact is not None
    assert (fact.charge_id, fact.order_no, fact.channel, fact.amount_fen) == (
        "ch_1",
        "123",
        "wx",
        1500,
    )
    assert fact.paid_at.timestamp() == 1_790_000_000
    assert read_paid_charge(PAID | {"app": {"id": PAID["app"]}}) == fact


@pytest.mark.parametrize(
    "change",
    [
        {"paid": False},
        {"paid": "true"},
        {"paid": 1},
        {"paid": None},
        {"app": "app_other"},
        {"app": {"id": "app_other"}},
        {"app": {}},
        {"app": None},
        {"app": ["app_feiqingsongDemo0"]},
        {"livemode": True},
        {"livemode": None},
        {"livemode": "false"},
        {"currency": "usd"},
        {"currency": "CNY"},
        {"currency": None},
        {"amount": 0},
        {"amount": -1500},
        {"amount": "1500"},
        {"amount": 1500.0},
        {"amount": True},
        {"amount": None},
        {"amount": 2**62},
        {"id": ""},
        {"id": None},
        {"id": 5},
        {"id": "ch 1"},
        {"id": "ch_" + "1" * 38},
        {"id": "ch_\x00"},
        {"order_no": None},
        {"order_no": ["123"]},
        {"order_no": "１２３"},
        {"order_no": "1" * 65},
        {"channel": ""},
        {"channel": {}},
    ],
    ids=str,
)
def test_what_is_not_a_paid_charge_of_ours_is_not_read(change):
    assert read_paid_charge(PAID | change) is None


@pytest.mark.parametrize("value", [None, [], "text", 5, True, {}])
def test_what_is_no_charge_at_all_is_not_read(value):
    assert read_paid_charge(value) is None


@pytest.mark.parametrize("time_paid", [None, 0, -1, "2026", 2**40, 1.5, True])
def test_money_without_a_sensible_time_counts_as_paid_now(time_paid):
    fact = read_paid_charge(PAID | {"time_paid": time_paid})

    assert abs(fact.paid_at - timezone.now()) < timedelta(minutes=1)
