"""PUT and GET order/refund/, PUT order/refuse/: who gets what back, and how it is shown."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from api.errors import CannotRefund
from jobs import orders as sweeps
from payments import refund_outbox, refunds
from payments.models import Payment, PaymentState, Refund, RefundStatus
from qaorder import orders
from qaorder.lifecycle import Role
from qaorder.models import Order, Status
from tests.support import books, people
from tests.support.people import (
    age,
    client_for,
    make_doctor,
    make_patient,
    make_user,
    order_in,
    place_order,
    top_up,
)

KEYS = [
    "order_number",
    "amount",
    "channel",
    "channel_display",
    "status",
    "status_display",
    "reason",
    "create_time",
    "finish_time",
]
REFUNDABLE = [Status.PAID, Status.WAITING]

pytestmark = pytest.mark.django_db(transaction=True)


def refuse_url(order):
    return f"/qaorder/order/refuse/{order.order_number}/"


def put_refund(order, **body):
    return client_for(order.patient.user).put(people.refund_url(order), body)


def show_refund(order, user=None):
    return client_for(user or order.patient.user).get(people.refund_url(order))


@pytest.mark.parametrize("status", REFUNDABLE)
def test_a_patient_gets_the_balances_money_back_at_once(status):
    order = order_in(status)

    response = put_refund(order, reason="不需要了")

    shown = response.json()
    assert response.status_code == 200
    assert list(shown) == KEYS
    assert {key: shown[key] for key in KEYS[:7]} == {
        "order_number": order.order_number,
        "amount": "15.00",
        "channel": "balance",
        "channel_display": "余额",
        "status": 1,
        "status_display": "已退款",
        "reason": "不需要了",
    }
    assert len(shown["create_time"]) == len(shown["finish_time"]) == 26
    order.refresh_from_db()
    event = order.events.last()
    assert order.status == Status.CANCELLED
    assert (event.event, event.role, event.actor) == ("refund", "patient", order.patient.user)
    assert books.wallet(order.patient.user) == 1500
    assert "in_transit" not in books.balances()
    books.assert_whole()


@pytest.mark.parametrize("status", REFUNDABLE)
def test_a_doctor_who_refuses_gives_all_the_money_back(status):
    order = order_in(status)
    doctor = order.doctor.user

    response = client_for(doctor).put(refuse_url(order), {"reason": "不在擅长范围"})

    assert response.status_code == 200
    assert list(response.json()) == KEYS
    assert response.json()["reason"] == "不在擅长范围"
    order.refresh_from_db()
    event = order.events.last()
    assert order.status == Status.CANCELLED
    assert (event.event, event.role, event.actor) == ("refund", "doctor", doctor)
    assert books.wallet(order.patient.user) == 1500
    assert Refund.objects.get().role == Role.DOCTOR


@pytest.mark.parametrize("status", REFUNDABLE)
@pytest.mark.parametrize("role", [Role.STAFF, Role.CLOCK])
def test_staff_and_the_clock_refund_the_same_way(status, role):
    order = order_in(status)
    actor = make_user(is_staff=True) if role is Role.STAFF else None

    refund = refunds.refund_order(order=order, role=role, actor=actor, reason="协商退款")

    order.refresh_from_db()
    event = order.events.last()
    assert (event.role, event.actor) == (role, actor)
    assert (refund.status, refund.role, refund.amount_fen) == (RefundStatus.SUCCEEDED, role, 1500)
    assert books.wallet(order.patient.user) == 1500


@pytest.mark.parametrize("channel", ["alipay", "wx"])
def test_the_providers_money_is_open_until_the_provider_says_so(provider, channel):
    order = people.new_order()
    people.pay_remotely(provider, order, channel)

    shown = put_refund(order).json()

    assert list(shown) == KEYS
    assert (shown["channel"], shown["status"], shown["status_display"]) == (channel, 0, "处理中")
    assert shown["channel_display"] == {"alipay": "支付宝", "wx": "微信"}[channel]
    assert (shown["reason"], shown["finish_time"]) == ("", None)
    # Nothing was sent within the request; the money is still held.
    assert provider.refunds() == []
    assert books.balances() == {"in_transit": 1500, f"clearing:{channel}": -1500}
    order.refresh_from_db()
    assert order.status == Status.CANCELLED


def test_the_refund_can_be_followed_until_the_money_is_back(provider):
    order = people.new_order()
    people.pay_remotely(provider, order, "wx")
    provider.sandbox.script_refunds("pending")
    put_refund(order)
    refund_outbox.send_due()

    pending = show_refund(order).json()
    provider.sandbox.settle_refund(provider.refunds()[0]["id"])
    provider.deliver_all("refund.succeeded")
    done = show_refund(order).json()

    assert (pending["status"], pending["finish_time"]) == (0, None)
    assert (done["status"], done["status_display"]) == (1, "已退款")
    assert done["finish_time"] is not None
    assert {key: done[key] for key in KEYS if key not in ("status", "status_display")} == (
        {key: pending[key] for key in KEYS if key not in ("status", "status_display")}
        | {"finish_time": done["finish_time"]}
    )
    assert books.balances() == {}


def test_a_failed_refund_is_shown_as_failed(provider):
    order = people.new_order()
    people.pay_remotely(provider, order)
    put_refund(order)
    provider.sandbox.script_refunds("refuse")

    refund_outbox.send_due()

    shown = show_refund(order).json()
    assert (shown["status"], shown["status_display"]) == (2, "退款失败")


def test_an_order_that_cost_nothing_is_refunded_at_once_through_any_channel(provider):
    order = place_order(make_patient(), make_doctor(online_price_fen=0))
    people.try_to_pay(order, "wx")

    shown = put_refund(order).json()

    assert (shown["amount"], shown["channel"]) == ("0.00", "wx")
    assert (shown["status"], shown["status_display"]) == (1, "已退款")
    order.refresh_from_db()
    assert order.status == Status.CANCELLED
    assert books.postings() == {}
    assert refund_outbox.send_due() == 0


def test_after_the_answer_there_is_no_refund():
    order = order_in(Status.ANSWERED)
    before = books.everything()

    answers = [
        put_refund(order),
        client_for(order.doctor.user).put(refuse_url(order), {"reason": "x"}),
    ]

    assert [answer.json() for answer in answers] == [{"status": -9, "message": "不能退款"}] * 2
    assert books.everything() == before


def test_a_second_refund_of_one_order_is_refused():
    order = order_in(Status.PAID)
    put_refund(order)
    before = books.everything()

    again = put_refund(order)

    assert again.json()["status"] == -9
    assert books.everything() == before


@pytest.mark.parametrize("verb", ["refund", "refuse"])
def test_the_other_side_may_not(verb):
    order = order_in(Status.PAID)
    user = order.doctor.user if verb == "refund" else order.patient.user
    before = books.everything()

    response = client_for(user).put(
        f"/qaorder/order/{verb}/{order.order_number}/", {"reason": "退款"}
    )

    assert response.status_code == 403
    assert list(response.json()) == ["detail"]
    assert books.everything() == before


def test_a_doctor_gives_a_reason_and_a_patient_may():
    order = order_in(Status.PAID)

    for body in ({}, {"reason": ""}, {"reason": "   "}, {"reason": "长" * 201}):
        refused = client_for(order.doctor.user).put(refuse_url(order), body)
        assert refused.status_code == 400
        assert list(refused.json()) == ["reason"]

    assert put_refund(order, reason="长" * 201).status_code == 400
    assert put_refund(order, reason="长" * 200).json()["reason"] == "长" * 200


def test_both_sides_see_the_refund_and_nobody_else_does():
    order = order_in(Status.PAID)
    put_refund(order)
    stranger = make_patient(is_staff=True).user

    patient, doctor = (show_refund(order, side.user) for side in (order.patient, order.doctor))
    others = [show_refund(order, user) for user in (stranger, make_doctor().user)]
    absent = client_for(stranger).get("/qaorder/order/refund/12345678901234567890123456/")

    assert patient.status_code == doctor.status_code == 200
    assert patient.content == doctor.content
    assert {answer.content for answer in others} == {absent.content}
    assert absent.content == b'{"detail":"Not found."}'
    assert [answer.status_code for answer in [*others, absent]] == [404] * 3


@pytest.mark.parametrize("status", [Status.UNPAID, Status.PAID, Status.FINISHED, Status.CANCELLED])
def test_an_order_without_a_refund_has_none_to_show(status):
    response = show_refund(order_in(status))

    assert (response.status_code, response.json()) == (404, {"detail": "Not found."})


def test_a_hidden_orders_refund_still_answers_and_its_other_urls_do_not():
    order = order_in(Status.PAID)
    put_refund(order)
    for side, role in ((order.patient, Role.PATIENT), (order.doctor, Role.DOCTOR)):
        orders.destroy_order(order=order, role=role, actor=side.user)

    for side in (order.patient, order.doctor):
        client = client_for(side.user)
        assert client.get(people.refund_url(order)).status_code == 200
        assert client.get(f"/qaorder/order/detail/{order.order_number}/").status_code == 404
    assert put_refund(order).status_code == 404


def test_of_several_refunds_the_one_of_the_money_that_paid_is_shown(provider):
    order = people.new_order()
    alipay = people.charge_for(order, "alipay")
    people.pay_remotely(provider, order, "wx")
    put_refund(order)
    provider.pay_and_tell(alipay["id"])
    assert Refund.objects.count() == 2

    assert show_refund(order).json()["channel"] == "wx"


def test_before_anything_paid_the_order_the_latest_refund_is_shown(provider):
    order = people.new_order()
    alipay, wx = (people.charge_for(order, channel) for channel in ("alipay", "wx"))
    orders.cancel_order(order=order, role=Role.PATIENT)
    provider.pay_and_tell(alipay["id"])
    provider.pay_and_tell(wx["id"])

    shown = show_refund(order).json()

    assert shown["channel"] == "wx"
    assert shown["reason"] == "重复或迟到的支付，系统退款"


def test_a_surplus_refund_is_shown_while_the_order_goes_on(provider):
    order = people.new_order()
    charge = people.charge_for(order)
    top_up(order.patient.user, 1500)
    people.try_to_pay(order, "balance")
    provider.pay_and_tell(charge["id"])

    assert show_refund(order).json()["channel"] == "alipay"
    put_refund(order)
    assert show_refund(order).json()["channel"] == "balance"


def test_the_clocks_refund_says_why():
    order = age(order_in(Status.PAID), status_at=timedelta(days=8))

    sweeps.refund_unasked()

    assert show_refund(order).json()["reason"] == "超过期限未提交问题，系统退款"
    assert Refund.objects.get().role == Role.CLOCK


def test_money_back_in_the_wallet_can_be_spent_again():
    order = order_in(Status.PAID)
    put_refund(order)
    second = place_order(order.patient, make_doctor())

    assert people.try_to_pay(second, "balance").status_code == 200
    assert books.wallet(order.patient.user) == 0


def test_a_payments_refunds_are_never_more_than_it_whatever_the_code_does(provider):
    order = people.new_order()
    payment = people.pay_remotely(provider, order)
    put_refund(order)

    with pytest.raises(CannotRefund), transaction.atomic():
        refunds.open_refund(payment, amount_fen=1, reason="", role=Role.STAFF)
    with pytest.raises(IntegrityError), transaction.atomic():
        Payment.objects.filter(pk=payment.pk).update(refunded_fen=payment.amount_fen + 1)

    assert Refund.objects.count() == 1


def test_an_order_paid_in_the_past_keeps_its_attempt_paid_after_the_refund(provider):
    order = people.new_order()
    payment = people.pay_remotely(provider, order)

    put_refund(order)
    refund_outbox.send_due()

    payment.refresh_from_db()
    assert payment.state == PaymentState.PAID
    assert payment.paid_at <= timezone.now()
    assert Order.objects.get().paid_with == payment
    assert Payment.objects.count() == 1
