"""The published document's JSON answers, reproduced from rows like the sample's."""

import json
import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from accounts.models import Doctor, Patient
from api.schema_examples import sample
from payments.models import Payment, PaymentState
from qaorder.models import Answer, Evaluation, Order, OrderType, Question, Status
from tests.support.people import client_for, make_doctor, make_patient

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOT_REPRODUCIBLE = ("pk", "order_number", "create_time")
"""What the service draws itself when it makes the row."""


def as_sent(body: Any) -> str:
    """The JSON text as the service writes it: compact, Chinese unescaped, keys in their order."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def shape(value: Any) -> Any:
    """Keys in their order and JSON types, without the values."""
    if isinstance(value, dict):
        return [(key, shape(item)) for key, item in value.items()]
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value).__name__


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def sample_patient(row: dict[str, Any], **fields: Any) -> Patient:
    person = row.get("patient", row)
    return make_patient(
        person["owner"],
        name=person["name"],
        avatar=person["avatar"],
        invitation_code=person["invitation_code"],
        **fields,
    )


def sample_doctor(person: dict[str, Any], **fields: Any) -> Doctor:
    doctor = make_doctor(person["owner"], **fields)
    doctor.user.name = person["name"]
    doctor.user.avatar = person["avatar"]
    doctor.user.invitation_code = person["invitation_code"]
    doctor.user.save()
    return doctor


def sample_order(row: dict[str, Any], patient: Patient, doctor: Doctor, **changes: Any) -> Order:
    """The order of a sample row; its status is written straight in, whatever else is missing."""
    created_at = at(row["create_time"])
    order = Order.objects.create(
        pk=row["pk"],
        order_number=row["order_number"],
        patient=patient,
        doctor=doctor,
        order_type=row.get("order_type", OrderType.ONLINE),
        amount_fen=int(row.get("amount", "15.00").replace(".", "")),
        created_at=created_at,
        pay_deadline=created_at,
    )
    status = changes.pop("status", row.get("status", Status.UNPAID))
    if status not in (Status.UNPAID, Status.CANCELLED):
        changes["paid_at"] = created_at
        Payment.objects.create(
            order=order,
            opened_order=order,
            payer=patient.user,
            channel="alipay",
            order_no=order.order_number,
            amount_fen=order.amount_fen,
            state=PaymentState.PAID,
            paid_at=created_at,
        )
    Order.objects.filter(pk=order.pk).update(status=status, **changes)
    order.refresh_from_db()
    return order


def answered_sample(row: dict[str, Any], status: Status) -> Order:
    order = sample_order(row, sample_patient(row), sample_doctor(row["doctor"]), status=status)
    asked, answered = row["question"], row["answer"]
    question = Question.objects.create(
        pk=asked["pk"],
        order=order,
        allergy_history=asked["allergy_history"],
        smoke_history=asked["smoke_history"],
        condition_description=asked["condition_description"],
        desc_files=asked["desc_files"],
        created_at=at(asked["create_time"]),
    )
    Answer.objects.create(
        pk=answered["pk"],
        question=question,
        diagnosis_tags=json.dumps(answered["diagnosis_tag"]),
        drugs=json.dumps(answered["drug"]),
        diagnosis_result=answered["diagnosis_result"],
        extra_suggestion=answered["extra_suggestion"],
        created_at=at(answered["create_time"]),
    )
    return order


def with_values_of(body: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    return {key: expected[key] if key in NOT_REPRODUCIBLE else value for key, value in body.items()}


@pytest.mark.django_db
def test_create_answers_as_the_document_shows():
    expected = sample("create")
    patient = sample_patient(expected)
    sample_doctor(expected["doctor"], online_price_fen=1900)

    response = client_for(patient.user).post(
        "/qaorder/order/create/", {"doctor": "doctor2", "order_type": "online"}
    )

    body = response.json()
    assert response.status_code == 201
    assert as_sent(with_values_of(body, expected)) == as_sent(expected)
    assert shape(body) == shape(expected)
    assert re.fullmatch(r"\d{26}", body["order_number"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", body["create_time"])


@pytest.mark.django_db
def test_detail_answers_as_the_document_shows():
    expected = sample("detail")
    order = answered_sample(expected, Status.FINISHED)

    response = client_for(order.patient.user).get(f"/qaorder/order/detail/{order.order_number}/")

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.content.decode() == as_sent(expected)


@pytest.mark.django_db
def test_destroy_answers_204_without_a_body():
    order = answered_sample(sample("detail"), Status.FINISHED)

    response = client_for(order.patient.user).get(f"/qaorder/order/destroy/{order.order_number}/")

    assert response.status_code == 204
    assert response.content == b""


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "position", "url"),
    [
        ("list", "patient", "/qaorder/order/patient/list/?status=1"),
        ("list", "doctor", "/qaorder/order/doctor/list/?status=1"),
        ("list_qa", "patient", "/qaorder/order/patient/list/qa/"),
        ("list_qa", "doctor", "/qaorder/order/doctor/list/qa/"),
        ("filter", "patient", "/qaorder/order/filter/?status=0"),
    ],
)
def test_lists_answer_as_the_document_shows(name, position, url):
    expected = sample(name)
    patient = sample_patient(expected["results"][0])
    doctors = {}
    for row in expected["results"]:
        owner = row["doctor"]["owner"]
        if owner not in doctors:
            doctors[owner] = sample_doctor(row["doctor"])
        sample_order(row, patient, doctors[owner])
    caller = patient if position == "patient" else doctors["doctor2"]

    response = client_for(caller.user).get(url)

    assert response.content.decode() == as_sent(expected)


@pytest.mark.django_db
def test_newone_answers_as_the_document_shows():
    expected = sample("newone")
    patient, doctor = sample_patient(expected), sample_doctor(expected["doctor"])
    sample_order(expected, patient, doctor)

    response = client_for(patient.user).get("/qaorder/order/patient/newone/?username=doctor2")

    assert response.content.decode() == as_sent(expected)


@pytest.mark.django_db
def test_cancel_answers_as_the_document_shows():
    expected = sample("cancel")
    patient, doctor = sample_patient(expected), sample_doctor(expected["doctor"])
    order = sample_order(expected, patient, doctor, status=Status.UNPAID)

    response = client_for(patient.user).put(f"/qaorder/order/cancel/{order.order_number}/")

    assert response.content.decode() == as_sent(expected)


@pytest.mark.django_db
def test_finish_answers_as_the_document_shows():
    expected = sample("finish")
    order = answered_sample(expected, Status.ANSWERED)

    response = client_for(order.patient.user).put(f"/qaorder/order/finish/{order.order_number}/")

    assert response.content.decode() == as_sent(expected)


@pytest.mark.django_db
def test_a_refused_finish_answers_as_the_document_shows():
    order = answered_sample(sample("finish"), Status.FINISHED)

    response = client_for(order.patient.user).put(f"/qaorder/order/finish/{order.order_number}/")

    order.refresh_from_db()
    assert response.status_code == 400
    assert response.content.decode() == '{"status":-4,"message":"不能结束订单"}'
    assert order.status == Status.FINISHED


@pytest.mark.django_db
def test_evaluate_answers_as_the_document_shows():
    expected = sample("evaluate")
    order = answered_sample(sample("detail"), Status.FINISHED)

    response = client_for(order.patient.user).put(
        f"/qaorder/order/evaluate/{order.order_number}/", {"scores": 5, "content": "好评"}
    )

    body = response.json()
    assert response.status_code == 200
    assert as_sent(with_values_of(body, expected)) == as_sent(expected)
    assert shape(body) == shape(expected)


@pytest.mark.django_db
def test_a_doctors_evaluations_answer_as_the_document_shows():
    expected = sample("doctor_evaluations")
    patient = sample_patient(expected["results"][0])
    doctor = sample_doctor(expected["results"][0]["doctor"])
    for number in range(1, expected["count"] + 1):
        shown = expected["results"][min(number, 4) - 1]
        order = sample_order(
            {
                "pk": number,
                "order_number": f"{number:026d}",
                "create_time": "2017-03-23T14:00:00.000000",
                "status": Status.EVALUATED,
            },
            patient,
            doctor,
        )
        Evaluation.objects.create(
            pk=number,
            order=order,
            doctor=doctor,
            evaluate_type=order.order_type,
            scores=5,
            content="好评",
            created_at=at(shown["create_time"]),
        )

    response = client_for(patient.user).get(
        "/qaorder/user/doctor1/?page_size=4", SERVER_NAME="127.0.0.1", SERVER_PORT="8000"
    )

    assert response.content.decode() == as_sent(expected)


@pytest.mark.django_db
def test_the_inquiry_record_answers_as_the_document_shows():
    expected = sample("inquiry_record")
    patient, doctor = make_patient(), make_doctor()
    for row in expected["results"]:
        sample_order(row, patient, doctor)

    response = client_for(doctor.user).get(f"/qaorder/patient/inquiry/record/{patient.pk}/")

    assert response.content.decode() == as_sent(expected)


@pytest.mark.django_db(transaction=True)
def test_pay_answers_as_the_document_shows(provider):
    provider.sandbox.set_options(emit_reversed=False)
    expected = sample("pay")
    patient = make_patient("patient1")
    order = sample_order(
        {
            "pk": 15,
            "order_number": "12257268238541425696240003",
            "create_time": "2017-03-21T15:00:09.963589",
        },
        patient,
        make_doctor("doctor1"),
        pay_deadline=datetime(2099, 1, 1, tzinfo=SHANGHAI),
    )

    response = client_for(patient.user).patch(
        f"/qaorder/order/pay/{order.order_number}/", {"channel": "alipay"}
    )

    body = response.json()
    same = [
        "order_no",
        "extra",
        "currency",
        "subject",
        "channel",
        "metadata",
        "body",
        "client_ip",
        "amount_refunded",
        "refunded",
        "object",
        "paid",
        "amount_settle",
        "amount",
    ]
    assert response.status_code == 200
    assert shape(body) == shape(expected)
    assert {key: body["charge"][key] for key in same} == {
        key: expected["charge"][key] for key in same
    }
    assert body["charge"]["time_expire"] - body["charge"]["created"] == 24 * 3600
