"""Placing, finishing, evaluating and hiding orders, below the API."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from accounts.models import Patient
from api import failpoints
from api.errors import CannotDestroy
from qaorder import orders
from qaorder.lifecycle import Role
from qaorder.models import Evaluation, Order, OrderType, Status
from tests.support import books, people
from tests.support.people import evaluate, make_doctor, make_patient, order_in, place_order

pytestmark = pytest.mark.django_db


def test_a_new_order_waits_for_money_for_three_days_at_the_price_of_the_moment():
    patient, doctor = make_patient(), make_doctor(online_price_fen=1234)

    order = place_order(patient, doctor)
    doctor.online_price_fen = 9999
    doctor.save()

    order.refresh_from_db()
    assert (order.status, order.amount_fen, order.channel) == (Status.UNPAID, 1234, "alipay")
    assert order.pay_deadline - order.created_at == timedelta(hours=72)
    assert (order.paid_at, order.covered_by) == (None, None)
    assert abs(order.created_at - timezone.now()) < timedelta(minutes=1)


@pytest.mark.parametrize("pk", [7, 10_000, 123_456])
def test_an_order_number_is_26_digits_that_end_in_the_patients_pk(pk):
    number = orders.new_order_number(Patient(pk=pk))

    assert len(number) == 26
    assert number.isdigit()
    assert number[0] != "0"
    assert number[-4:] == f"{pk % 10_000:04d}"


def test_order_numbers_do_not_repeat_and_tell_nothing_of_each_other():
    numbers = [orders.new_order_number(Patient(pk=1)) for _ in range(2000)]

    assert len(set(numbers)) == 2000
    assert sorted(numbers) != numbers
    for position in range(1, 22):
        assert {number[position] for number in numbers} == set("0123456789")


def test_a_doctor_who_cannot_be_ordered_from_is_refused_in_the_same_words():
    patient = make_patient("somebody")
    both = make_doctor(user=patient.user)
    inactive = make_doctor()
    inactive.user.is_active = False
    inactive.user.save()
    names = [
        "nobody",
        make_patient().user.username,
        make_doctor(is_verified=False).user.username,
        make_doctor(is_accepting=False).user.username,
        inactive.user.username,
        both.user.username,
    ]
    details = []
    for name in names:
        with pytest.raises(ValidationError) as caught:
            orders.place_order(patient=patient, doctor_username=name, order_type=OrderType.ONLINE)
        details.append(caught.value.detail)

    assert details == [{"doctor": [orders.NO_SUCH_DOCTOR]}] * 6
    assert not Order.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_consultation_whose_payout_breaks_is_not_finished():
    order = order_in_transaction(Status.ANSWERED)
    before = books.everything()

    def break_down():
        raise RuntimeError

    failpoints.hooks["finish.paid_out"] = break_down
    with pytest.raises(RuntimeError):
        orders.finish_order(order=order, role=Role.PATIENT)

    assert books.everything() == before


def order_in_transaction(status):
    with transaction.atomic():
        return order_in(status)


def test_the_database_refuses_a_second_evaluation_and_a_sixth_star():
    order = order_in(Status.EVALUATED)
    values = {"doctor": order.doctor, "evaluate_type": "online", "content": "x"}

    with pytest.raises(IntegrityError), transaction.atomic():
        Evaluation.objects.create(order=order, scores=5, **values)
    with pytest.raises(IntegrityError), transaction.atomic():
        Evaluation.objects.create(order=order_in(Status.FINISHED), scores=6, **values)

    assert Evaluation.objects.count() == 1


def test_an_evaluation_names_the_doctor_and_the_kind_of_order():
    order = order_in(Status.FINISHED, order_type=OrderType.MONTHLY)

    evaluation = evaluate(order, 4, "很好")

    assert (evaluation.doctor, evaluation.evaluate_type) == (order.doctor, "monthly")
    assert (evaluation.scores, evaluation.content) == (4, "很好")


def test_the_database_refuses_a_served_order_without_its_money():
    order = people.new_order()

    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(status=Status.PAID)
    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(status=7)


@pytest.mark.parametrize("status", [Status.FINISHED, Status.EVALUATED, Status.CANCELLED])
@pytest.mark.parametrize("role", [Role.PATIENT, Role.DOCTOR])
def test_hiding_changes_one_sides_view_and_nothing_else(status, role):
    order = order_in(status)
    before = books.order_row(order)
    mine, other = (order.patient.user, order.doctor.user)[:: 1 if role is Role.PATIENT else -1]

    orders.destroy_order(order=order, role=role, actor=mine)

    after = books.order_row(order)
    changed = {key for key in after["row"] if after["row"][key] != before["row"][key]}
    assert changed == {f"{role}_hidden_at"}
    assert after["events"] == before["events"]
    assert not Order.objects.visible_to(mine).exists()
    assert Order.objects.visible_to(other).get() == order


def test_hiding_an_unpaid_order_cancels_it():
    order = people.new_order()

    orders.destroy_order(order=order, role=Role.PATIENT, actor=order.patient.user)

    order.refresh_from_db()
    assert order.status == Status.CANCELLED
    assert order.events.get().role == Role.PATIENT


def test_a_doctor_cannot_hide_what_the_patient_may_still_pay():
    order = people.new_order()
    before = books.everything()

    with pytest.raises(CannotDestroy):
        orders.destroy_order(order=order, role=Role.DOCTOR, actor=order.doctor.user)

    assert books.everything() == before


def test_an_order_that_was_paid_a_moment_ago_is_not_hidden_by_a_stale_view_of_it():
    stale = people.new_order()
    Order.objects.filter(pk=stale.pk).update(status=Status.CANCELLED)
    assert stale.status == Status.UNPAID

    orders.destroy_order(order=stale, role=Role.DOCTOR, actor=stale.doctor.user)

    stale.refresh_from_db()
    assert stale.doctor_hidden_at is not None
