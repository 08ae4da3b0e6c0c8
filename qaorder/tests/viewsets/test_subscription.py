"""GET subscription/list/: one row per paid monthly order."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from qaorder.models import OrderType, Period, Status
from tests.support.people import (
    client_for,
    make_doctor,
    make_patient,
    order_in,
    pay,
    place_order,
    refund,
)

URL = "/qaorder/subscription/list/"

pytestmark = pytest.mark.django_db


def shown(user, **query):
    return client_for(user).get(URL, query).json()


def monthly(patient, doctor):
    return pay(place_order(patient, doctor, OrderType.MONTHLY))


def test_a_row_is_the_doctor_the_order_and_the_times():
    patient = make_patient()
    doctor = make_doctor(user=None)
    order = monthly(patient, doctor)

    page = shown(patient.user)

    period = Period.objects.get()
    local = timezone.localtime
    assert list(page) == ["count", "next", "previous", "results"]
    assert page["results"] == [
        {
            "doctor": {
                "owner": doctor.user.username,
                "invitation_code": doctor.user.invitation_code,
                "name": doctor.user.name,
                "avatar": doctor.user.avatar,
            },
            "order_number": order.order_number,
            "start_time": local(period.start_at).strftime("%Y-%m-%dT%H:%M:%S.%f"),
            "end_time": local(period.end_at).strftime("%Y-%m-%dT%H:%M:%S.%f"),
            "is_active": True,
        }
    ]
    assert list(page["results"][0]) == [
        "doctor",
        "order_number",
        "start_time",
        "end_time",
        "is_active",
    ]


def test_only_paid_monthly_orders_of_ones_own_are_listed():
    patient, doctor = make_patient(), make_doctor()
    order_in(Status.PAID, patient, doctor)
    place_order(patient, doctor, OrderType.MONTHLY)
    order_in(Status.PAID, make_patient(), doctor, OrderType.MONTHLY)

    assert shown(patient.user)["results"] == []


def test_a_later_period_is_listed_first_and_is_not_active_yet():
    patient, doctor = make_patient(), make_doctor()
    first, second = monthly(patient, doctor), monthly(patient, doctor)

    rows = shown(patient.user)["results"]

    assert [(row["order_number"], row["is_active"]) for row in rows] == [
        (second.order_number, False),
        (first.order_number, True),
    ]
    assert rows[0]["start_time"] == rows[1]["end_time"]


def test_a_service_is_active_from_its_start_up_to_but_not_at_its_end():
    patient = make_patient()
    order = monthly(patient, make_doctor())
    period = order.period
    microsecond = timedelta(microseconds=1)
    answers = []
    client = client_for(patient.user)

    for moment in (
        period.start_at,
        period.end_at - microsecond,
        period.end_at,
        period.start_at - microsecond,
    ):
        with time_machine.travel(moment, tick=False):
            answers.append(client.get(URL).json()["results"][0]["is_active"])

    assert answers == [True, True, False, False]


def test_a_refunded_service_is_listed_as_ended():
    patient = make_patient()
    order = monthly(patient, make_doctor())

    refund(order)

    row = shown(patient.user)["results"][0]
    assert (row["order_number"], row["is_active"]) == (order.order_number, False)


def test_the_list_is_for_patients():
    assert client_for(make_doctor().user).get(URL).status_code == 403


def test_the_list_is_paged():
    patient, doctor = make_patient(), make_doctor()
    for _ in range(3):
        monthly(patient, doctor)

    page = shown(patient.user, page_size=2)

    assert (page["count"], len(page["results"])) == (3, 2)
    assert page["next"].endswith(f"{URL}?page=2&page_size=2")
