"""Silent attempts are asked about: a lost answer or a lost notice costs minutes, not money."""

from datetime import timedelta
from itertools import pairwise

import pytest
import time_machine
from django.utils import timezone

from api import failpoints
from jobs import payments as sweeps
from payments.models import Payment, PaymentState, Refund
from qaorder import orders
from qaorder.lifecycle import Role
from qaorder.models import Order, Status
from tests.support import books, people

SECOND = timedelta(seconds=1)

pytestmark = pytest.mark.django_db(transaction=True)


def silent(provider, channel="alipay"):
    """An order with a charge that was made five minutes ago; and the charge."""
    order = people.new_order()
    charge = people.charge_for(order, channel)
    Payment.objects.update(inquired_at=timezone.now() - sweeps.SILENT_AFTER)
    return order, charge


def lost(provider, channel="alipay"):
    """An order whose charge's answer was lost half a minute ago."""
    order = people.new_order()
    provider.sandbox.fault("drop", "charge.create", commit=True)
    people.try_to_pay(order, channel)
    Payment.objects.update(inquired_at=timezone.now() - sweeps.LOST_AFTER)
    return order


@pytest.mark.parametrize("channel", ["alipay", "wx"])
def test_a_payment_whose_notice_was_lost_is_found(provider, channel):
    order, charge = silent(provider, channel)
    provider.pay(charge["id"])

    assert sweeps.inquire_about_silent() == 1

    order.refresh_from_db()
    assert (order.status, order.channel) == (Status.PAID, channel)
    assert books.balances()["in_transit"] == 1500
    assert sweeps.inquire_about_silent() == 0


def test_a_charge_that_is_still_unpaid_stays_open_and_is_asked_about_again_later(provider):
    order, charge = silent(provider)

    assert [sweeps.inquire_about_silent() for _ in range(2)] == [1, 0]

    payment = Payment.objects.get()
    assert payment.state == PaymentState.PENDING
    with time_machine.travel(payment.inquired_at + sweeps.SILENT_AFTER, tick=False):
        assert sweeps.inquire_about_silent() == 1
    assert people.charge_for(order) == charge


@pytest.mark.parametrize(("early", "asked"), [(SECOND, 0), (0 * SECOND, 1), (-SECOND, 1)])
def test_a_charge_is_asked_about_after_five_minutes_of_silence(provider, early, asked):
    people.charge_for(people.new_order())
    payment = Payment.objects.get()

    with time_machine.travel(payment.inquired_at + timedelta(minutes=5) - early, tick=False):
        assert sweeps.inquire_about_silent() == asked


@pytest.mark.parametrize(("early", "asked"), [(SECOND, 0), (0 * SECOND, 1), (-SECOND, 1)])
def test_a_lost_answer_is_looked_for_after_half_a_minute(provider, early, asked):
    lost(provider)
    payment = Payment.objects.get()

    moment = payment.inquired_at + timedelta(seconds=30) - early
    with time_machine.travel(moment, tick=False):
        assert sweeps.inquire_about_silent() == asked


def test_a_lost_charge_is_adopted_and_given_to_the_next_pay_call(provider):
    order = lost(provider)

    sweeps.inquire_about_silent()

    payment = Payment.objects.get()
    charge = provider.charges()[0]
    assert (payment.state, payment.charge_id) == (PaymentState.PENDING, charge["id"])
    assert people.charge_for(order)["id"] == charge["id"]
    assert len(provider.charges()) == 1


def test_a_lost_charge_that_was_paid_pays_the_order(provider):
    order = lost(provider)
    provider.pay(provider.charges()[0]["id"])

    sweeps.inquire_about_silent()

    order.refresh_from_db()
    assert order.status == Status.PAID


def test_a_lost_attempt_that_the_provider_knows_nothing_of_has_failed(provider):
    order = people.new_order()
    provider.sandbox.fault("drop", "charge.create", times=2)
    people.try_to_pay(order, "wx")
    Payment.objects.update(inquired_at=timezone.now() - sweeps.LOST_AFTER)
    provider.sandbox.clear_faults()

    sweeps.inquire_about_silent()

    assert Payment.objects.get().state == PaymentState.FAILED
    assert people.charge_for(order, "wx")["order_no"] == f"{order.order_number}01"


def test_an_attempt_that_a_request_is_sending_right_now_is_left_alone(provider):
    lost(provider)
    Payment.objects.update(leased_until=timezone.now() + timedelta(seconds=5))

    assert sweeps.inquire_about_silent() == 0

    assert Payment.objects.get().state == PaymentState.CREATING


def test_a_charge_past_its_time_has_expired(provider):
    order, _ = silent(provider, "wx")
    with time_machine.travel(timezone.now() + timedelta(hours=2, seconds=1)):
        sweeps.inquire_about_silent()

    assert Payment.objects.get().state == PaymentState.EXPIRED
    assert Order.objects.get().status == Status.UNPAID


