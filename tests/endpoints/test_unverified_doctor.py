"""What a doctor may do who is not verified (any more): every endpoint open to doctors."""

import pytest
from django.db import transaction
from rest_framework.exceptions import PermissionDenied

from accounts.models import Doctor
from api import failpoints
from qaorder import answering
from qaorder.models import Answer, DiagnosisTag, Order, Question, Status
from tests.endpoints.access_matrix import ROWS
from tests.support import people
from tests.support.books import picture
from tests.support.people import client_for
from tests.support.world import Cast

VERIFIED_ONLY = {
    "POST /qaorder/answer/create/",
    "POST /qaorder/diagnosis_tag/create/",
    "PUT /qaorder/diagnosis_tag/{tag}/",
    "DELETE /qaorder/diagnosis_tag/{tag}/",
    "POST /qaorder/drug/create/",
    "PUT /qaorder/drug/{drug}/",
    "DELETE /qaorder/drug/{drug}/",
}
OTHERWISE = {
    # The catalogue shows verified doctors alone, to everybody.
    "GET /qaorder/user/{doctor}/": 404,
    "GET /accounts/doctors/{doctor}/": 404,
    # And who is not verified may apply.
    "POST /accounts/doctors/apply/": 201,
}
ALIKE = {
    "GET /qaorder/order/detail/{order}/",
    "GET /qaorder/order/destroy/{order}/",
    "DELETE /qaorder/order/destroy/{order}/",
    "GET /qaorder/order/doctor/list/",
    "GET /qaorder/order/doctor/list/qa/",
    "GET /qaorder/order/doctor/newone/?username={owner}",
    "PUT /qaorder/order/cancel/{order}/",
    "GET /qaorder/order/cancel/{order}/",
    "PUT /qaorder/order/finish/{order}/",
    "GET /qaorder/order/finish/{order}/",
    "GET /qaorder/order/filter/?status=0",
    "GET /qaorder/order/refund/{order}/",
    "PUT /qaorder/order/refuse/{order}/",
    "GET /qaorder/patient/inquiry/record/{patient_pk}/",
    "GET /qaorder/diagnosis_tag/list/",
    "GET /qaorder/drug/list/",
    "POST /accounts/logout/",
    "POST /accounts/logoutall/",
    "POST /accounts/password/",
    "GET /accounts/sessions/",
    "GET /accounts/me/",
    "PATCH /accounts/me/",
    "GET /accounts/doctors/",
    "GET /accounts/balance/",
    "GET /accounts/balance/entries/",
}
"""What an unverified doctor does as a verified one does: reads, refuses, finishes, own account."""

DOCTOR = 2
OPEN_TO_DOCTORS = {
    row.name: row for row in ROWS if not row.is_open and int(row.known.split()[DOCTOR]) < 300
}
CANNOT = {"detail": "仅已认证的医生可以执行此操作"}
pytestmark = pytest.mark.django_db


def test_every_endpoint_open_to_doctors_is_classified():
    known = VERIFIED_ONLY | ALIKE | (OTHERWISE.keys() & OPEN_TO_DOCTORS.keys())

    assert known == set(OPEN_TO_DOCTORS)


def answer_of(row, is_verified):
    with transaction.atomic():
        world = Cast(row.status, is_refunded=row.is_refunded)
        Doctor.objects.filter(pk=world.doctor.pk).update(is_verified=is_verified)
        before = picture()
        response = world.send(row, "doctor")
        changed = {name for name, rows in picture().items() if rows != before[name]}
        transaction.set_rollback(True)
    return response, changed - {"knox.AuthToken"}


@pytest.mark.parametrize("name", sorted(VERIFIED_ONLY))
def test_what_is_done_to_patients_and_lists_is_for_the_verified(name):
    row = OPEN_TO_DOCTORS[name]

    allowed, done = answer_of(row, is_verified=True)
    refused, changed = answer_of(row, is_verified=False)

    assert allowed.status_code < 300
    assert done
    assert (refused.status_code, refused.json()) == (403, CANNOT)
    assert not changed


