"""Paying by charge, by balance and for nothing."""

import pytest

from feiqingsong.testing.factories import client_for, make_doctor, make_patient, place_order
from qaorder.models import Payment, PaymentState, Status

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_notice_pays_the_order_and_a_repeated_one_changes_nothing(provider):
    patient = make_patient()
    order = place_order(patient, make_doctor())
    client = client_for(patient.user)

    charge = client.patch(f"/qaorder/order/pay/{order.order_number}/", {"channel": "wx"}).json()
    first = provider.pay_and_tell(charge["charge"]["id"])
    second = provider.deliver_all()

    assert first.json()["outcome"] == "applied"
    assert [response.json()["outcome"] for response in second] == ["repeated"]
    order.refresh_from_db()
    assert order.status == Status.PAID
    assert order.channel == "wx"
    assert Payment.objects.get().state == PaymentState.PAID


def test_paying_again_returns_the_same_charge(provider):
    patient = make_patient()
    order = place_order(patient, make_doctor())
    client = client_for(patient.user)
    url = f"/qaorder/order/pay/{order.order_number}/"

    first = client.patch(url, {"channel": "alipay"})
    second = client.patch(url, {"channel": "alipay"})

    assert first.content == second.content
    assert len(provider.charges()) == 1
