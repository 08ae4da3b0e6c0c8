"""Monthly service: its periods, what is free in them, what a refund leaves, how they end."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from api import failpoints
from api.errors import CannotAsk, CannotPay, CannotRefund
from jobs import orders as sweeps
from payments import refunds
from qaorder import orders
from qaorder.lifecycle import Role
from qaorder.models import Order, OrderType, Period, Status
from qaorder.periods import running_period
from tests.support import books, people
from tests.support.people import (
    age,
    ask,
    make_doctor,
    make_patient,
    order_in,
    pay,
    place_order,
    refund,
)

DAY = timedelta(days=1)
MONTH = 30 * DAY
MICROSECOND = timedelta(microseconds=1)

pytestmark = pytest.mark.django_db


def monthly(patient, doctor):
    return pay(place_order(patient, doctor, OrderType.MONTHLY))


@pytest.fixture
def pair():
    return make_patient(), make_doctor()


def test_a_paid_monthly_order_starts_thirty_days_now(pair):
    before = timezone.now()

    order = monthly(*pair)

    period = order.period
    assert before <= period.start_at <= timezone.now()
    assert period.end_at - period.start_at == MONTH
    assert (period.patient, period.doctor) == pair
    assert order.status == Status.PAID


def test_an_unpaid_monthly_order_starts_nothing(pair):
    place_order(*pair, OrderType.MONTHLY)

    assert not Period.objects.exists()


def test_further_periods_begin_where_the_last_one_ends(pair):
    first, second, third = (monthly(*pair).period for _ in range(3))

    assert second.start_at == first.end_at
    assert third.start_at == second.end_at
    assert third.end_at - first.start_at == 3 * MONTH


@pytest.mark.parametrize(("after", "gap"), [(-MICROSECOND, False), (0 * DAY, True), (DAY, True)])
def test_an_extension_must_come_before_the_end(pair, after, gap):
    first = monthly(*pair).period

    with time_machine.travel(first.end_at + after, tick=False):
        second = monthly(*pair).period

    assert second.start_at == (first.end_at + after if gap else first.end_at)


def test_periods_with_other_doctors_and_of_other_patients_do_not_count(pair):
    patient, doctor = pair
    monthly(patient, doctor)

    for other in (monthly(patient, make_doctor()), monthly(make_patient(), doctor)):
        assert abs(other.period.start_at - timezone.now()) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("moment", "fen"),
    [
        (lambda period: period.start_at - MICROSECOND, 1500),
        (lambda period: period.start_at, 0),
        (lambda period: period.end_at - MICROSECOND, 0),
        (lambda period: period.end_at, 1500),
    ],
    ids=["before", "at the start", "at the last moment", "at the end"],
)
def test_an_online_order_is_free_from_the_start_up_to_but_not_at_the_end(pair, moment, fen):
    period = monthly(*pair).period

    with time_machine.travel(moment(period), tick=False):
        order = place_order(*pair)

    assert order.amount_fen == fen
    assert order.covered_by == (None if fen else period)


def test_a_free_order_is_paid_through_any_channel_and_stays_free_after_the_end(pair):
    period = monthly(*pair).period
    with time_machine.travel(period.end_at - MICROSECOND, tick=False):
        order = place_order(*pair)

    with time_machine.travel(period.end_at + DAY):
        answer = people.try_to_pay(order, "wx")

    assert answer.json() == {"status": 0, "message": "", "charge": None}
    order.refresh_from_db()
    assert (order.status, order.covered_by) == (Status.PAID, period)


def test_only_online_orders_with_that_doctor_are_free(pair):
    patient, doctor = pair
    monthly(patient, doctor)

    amounts = [
        place_order(patient, doctor).amount_fen,
        place_order(patient, doctor, OrderType.MONTHLY).amount_fen,
        place_order(patient, make_doctor()).amount_fen,
        place_order(make_patient(), doctor).amount_fen,
    ]

    assert amounts == [0, 7000, 1500, 1500]


def test_an_online_order_made_before_the_service_keeps_its_price(pair):
    order = place_order(*pair)

    monthly(*pair)

    order.refresh_from_db()
    assert (order.amount_fen, order.covered_by) == (1500, None)


def test_an_unused_monthly_order_is_refunded_and_its_period_ends_at_once(pair):
    order = monthly(*pair)

    refund(order)

    period = Period.objects.get()
    assert period.refunded_at == period.end_at
    assert abs(period.end_at - timezone.now()) < timedelta(minutes=1)
    assert running_period(*pair) is None
    assert place_order(*pair).amount_fen == 1500
    assert books.wallet(pair[0].user) == 7000


def test_after_a_refund_later_periods_move_up_so_that_no_gap_is_left(pair):
    first, second, third = (monthly(*pair) for _ in range(3))
    length = third.period.end_at - third.period.start_at

    refund(first)

    for order in (first, second, third):
        order.period.refresh_from_db()
    assert second.period.start_at == first.period.end_at
    assert third.period.start_at == second.period.end_at
    assert third.period.end_at - third.period.start_at == length
    assert running_period(*pair) == second.period


def test_the_refund_of_a_later_period_moves_up_only_those_behind_it(pair):
    first, second, third = (monthly(*pair) for _ in range(3))
    start = second.period.start_at

    refund(second)

    for order in (first, second, third):
        order.period.refresh_from_db()
    assert second.period.end_at == second.period.start_at == first.period.end_at
    assert third.period.start_at == start
    assert running_period(*pair) == first.period


def test_a_refund_moves_no_period_with_another_doctor(pair):
    order, other = monthly(*pair), monthly(pair[0], make_doctor())
    before = Period.objects.filter(pk=other.period.pk).values().get()

    refund(order)

    assert Period.objects.filter(pk=other.period.pk).values().get() == before


def test_a_refund_cancels_the_free_orders_of_its_period_that_were_not_opened(pair):
    order = monthly(*pair)
    free = place_order(*pair)

    refund(order)

    free.refresh_from_db()
    assert free.status == Status.CANCELLED
    assert (free.events.get().event, free.events.get().role) == ("cancel", "clock")
    with pytest.raises(CannotPay), transaction.atomic():
        pay(free)


def test_a_free_order_of_a_refunded_period_is_not_opened_even_if_it_was_left_unpaid(pair):
    order = monthly(*pair)
    free = place_order(*pair)
    refund(order)
    Order.objects.filter(pk=free.pk).update(status=Status.UNPAID)

    with pytest.raises(CannotPay), transaction.atomic():
        pay(free)

    free.refresh_from_db()
    assert free.paid_at is None


def test_after_a_refund_the_next_purchase_follows_the_last_period_that_is_left(pair):
    first, second = monthly(*pair), monthly(*pair)
    refund(first)

    third = monthly(*pair)

    assert third.period.start_at == second.period.end_at


def used_by_its_own_question(order):
    ask(order)


def used_by_a_free_order(order):
    pay(place_order(order.patient, order.doctor))


def used_by_a_free_order_that_was_refunded(order):
    refund(pay(place_order(order.patient, order.doctor)))


USES = [
    used_by_its_own_question,
    used_by_a_free_order,
    used_by_a_free_order_that_was_refunded,
]


def test_a_free_order_that_was_never_opened_does_not_use_its_period(pair):
    order = monthly(*pair)
    orders.cancel_order(order=place_order(*pair), role=Role.PATIENT)

    refund(order)

    assert running_period(*pair) is None


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("role", [Role.PATIENT, Role.CLOCK])
def test_a_used_service_is_not_refunded_to_the_patient(pair, use, role):
    order = monthly(*pair)
    use(order)
    before = books.everything()

    with pytest.raises(CannotRefund):
        refunds.refund_order(order=Order.objects.get(pk=order.pk), role=role)

    assert books.everything() == before


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("role", [Role.DOCTOR, Role.STAFF])
def test_the_doctor_and_staff_may_refund_a_used_one(pair, use, role):
    order = monthly(*pair)
    use(order)

    refunds.refund_order(order=Order.objects.get(pk=order.pk), role=role)

    order.refresh_from_db()
    assert order.status == Status.CANCELLED
    assert running_period(*pair) is None
    assert books.wallet(pair[0].user) == 7000


def test_an_order_free_by_another_period_does_not_use_this_one(pair):
    first, second = monthly(*pair), monthly(*pair)
    pay(place_order(*pair))

    with pytest.raises(CannotRefund):
        refund(first)
    refund(second)

    second.refresh_from_db()
    assert second.status == Status.CANCELLED


def test_a_free_order_can_be_refunded_which_moves_no_money(pair):
    monthly(*pair)
    order = pay(place_order(*pair))
    before = books.balances()

    row = refund(order)

    assert (row.amount_fen, row.get_status_display()) == (0, "已退款")
    assert books.balances() == before


@pytest.mark.parametrize(("after", "status"), [(-1, Status.PAID), (0, Status.FINISHED)])
def test_an_unasked_monthly_order_ends_with_its_period_and_the_doctor_is_paid(pair, after, status):
    order = monthly(*pair)

    with time_machine.travel(order.period.end_at + timedelta(seconds=after), tick=False):
        moved = sweeps.lapse_monthly()

    order.refresh_from_db()
    assert moved == (status == Status.FINISHED)
    assert order.status == status
    assert books.balances().get(f"earnings:{pair[1].user.pk}", 0) == (7000 if moved else 0)
    if moved:
        event = order.events.last()
        assert (event.event, event.role, event.actor) == ("lapse", "clock", None)
        assert sweeps.lapse_monthly() == 0


def test_a_monthly_order_with_a_question_of_its_own_is_answered_like_any_other(pair):
    order = order_in(Status.FINISHED, *pair, OrderType.MONTHLY)

    with time_machine.travel(order.period.end_at + DAY):
        assert sweeps.lapse_monthly() == 0

    assert books.balances()[f"earnings:{pair[1].user.pk}"] == 7000


@pytest.mark.parametrize("status", [Status.PAID, Status.WAITING])
def test_a_monthly_order_is_never_refunded_by_the_clock(pair, status):
    order = age(order_in(status, *pair, OrderType.MONTHLY), status_at=20 * DAY)
    before = books.everything()

    assert sweeps.refund_unasked() == sweeps.refund_unanswered() == 0

    assert books.everything() == before
    assert order.status == status


def test_a_lapsed_order_can_be_evaluated_and_no_more_asked(pair):
    order = monthly(*pair)
    with time_machine.travel(order.period.end_at):
        sweeps.lapse_monthly()
    order.refresh_from_db()

    assert order.status == Status.FINISHED
    with pytest.raises(CannotAsk), transaction.atomic():
        ask(order)


def test_the_database_refuses_a_period_that_ends_before_it_starts(pair):
    period = monthly(*pair).period

    with pytest.raises(IntegrityError), transaction.atomic():
        Period.objects.filter(pk=period.pk).update(end_at=period.start_at - DAY)


@pytest.mark.django_db(transaction=True)
def test_a_free_order_waits_for_a_refund_that_is_under_way():
    pair = make_patient(), make_doctor()
    order = monthly(*pair)
    placed = []

    def place():
        try:
            placed.append(place_order(*pair).amount_fen)
        finally:
            connection.close()

    other = threading.Thread(target=place)

    def meanwhile():
        failpoints.hooks.clear()
        other.start()
        other.join(1)

    failpoints.hooks["refund.row_written"] = meanwhile
    refund(order)
    other.join(10)

    assert placed == [1500]
    books.assert_whole()
