"""GET /qaorder/order/${position}/newone/"""

import pytest

from qaorder.models import Status
from tests.support.people import (
    client_for,
    make_doctor,
    make_patient,
    order_in,
    place_order,
)

pytestmark = pytest.mark.django_db


def newone(user, position, **query):
    return client_for(user).get(f"/qaorder/order/{position}/newone/", query)


def test_each_side_gets_the_newest_order_between_the_two():
    patient, doctor = make_patient(), make_doctor()
    place_order(patient, doctor)
    newest = order_in(Status.EVALUATED, patient, doctor)
    place_order(patient, make_doctor())
    place_order(make_patient(), doctor)

    for_patient = newone(patient.user, "patient", username=doctor.user.username)
    for_doctor = newone(doctor.user, "doctor", username=patient.user.username)

    assert for_patient.status_code == 200
    assert for_patient.json()["order_number"] == newest.order_number
    assert for_patient.content == for_doctor.content


@pytest.mark.parametrize("position", ["patient", "doctor"])
@pytest.mark.parametrize("query", [{}, {"username": ""}])
def test_a_username_is_required(position, query):
    order = order_in(Status.UNPAID)

    response = newone(getattr(order, position).user, position, **query)

    assert response.status_code == 400
    assert response.json() == {"username": ["该字段是必填项。"]}


@pytest.mark.parametrize(
    "username", ["nobody", "patient8", "doctor8", "doctor9", "patient9", "x y"]
)
def test_no_order_between_the_two_is_404_for_whatever_reason(username):
    make_patient("patient8")
    make_doctor("doctor8")
    order = place_order(make_patient("patient9"), make_doctor("doctor9"))

    # Each side names somebody else, nobody, or itself.
    answers = [
        newone(order.patient.user, "patient", username=username.replace("doctor9", "patient9")),
        newone(order.doctor.user, "doctor", username=username.replace("patient9", "doctor9")),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert {answer.content for answer in answers} == {b'{"detail":"Not found."}'}


@pytest.mark.parametrize("position", ["patient", "doctor"])
def test_without_the_profile_it_is_403_even_without_a_username(position):
    other = "doctor" if position == "patient" else "patient"
    order = order_in(Status.UNPAID)

    response = newone(getattr(order, other).user, position)

    assert response.status_code == 403