@pytest.mark.parametrize("name", sorted(ALIKE | OTHERWISE.keys()))
def test_the_rest_stays_as_it_was(name):
    row = next(row for row in ROWS if row.name == name)

    response, _ = answer_of(row, is_verified=False)

    expected = OTHERWISE.get(name, int(row.known.split()[DOCTOR]))
    assert response.status_code == expected


@pytest.fixture
def withdraw():
    def now(order):
        Doctor.objects.filter(pk=order.doctor_id).update(is_verified=False)
        return client_for(order.patient.user), picture()

    return now


def test_nothing_is_asked_of_a_doctor_who_is_not_verified(withdraw):
    order = people.order_in(Status.PAID)
    client, before = withdraw(order)
    body = {"order": order.order_number, "condition_description": "咳嗽三周"}

    response = client.post("/qaorder/question/create/", body)

    assert response.status_code == 400
    assert response.content.decode() == '{"status":-7,"message":"不能提交问题"}'
    assert picture() == before
    assert not Question.objects.exists()


@pytest.mark.parametrize("channel", ["balance", "wx", "alipay"])
def test_nothing_is_paid_to_a_doctor_who_is_not_verified(withdraw, provider, channel):
    patient = people.make_patient(balance_fen=5000)
    order = people.place_order(patient, people.make_doctor())
    client, before = withdraw(order)

    response = client.patch(f"/qaorder/order/pay/{order.order_number}/", {"channel": channel})

    assert response.status_code == 400
    assert response.content.decode() == '{"status":-2,"message":"不能支付订单"}'
    assert picture() == before


def test_a_free_order_of_a_withdrawn_doctor_is_not_opened(withdraw):
    doctor = people.make_doctor(online_price_fen=0)
    order = people.place_order(people.make_patient(), doctor)
    client, before = withdraw(order)

    response = client.patch(f"/qaorder/order/pay/{order.order_number}/", {"channel": "wx"})

    assert response.json()["status"] == -2
    assert picture() == before


def test_a_charge_is_not_handed_out_if_the_doctor_was_withdrawn_while_it_was_made(provider):
    order = people.place_order(people.make_patient(), people.make_doctor())
    client = client_for(order.patient.user)
    failpoints.hooks["pay.charge_created"] = lambda: Doctor.objects.update(is_verified=False)

    response = client.patch(f"/qaorder/order/pay/{order.order_number}/", {"channel": "wx"})

    assert response.json() == {"status": -2, "message": "不能支付订单"}
    assert order.payments.get().charge_id


def test_what_was_paid_before_can_be_refused_and_refunded(withdraw):
    refused, refunded = (people.order_in(Status.WAITING) for _ in range(2))
    withdraw(refused)
    withdraw(refunded)

    by_doctor = client_for(refused.doctor.user).put(
        f"/qaorder/order/refuse/{refused.order_number}/", {"reason": "认证已撤销"}
    )
    by_patient = client_for(refunded.patient.user).put(
        f"/qaorder/order/refund/{refunded.order_number}/"
    )

    assert (by_doctor.status_code, by_patient.status_code) == (200, 200)
    assert set(Order.objects.values_list("status", flat=True)) == {Status.CANCELLED}


def test_the_services_look_again_whoever_the_request_began_as():
    order = people.order_in(Status.WAITING)
    stale = order.doctor
    Doctor.objects.update(is_verified=False)

    with pytest.raises(PermissionDenied), transaction.atomic():
        answering.answer_question(
            question=order.question,
            actor=stale.user,
            diagnosis_tags=[],
            drugs=[],
            diagnosis_result="支气管炎",
        )

    order.refresh_from_db()
    assert order.status == Status.WAITING
    assert not Answer.objects.exists()
    assert not DiagnosisTag.objects.exists()
