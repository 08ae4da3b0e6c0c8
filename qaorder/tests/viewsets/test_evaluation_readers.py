"""Who is shown the writer of an evaluation, and which evaluations make a doctor's figures."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Doctor, User
from qaorder.models import Evaluation, Order, OrderType, Status
from tests.support import people
from tests.support.people import client_for, make_doctor, make_patient, order_in
from tests.support.world import KNOWN, Cast

pytestmark = pytest.mark.django_db

MASKED = {"owner": "o***", "invitation_code": "", "name": "张**", "avatar": ""}


def evaluated(patient, doctor, scores, amount_fen=1500):
    """An evaluated order of this price."""
    order = order_in(Status.EVALUATED, patient, doctor)
    Order.objects.filter(pk=order.pk).update(amount_fen=amount_fen)
    Evaluation.objects.filter(order=order).update(scores=scores)
    return order.evaluation


def shown(client, doctor):
    return client.get(f"/qaorder/user/{doctor.user.username}/").json()["results"]


@pytest.mark.parametrize("role", KNOWN)
def test_who_wrote_is_for_the_doctor_and_the_writer_alone(role):
    world = Cast(Status.EVALUATED)
    User.objects.filter(pk=world.patient.user_id).update(
        name="张三丰", avatar="http://a.cn/1.jpg", invitation_code="SECRET22"
    )

    (row,) = shown(world.client(role), world.doctor)

    full = {
        "owner": "owner1",
        "invitation_code": "SECRET22",
        "name": "张三丰",
        "avatar": "http://a.cn/1.jpg",
    }
    assert list(row["patient"].items()) == list(
        (full if role in ("patient", "doctor") else MASKED).items()
    )
    assert row["doctor"]["owner"] == "doctor1"


def test_a_writer_without_a_name_is_shown_without_one():
    world = Cast(Status.EVALUATED)

    (row,) = shown(world.client("other_patient"), world.doctor)

    assert row["patient"] == MASKED | {"name": ""}


def test_a_writer_sees_own_ones_and_the_others_masked():
    doctor, mine, other = make_doctor(), make_patient("mine"), make_patient("other")
    evaluated(mine, doctor, 5)
    evaluated(other, doctor, 4)

    rows = shown(client_for(mine.user), doctor)

    assert [row["patient"]["owner"] for row in rows] == ["mine", "o***"]


def test_evaluating_answers_the_writer_with_everything():
    order = order_in(Status.FINISHED)

    body = (
        client_for(order.patient.user)
        .put(f"/qaorder/order/evaluate/{order.order_number}/", {"scores": 5, "content": "好评"})
        .json()
    )

    assert body["patient"]["owner"] == order.patient.user.username


def figures(doctor):
    client = client_for(make_patient().user)
    row = client.get(f"/accounts/doctors/{doctor.user.username}/").json()
    (listed,) = client.get("/accounts/doctors/").json()["results"]
    assert row == listed
    return row["scores_average"], row["evaluation_count"]


def test_of_each_patient_the_newest_evaluation_counts():
    doctor, patient = make_doctor(), make_patient()
    for minutes, scores in ((3, 1), (9, 4), (6, 2)):
        evaluation = evaluated(patient, doctor, scores)
        at = timezone.now() + timedelta(minutes=minutes)
        Evaluation.objects.filter(pk=evaluation.pk).update(created_at=at)
    evaluated(make_patient(), doctor, 5)

    assert figures(doctor) == (4.5, 2)
    assert len(shown(client_for(patient.user), doctor)) == 4


def test_of_two_at_the_same_moment_the_later_row_counts():
    doctor, patient = make_doctor(), make_patient()
    evaluated(patient, doctor, 1)
    evaluated(patient, doctor, 5)
    Evaluation.objects.update(created_at=timezone.now())

    assert figures(doctor) == (5.0, 1)


@pytest.mark.parametrize(("amount_fen", "count"), [(0, 0), (99, 0), (100, 1), (1500, 1)])
def test_what_cost_less_than_one_yuan_counts_nowhere(amount_fen, count):
    doctor, patient = make_doctor(), make_patient()
    evaluated(patient, doctor, 5, amount_fen)

    assert figures(doctor) == (5.0 if count else None, count)
    assert len(shown(client_for(patient.user), doctor)) == 1


def test_the_least_price_is_a_setting(settings):
    settings.EVALUATION_MIN_FEN = 2000
    doctor = make_doctor()
    evaluated(make_patient(), doctor, 5, 1999)
    evaluated(make_patient(), doctor, 3, 2000)

    assert figures(doctor) == (3.0, 1)


def test_a_cheap_evaluation_does_not_hide_the_paid_one_before_it():
    doctor, patient = make_doctor(), make_patient()
    evaluated(patient, doctor, 2)
    evaluated(patient, doctor, 5, 0)

    assert figures(doctor) == (2.0, 1)


@pytest.mark.parametrize(("monthly_fen", "count"), [(7000, 1), (99, 0), (0, 0)])
def test_a_free_order_counts_by_the_price_of_its_period(monthly_fen, count):
    doctor = make_doctor(monthly_price_fen=monthly_fen)
    patient = make_patient()
    people.pay(people.place_order(patient, doctor, OrderType.MONTHLY))
    order = order_in(Status.EVALUATED, patient, doctor)

    assert order.amount_fen == 0
    assert order.covered_by is not None
    assert figures(doctor) == (5.0 if count else None, count)


def test_one_doctors_figures_are_not_anothers():
    doctor, other, patient = make_doctor(), make_doctor(), make_patient()
    evaluated(patient, doctor, 4)
    evaluated(patient, other, 1)
    Doctor.objects.filter(pk=other.pk).update(is_verified=False)

    assert figures(doctor) == (4.0, 1)
