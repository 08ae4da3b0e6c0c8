"""GET /qaorder/patient/inquiry/record/${pk}/"""

import pytest

from qaorder.models import Status
from tests.support.people import (
    client_for,
    make_doctor,
    make_patient,
    order_in,
    place_order,
)

GONE = b'{"detail":"Not found."}'
pytestmark = pytest.mark.django_db


def record(doctor, pk, **query):
    return client_for(doctor.user).get(f"/qaorder/patient/inquiry/record/{pk}/", query)


def test_the_doctor_sees_all_orders_with_the_patient_newest_first_in_any_status():
    patient, doctor = make_patient(), make_doctor()
    made = [order_in(status, patient, doctor).order_number for status in Status]
    place_order(patient, make_doctor())
    place_order(make_patient(), doctor)

    response = record(doctor, patient.pk)

    rows = response.json()["results"]
    assert response.status_code == 200
    assert [row["order_number"] for row in rows] == made[::-1]
    assert {tuple(row) for row in rows} == {("pk", "order_number", "create_time")}


def test_the_pk_is_the_patients_and_not_the_users():
    patient = make_patient(id=987_000_001)
    doctor = make_doctor()
    place_order(patient, doctor)

    by_patient, by_user = record(doctor, patient.pk), record(doctor, patient.user_id)

    assert by_patient.json()["count"] == 1
    assert by_user.content == GONE


def test_no_order_between_them_and_no_such_patient_are_the_same_404():
    patient, doctor = make_patient(), make_doctor()
    place_order(patient, make_doctor())

    answers = [record(doctor, pk) for pk in (patient.pk, 987654321, 0)]

    assert {answer.status_code for answer in answers} == {404}
    assert {answer.content for answer in answers} == {GONE}


def test_orders_that_either_side_deleted_stay_in_it():
    order = order_in(Status.CANCELLED)
    for user in (order.patient.user, order.doctor.user):
        client_for(user).delete(f"/qaorder/order/destroy/{order.order_number}/")

    response = record(order.doctor, order.patient.pk)

    assert response.json()["count"] == 1


def test_it_comes_in_pages():
    patient, doctor = make_patient(), make_doctor()
    made = [place_order(patient, doctor).order_number for _ in range(3)]

    second = record(doctor, patient.pk, page=2, page_size=2)
    third = record(doctor, patient.pk, page=3, page_size=2)

    assert [row["order_number"] for row in second.json()["results"]] == made[:1]
    assert second.json()["previous"].endswith("?page_size=2")
    assert third.content == GONE
