"""The clock's sweeps over orders: each at its boundary, once, whatever else goes wrong."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from api import failpoints
from jobs import orders as sweeps
from payments.models import Payment, PaymentState, Refund
from qaorder import orders, worklist
from qaorder.lifecycle import Role
from qaorder.models import Order, OrderType, Period, Status
from tests.support import books, people
from tests.support.people import (
    make_doctor,
    make_patient,
    order_in,
    place_order,
    top_up,
)

SECOND = timedelta(seconds=1)
MINUTES = timedelta(minutes=1)
HOURS = timedelta(hours=1)
DAYS = timedelta(days=1)

pytestmark = pytest.mark.django_db(transaction=True)


def run_at(sweep, moment):
    with time_machine.travel(moment, tick=False):
        return sweep()


SWEEPS = {
    "finish": (sweeps.finish_answered, Status.ANSWERED, 7 * DAYS, Status.FINISHED),
    "unasked": (sweeps.refund_unasked, Status.PAID, 7 * DAYS, Status.CANCELLED),
    "unanswered": (sweeps.refund_unanswered, Status.WAITING, 48 * HOURS, Status.CANCELLED),
}


@pytest.mark.parametrize("name", list(SWEEPS))
@pytest.mark.parametrize(("early", "moves"), [(SECOND, 0), (0 * SECOND, 1), (-SECOND, 1)])
def test_a_sweep_moves_an_order_when_its_time_has_come_and_not_before(name, early, moves):
    sweep, status, window, target = SWEEPS[name]
    order = order_in(status)
    due = order.status_at + window

    moved = run_at(sweep, due - early)

    order.refresh_from_db()
    assert moved == moves
    assert order.status == (target if moves else status)
    if moves:
        event = order.events.last()
        assert (event.role, event.actor) == (Role.CLOCK, None)
    books.assert_whole()


@pytest.mark.parametrize("name", list(SWEEPS))
def test_a_sweep_run_twice_has_one_effect(name):
    sweep, status, window, _ = SWEEPS[name]
    order = order_in(status)
    late = order.status_at + 2 * window
    run_at(sweep, late)
    before = books.everything()

    assert run_at(sweep, late) == 0

    assert books.everything() == before


@pytest.mark.parametrize("name", list(SWEEPS))
def test_a_sweep_leaves_orders_in_every_other_status_alone(name):
    sweep, status, _, _ = SWEEPS[name]
    others = [order_in(other) for other in Status if other != status]
    before = books.everything()

    assert run_at(sweep, others[-1].created_at + 100 * DAYS) == 0

    assert books.everything() == before


def test_the_window_runs_from_the_last_move_and_not_from_the_order():
    order = order_in(Status.WAITING)
    Order.objects.update(created_at=timezone.now() - 10 * DAYS)

    assert sweeps.refund_unanswered() == 0
    assert run_at(sweeps.refund_unanswered, order.status_at + 48 * HOURS) == 1


def test_the_windows_are_settings(settings):
    settings.ORDER_ASK_WINDOW = settings.ORDER_ANSWER_WINDOW = 5 * MINUTES
    settings.ORDER_FINISH_WINDOW = 5 * MINUTES
    settings.ORDER_PAY_WINDOW = 10 * MINUTES
    for status in (Status.PAID, Status.WAITING, Status.ANSWERED):
        order_in(status)
    now = place_order(make_patient(), make_doctor()).created_at

    for sweep in (sweeps.refund_unasked, sweeps.refund_unanswered, sweeps.finish_answered):
        assert run_at(sweep, now + 6 * MINUTES) == 1
    assert Order.objects.get(status=Status.UNPAID).pay_deadline - now == 10 * MINUTES


def test_finishing_pays_the_doctor_once():
    order = order_in(Status.ANSWERED)
    late = order.status_at + 8 * DAYS

    run_at(sweeps.finish_answered, late)
    run_at(sweeps.finish_answered, late)

    assert books.postings()["completion"] == 1
    assert books.balances()[f"earnings:{order.doctor.user.pk}"] == 1500


def test_overdue_orders_get_all_their_money_back():
    paid, waiting = order_in(Status.PAID), order_in(Status.WAITING)
    late = waiting.status_at + 8 * DAYS

    run_at(sweeps.refund_unasked, late)
    run_at(sweeps.refund_unanswered, late)

    for order in (paid, waiting):
        assert books.wallet(order.patient.user) == 1500
    assert Refund.objects.filter(role=Role.CLOCK).count() == 2
    assert "in_transit" not in books.balances()


def test_a_backlog_is_worked_off_until_nothing_is_left():
    doctor, patient = make_doctor(online_price_fen=0), make_patient()
    for _ in range(60):
        order_in(Status.PAID, patient, doctor)
    late = timezone.now() + 8 * DAYS

    counts = [run_at(sweeps.refund_unasked, late) for _ in range(2)]

    assert counts == [60, 0]


@pytest.mark.parametrize("name", list(SWEEPS))
def test_a_sweep_stops_when_its_share_of_the_round_is_over(name, monkeypatch):
    sweep, status, window, _ = SWEEPS[name]
    order = order_in(status)
    monkeypatch.setattr(worklist, "SWEEP_SECONDS", 0.0)

    assert run_at(sweep, order.status_at + window) == 0


def fails():
    raise RuntimeError


FIRST_FAILS = {
    "finish": "finish.paid_out",
    "unasked": "refund.row_written",
    "unanswered": "refund.row_written",
}


@pytest.mark.parametrize("name", list(SWEEPS))
def test_one_order_that_cannot_be_moved_stops_no_other(name, caplog):
    sweep, status, window, target = SWEEPS[name]
    bad, *good = [order_in(status) for _ in range(4)]
    medical = "咳嗽三周"
    late = good[-1].status_at + window

    def first_fails():
        failpoints.hooks.clear()
        raise RuntimeError(medical)

    failpoints.hooks[FIRST_FAILS[name]] = first_fails
    assert run_at(sweep, late) == 3

    bad.refresh_from_db()
    assert (bad.status, bad.failures) == (status, 1)
    assert bad.next_try_at == late + 30 * SECOND
    assert {order.status for order in Order.objects.exclude(pk=bad.pk)} == {target}
    assert "RuntimeError" in caplog.text
    assert medical not in caplog.text
    assert run_at(sweep, late + 29 * SECOND) == 0
    assert run_at(sweep, late + 30 * SECOND) == 1
    bad.refresh_from_db()
    assert (bad.status, bad.failures, bad.next_try_at) == (target, 0, None)
    books.assert_whole()


def test_an_order_that_always_fails_is_tried_ever_more_rarely():
    order = order_in(Status.ANSWERED)
    moment, waits = order.status_at + 7 * DAYS, []
    failpoints.hooks["finish.paid_out"] = fails

    for _ in range(9):
        assert run_at(sweeps.finish_answered, moment) == 0
        order.refresh_from_db()
        waits.append((order.next_try_at - moment).total_seconds())
        moment = order.next_try_at

    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert order.failures == 9


def test_a_period_is_looked_at_once_when_it_is_over():
    unasked = order_in(Status.PAID, order_type=OrderType.MONTHLY)
    asked = order_in(Status.ANSWERED, order_type=OrderType.MONTHLY)
    late = unasked.period.end_at + 2 * DAYS

    assert run_at(sweeps.lapse_monthly, late) == 1

    periods = Period.objects.all()
    assert {period.closed_at for period in periods} == {late}
    asked.refresh_from_db()
    unasked.refresh_from_db()
    assert (unasked.status, asked.status) == (Status.FINISHED, Status.ANSWERED)
    assert run_at(sweeps.lapse_monthly, late) == 0


@pytest.mark.parametrize(("early", "moves"), [(SECOND, 0), (0 * SECOND, 0), (-SECOND, 1)])
def test_an_unpaid_order_is_cancelled_fifteen_minutes_after_its_deadline(early, moves):
    order = people.new_order()
    assert order.pay_deadline - order.created_at == 72 * HOURS

    cancelled = run_at(sweeps.expire_unpaid, order.pay_deadline + 15 * MINUTES - early)

    order.refresh_from_db()
    assert cancelled == moves
    assert order.status == (Status.CANCELLED if moves else Status.UNPAID)
    if moves:
        event = order.events.get()
        assert (event.event, event.role, event.actor) == ("cancel", "clock", None)


def overdue(provider, channel="alipay"):
    """An order past its deadline and grace that has a charge; and that charge."""
    order = people.new_order()
    charge = people.charge_for(order, channel)
    deadline = timezone.now().replace(microsecond=0) - 16 * MINUTES
    Order.objects.filter(pk=order.pk).update(pay_deadline=deadline)
    order.refresh_from_db()
    return order, charge


@pytest.mark.parametrize("channel", ["alipay", "wx"])
def test_before_it_cancels_the_clock_asks_whether_the_order_was_paid_in_time(provider, channel):
    order, charge = overdue(provider, channel)
    provider.pay(charge["id"], time_paid=int(order.pay_deadline.timestamp()))

    assert sweeps.expire_unpaid() == 0

    order.refresh_from_db()
    assert (order.status, order.channel) == (Status.PAID, channel)
    assert order.paid_with.charge_id == charge["id"]
    assert books.balances()["in_transit"] == 1500
    # The notice that was lost comes after all.
    assert [a.json()["outcome"] for a in provider.deliver_all()] == ["repeated"]
    assert books.balances()["in_transit"] == 1500


def test_money_that_was_paid_too_late_does_not_save_the_order_and_goes_back(provider):
    order, charge = overdue(provider)
    provider.pay(charge["id"], time_paid=int(order.pay_deadline.timestamp()) + 1)

    assert sweeps.expire_unpaid() == 1

    order.refresh_from_db()
    assert order.status == Status.CANCELLED
    assert Refund.objects.get().payment.charge_id == charge["id"]
    books.assert_whole()


def test_an_unpaid_charge_does_not_stop_the_cancellation(provider):
    order, charge = overdue(provider)

    assert sweeps.expire_unpaid() == 1

    order.refresh_from_db()
    assert order.status == Status.CANCELLED
    assert provider.pay_and_tell(charge["id"]).json()["outcome"] == "applied"
    assert Refund.objects.count() == 1


@pytest.mark.parametrize("kind", ["drop", "status", "garbage", "null"])
def test_while_the_provider_cannot_be_asked_the_order_waits(provider, kind):
    order, charge = overdue(provider)
    provider.sandbox.fault(kind, times=None)

    assert sweeps.expire_unpaid() == 0

    order.refresh_from_db()
    assert (order.status, order.failures) == (Status.UNPAID, 1)
    provider.sandbox.clear_faults()
    assert run_at(sweeps.expire_unpaid, order.next_try_at - SECOND) == 0
    assert run_at(sweeps.expire_unpaid, order.next_try_at) == 1


def test_an_order_that_waits_does_not_hold_up_the_others(provider):
    waiting, _ = overdue(provider)
    other, _ = overdue(provider)
    Order.objects.filter(pk=waiting.pk).update(pay_deadline=timezone.now() - DAYS)
    plain = people.new_order(pay_deadline=timezone.now() - HOURS)
    provider.sandbox.fault("status", "charge.retrieve", times=1, status=500)

    assert sweeps.expire_unpaid() == 2

    statuses = dict(Order.objects.values_list("pk", "status"))
    assert statuses == {
        waiting.pk: Status.UNPAID,
        other.pk: Status.CANCELLED,
        plain.pk: Status.CANCELLED,
    }


def test_a_charge_that_the_provider_does_not_know_does_not_stop_the_cancellation(provider):
    order, _ = overdue(provider)
    Payment.objects.update(charge_id="ch_unknownToTheProvider00")

    assert sweeps.expire_unpaid() == 1


def test_a_lost_charge_is_looked_for_before_the_order_is_cancelled(provider):
    order = people.new_order()
    provider.sandbox.fault("drop", "charge.create", commit=True)
    people.try_to_pay(order, "wx")
    charge = provider.charges()[0]
    deadline = timezone.now().replace(microsecond=0) - 16 * MINUTES
    Order.objects.update(pay_deadline=deadline)
    provider.pay(charge["id"], time_paid=int(deadline.timestamp()) - 1)

    assert sweeps.expire_unpaid() == 0

    order.refresh_from_db()
    assert order.status == Status.PAID
    assert order.paid_with.charge_id == charge["id"]


def test_an_attempt_that_never_reached_the_provider_needs_no_question(provider, settings):
    settings.PINGPP_API_BASE = "http://127.0.0.1:9"
    order = people.new_order()
    people.try_to_pay(order, "wx")
    Order.objects.update(pay_deadline=timezone.now() - HOURS)

    assert sweeps.expire_unpaid() == 1

    assert Payment.objects.get().state == PaymentState.FAILED


def test_an_expired_charge_is_asked_about_too(provider):
    order, charge = overdue(provider)
    Payment.objects.update(state=PaymentState.EXPIRED)
    provider.pay(charge["id"], time_paid=int(order.pay_deadline.timestamp()))

    assert sweeps.expire_unpaid() == 0

    order.refresh_from_db()
    assert order.status == Status.PAID


def test_every_channel_of_the_order_is_asked_about(provider):
    order = people.new_order()
    people.charge_for(order, "alipay")
    wx = people.charge_for(order, "wx")
    deadline = timezone.now().replace(microsecond=0) - 16 * MINUTES
    Order.objects.update(pay_deadline=deadline)
    provider.pay(wx["id"], time_paid=int(deadline.timestamp()))

    assert sweeps.expire_unpaid() == 0

    order.refresh_from_db()
    assert (order.status, order.channel) == (Status.PAID, "wx")


def test_an_order_paid_while_the_provider_was_asked_is_not_cancelled(provider):
    order, charge = overdue(provider)

    def notice_arrives():
        failpoints.hooks.clear()
        provider.pay(charge["id"], time_paid=int(order.pay_deadline.timestamp()))
        provider.deliver_all()

    failpoints.hooks["sweep.inquired"] = notice_arrives

    assert sweeps.expire_unpaid() == 0

    order.refresh_from_db()
    assert order.status == Status.PAID
    assert not Refund.objects.exists()


def test_an_order_cancelled_while_the_provider_was_asked_is_cancelled_once(provider):
    order, _ = overdue(provider)

    def patient_cancels():
        failpoints.hooks.clear()
        orders.cancel_order(order=Order.objects.get(), role=Role.PATIENT)

    failpoints.hooks["sweep.inquired"] = patient_cancels

    assert sweeps.expire_unpaid() == 0

    assert order.events.count() == 1


def test_orders_that_are_paid_or_not_due_are_not_asked_about(provider):
    paid = people.new_order()
    people.pay_remotely(provider, paid)
    Order.objects.update(pay_deadline=timezone.now() - DAYS)
    fresh = people.new_order()
    people.charge_for(fresh)
    provider.sandbox.fault("status", times=1)

    assert sweeps.expire_unpaid() == 0

    assert len(provider.sandbox.faults.shown()) == 1
    assert Order.objects.get(pk=fresh.pk).status == Status.UNPAID


def test_an_expired_orders_balance_is_untouched():
    order = people.new_order(pay_deadline=timezone.now() - HOURS)
    top_up(order.patient.user, 1500)

    sweeps.expire_unpaid()

    assert books.wallet(order.patient.user) == 1500


def test_monthly_orders_expire_like_any_other():
    order = people.new_order(OrderType.MONTHLY, pay_deadline=timezone.now() - HOURS)

    assert sweeps.expire_unpaid() == 1

    order.refresh_from_db()
    assert order.status == Status.CANCELLED


def put_off(*orders):
    """These orders' deadlines passed long before all others'."""
    for order in orders:
        Order.objects.filter(pk=order.pk).update(pay_deadline=timezone.now() - DAYS)


def test_fifty_orders_that_cannot_be_asked_about_stop_no_other(provider):
    bad, good = [overdue(provider)[0] for _ in range(50)], overdue(provider)[0]
    put_off(*bad)
    provider.sandbox.fault("status", "charge.retrieve", times=50)

    assert sweeps.expire_unpaid() == 1

    good.refresh_from_db()
    assert good.status == Status.CANCELLED
    assert set(Order.objects.exclude(pk=good.pk).values_list("failures", flat=True)) == {1}


def test_three_hanging_charges_stop_no_other_order_for_longer_than_a_round(provider, settings):
    bad, good = [overdue(provider)[0] for _ in range(3)], overdue(provider)[0]
    put_off(*bad)
    settings.PINGPP_DEADLINE = 0.3
    provider.sandbox.fault("hang", "charge.retrieve", times=3)
    before = requests(provider)

    assert sweeps.expire_unpaid() == 0
    assert requests(provider) - before == 3
    settings.PINGPP_DEADLINE = 3.0
    assert sweeps.expire_unpaid() == 1

    good.refresh_from_db()
    assert good.status == Status.CANCELLED


def requests(provider):
    return provider.sandbox.state()["requests"].get("charge.retrieve", 0)


def test_one_order_takes_no_longer_at_the_provider_than_its_share(provider, settings):
    order = people.new_order()
    for _ in range(6):
        charge = people.charge_for(order)
        Payment.objects.filter(charge_id=charge["id"]).update(state=PaymentState.EXPIRED)
    put_off(order)
    settings.PINGPP_DEADLINE = 1.0
    provider.sandbox.fault("delay", "charge.retrieve", times=None, seconds=0.7)
    before = requests(provider)

    assert sweeps.expire_unpaid() == 0

    assert 3 <= requests(provider) - before <= 5 < order.payments.count()


class Killed(BaseException):
    """The process is gone at this point."""


def test_an_order_at_which_the_process_dies_does_not_come_first_again(provider):
    deadly, other = overdue(provider)[0], overdue(provider)[0]
    put_off(deadly)

    def die():
        raise Killed

    failpoints.hooks["sweep.inquired"] = die
    with pytest.raises(Killed):
        sweeps.expire_unpaid()
    failpoints.hooks.clear()

    assert sweeps.expire_unpaid() == 1
    other.refresh_from_db()
    assert other.status == Status.CANCELLED
