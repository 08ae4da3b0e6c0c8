"""POST /qaorder/order/create/"""

import pytest

from accounts.models import Patient
from qaorder.models import Order, OrderType, Status
from tests.support.people import (
    client_for,
    make_doctor,
    make_patient,
    make_user,
    order_in,
    pay,
    place_order,
)

URL = "/qaorder/order/create/"
NO_SUCH_DOCTOR = {"doctor": ["该医生不存在或暂不接单。"]}
pytestmark = pytest.mark.django_db


def create(user, doctor="doctor1", order_type="online", **fields):
    body = {"doctor": doctor, "order_type": order_type} | fields
    return client_for(user).post(URL, body, format="json")


@pytest.mark.parametrize(
    ("order_type", "display", "amount"),
    [("online", "在线咨询", "19.00"), ("monthly", "包月服务", "99.05")],
)
def test_an_order_costs_the_doctors_price_for_its_type(order_type, display, amount):
    make_doctor("doctor1", online_price_fen=1900, monthly_price_fen=9905)

    response = create(make_patient().user, order_type=order_type)

    body = response.json()
    assert response.status_code == 201
    assert (body["amount"], body["order_type"]) == (amount, order_type)
    assert body["order_type_display"] == display
    assert (body["status"], body["status_display"]) == (0, "待支付")
    assert (body["channel"], body["channel_display"]) == ("alipay", "支付宝")
    assert (body["question"], body["answer"]) == (None, None)


def test_order_numbers_have_26_digits_and_end_in_the_patients_pk():
    make_doctor("doctor1")
    patient = make_patient()
    Patient.objects.filter(pk=patient.pk).update(id=120_007)
    user = Patient.objects.get(pk=120_007).user
    client = client_for(user)

    numbers = {
        client.post(URL, {"doctor": "doctor1", "order_type": "online"}).json()["order_number"]
        for _ in range(20)
    }

    assert len(numbers) == 20
    assert all(len(number) == 26 and number.isdigit() for number in numbers)
    assert {number[-4:] for number in numbers} == {"0007"}
    # No clock and no counter: the first half alone tells them apart.
    assert len({number[:11] for number in numbers}) == 20


def test_an_online_order_is_free_while_the_monthly_service_runs():
    patient, doctor = make_patient(), make_doctor("doctor1")
    pay(place_order(patient, doctor, OrderType.MONTHLY))

    free = create(patient.user)
    monthly = create(patient.user, order_type="monthly")
    with_another = create(patient.user, make_doctor("doctor2").user.username)

    assert free.json()["amount"] == "0.00"
    assert free.json()["status"] == 0
    assert monthly.json()["amount"] == "70.00"
    assert with_another.json()["amount"] == "15.00"


def test_an_unpaid_or_refunded_monthly_order_makes_nothing_free():
    patient, doctor = make_patient(), make_doctor("doctor1")
    place_order(patient, doctor, OrderType.MONTHLY)
    refunded = pay(place_order(patient, doctor, OrderType.MONTHLY))
    client_for(patient.user).put(f"/qaorder/order/refund/{refunded.order_number}/")

    response = create(patient.user)

    assert response.json()["amount"] == "15.00"


def test_a_price_of_zero_makes_an_order_of_zero():
    make_doctor("doctor1", online_price_fen=0)

    response = create(make_patient().user)

    assert response.json()["amount"] == "0.00"


@pytest.mark.parametrize(
    "doctor",
    ["nobody", "patient9", "unverified", "resting", "inactive", "staff", "DOCTOR1", "doctor1 x"],
)
def test_every_doctor_who_takes_no_orders_is_refused_in_the_same_words(doctor):
    make_doctor("doctor1")
    make_patient("patient9")
    make_doctor("unverified", is_verified=False)
    make_doctor("resting", is_accepting=False)
    make_doctor(user=make_user("inactive", is_active=False))
    make_user("staff", is_staff=True)

    response = create(make_patient().user, doctor)

    assert response.status_code == 400
    assert response.json() == NO_SUCH_DOCTOR
    assert not Order.objects.exists()


def test_nobody_orders_from_themselves():
    doctor = make_doctor("doctor1")
    Patient.objects.create(user=doctor.user)

    response = create(doctor.user, "doctor1")

    assert response.status_code == 400
    assert response.json() == NO_SUCH_DOCTOR
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"doctor", "order_type"}),
        ({"doctor": "doctor1"}, {"order_type"}),
        ({"order_type": "online"}, {"doctor"}),
        ({"doctor": "", "order_type": ""}, {"doctor", "order_type"}),
        ({"doctor": "doctor1", "order_type": "weekly"}, {"order_type"}),
        ({"doctor": "doctor1", "order_type": "Online"}, {"order_type"}),
        ({"doctor": "doctor1", "order_type": ["online"]}, {"order_type"}),
        ({"doctor": "doctor1", "order_type": {"_connector": "OR"}}, {"order_type"}),
        ({"doctor": {"pk": 1}, "order_type": "online"}, {"doctor"}),
        ({"doctor": "x" * 151, "order_type": "online"}, {"doctor"}),
    ],
)
def test_bad_fields_are_named(body, fields):
    make_doctor("doctor1")

    response = client_for(make_patient().user).post(URL, body, format="json")

    assert response.status_code == 400
    assert set(response.json()) == fields
    assert not Order.objects.exists()


def test_price_status_owner_number_and_time_are_not_the_clients_to_set():
    make_doctor("doctor1")
    patient, other = make_patient(), make_patient()

    response = create(
        patient.user,
        amount="0.01",
        amount_fen=1,
        status=1,
        patient=other.pk,
        order_number="1" * 26,
        channel="balance",
        create_time="1999-01-01T00:00:00.000000",
        created_at="1999-01-01",
    )

    order = Order.objects.get()
    assert response.json()["amount"] == "15.00"
    assert (order.status, order.channel, order.patient) == (Status.UNPAID, "alipay", patient)
    assert order.order_number != "1" * 26
    assert order.created_at.year > 1999


def test_a_patient_may_have_several_orders_with_one_doctor():
    patient, doctor = make_patient(), make_doctor("doctor1")
    order_in(Status.WAITING, patient, doctor)

    response = create(patient.user)

    assert response.status_code == 201
    assert Order.objects.count() == 2