@pytest.mark.parametrize("kind", ["drop", "status", "garbage", "null"])
def test_a_provider_that_cannot_be_asked_changes_nothing(provider, kind):
    order, charge = silent(provider)
    provider.pay(charge["id"])
    provider.sandbox.fault(kind, times=None)

    assert sweeps.inquire_about_silent() == 1

    payment = Payment.objects.get()
    assert (payment.state, payment.failures) == (PaymentState.PENDING, 1)
    provider.sandbox.clear_faults()
    with time_machine.travel(payment.next_try_at - SECOND, tick=False):
        assert sweeps.inquire_about_silent() == 0
    with time_machine.travel(payment.next_try_at, tick=False):
        assert sweeps.inquire_about_silent() == 1
    order.refresh_from_db()
    assert order.status == Status.PAID


def test_money_found_for_a_cancelled_order_goes_back(provider):
    order, charge = silent(provider)
    orders.cancel_order(order=order, role=Role.PATIENT)
    provider.pay(charge["id"])

    sweeps.inquire_about_silent()

    order.refresh_from_db()
    assert order.status == Status.CANCELLED
    assert Refund.objects.get().payment.charge_id == charge["id"]
    books.assert_whole()


def test_a_notice_that_comes_while_the_provider_is_asked_counts_once(provider):
    order, charge = silent(provider)

    def notice():
        failpoints.hooks.clear()
        provider.deliver_all()

    provider.pay(charge["id"])
    failpoints.hooks["sweep.inquired"] = notice
    sweeps.inquire_about_silent()

    order.refresh_from_db()
    assert order.status == Status.PAID
    assert books.postings()["payment"] == 1
    assert not Refund.objects.exists()


def test_attempts_that_are_over_are_not_asked_about(provider):
    people.pay_remotely(provider, people.new_order())
    silent(provider)
    Payment.objects.filter(state=PaymentState.PENDING).update(state=PaymentState.FAILED)
    Payment.objects.update(inquired_at=timezone.now() - timedelta(days=1))

    assert sweeps.inquire_about_silent() == 0


def test_a_charge_of_another_amount_under_our_number_does_not_pay_the_order(provider):
    order, charge = silent(provider)
    provider.pay(charge["id"])
    Payment.objects.update(amount_fen=1400)

    sweeps.inquire_about_silent()

    order.refresh_from_db()
    assert order.status == Status.UNPAID
    assert books.balances()["suspense"] == 1500


def test_a_charge_nobody_pays_is_asked_about_ever_more_rarely(provider):
    people.charge_for(people.new_order())
    created = Payment.objects.get().created_at
    asked = []

    for minutes in range(0, 23 * 60, 5):
        with time_machine.travel(created + timedelta(minutes=minutes, seconds=1), tick=False):
            asked += [minutes] * sweeps.inquire_about_silent()

    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert asked[0] == 5
    assert len(asked) < 10
    assert pauses == sorted(pauses)


@pytest.mark.parametrize("kind", ["status", "hang"])
def test_attempts_that_cannot_be_asked_about_stop_no_other(provider, settings, kind):
    for _ in range(3):
        silent(provider)
    Payment.objects.update(inquired_at=timezone.now() - 2 * sweeps.SILENT_AFTER)
    order, charge = silent(provider)
    Payment.objects.exclude(order=order).update(
        inquired_at=timezone.now() - 2 * sweeps.SILENT_AFTER
    )
    provider.pay(charge["id"])
    settings.PINGPP_DEADLINE = 0.3 if kind == "hang" else 3.0
    provider.sandbox.fault(kind, "charge.retrieve", times=3)

    asked = sweeps.inquire_about_silent()
    settings.PINGPP_DEADLINE = 3.0
    asked += sweeps.inquire_about_silent()

    assert asked == 4
    order.refresh_from_db()
    assert order.status == Status.PAID
    others = Payment.objects.exclude(order=order)
    assert set(others.values_list("failures", flat=True)) == {1}


def test_an_attempt_that_always_fails_is_asked_about_ever_more_rarely_but_for_ever(provider):
    silent(provider)
    provider.sandbox.fault("status", "charge.retrieve", times=None)
    payment, waits = Payment.objects.get(), []
    moment = timezone.now()

    for _ in range(9):
        with time_machine.travel(moment, tick=False):
            assert sweeps.inquire_about_silent() == 1
        payment.refresh_from_db()
        waits.append((payment.next_try_at - moment).total_seconds())
        moment = payment.next_try_at

    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_a_bug_at_one_attempt_stops_no_other_and_is_logged_without_its_words(provider, caplog):
    silent(provider)
    order, charge = silent(provider)
    provider.pay(charge["id"])
    medical = "咳嗽三周"

    def first_fails():
        failpoints.hooks.clear()
        raise RuntimeError(medical)

    failpoints.hooks["sweep.inquired"] = first_fails

    assert sweeps.inquire_about_silent() == 2

    order.refresh_from_db()
    assert order.status == Status.PAID
    assert "RuntimeError" in caplog.text
    assert medical not in caplog.text


def test_an_attempt_is_leased_by_the_databases_clock_and_given_back(provider):
    silent(provider)
    counts = []

    def another_host_runs_ahead():
        failpoints.hooks.clear()
        with time_machine.travel(timezone.now() + timedelta(seconds=61)):
            counts.append(sweeps.inquire_about_silent())

    failpoints.hooks["sweep.inquired"] = another_host_runs_ahead
    counts.append(sweeps.inquire_about_silent())

    assert counts == [0, 1]
    assert Payment.objects.get().inquiry_leased_until is None
