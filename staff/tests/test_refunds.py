"""Refunds and held money in the admin: what staff are shown, and what becomes of it."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from ledger.models import Entry
from ledger.services import balance_fen
from payments import refunds
from payments.models import Payment, Refund, RefundStatus, StaffRequest, SuspenseCharge
from payments.paid_charge import PaidCharge
from payments.settlement import settle
from qaorder.lifecycle import Role
from qaorder.models import OrderType, Status
from tests.support import people
from tests.support.staff import act, text

pytestmark = pytest.mark.django_db

ORDERS = "/admin/qaorder/order/"
REFUNDS = "/admin/payments/refund/"
HELD = "/admin/payments/suspensecharge/"


def failed_refund() -> Refund:
    refund = people.refund(people.order_in(Status.PAID))
    Refund.objects.filter(pk=refund.pk).update(status=RefundStatus.FAILED, refund_id="re_1")
    return refund


def test_a_refund_asks_first_and_says_what_will_happen(client, boss):
    order = people.order_in(Status.PAID)

    page = text(act(client, ORDERS, "refund_order", order))

    order.refresh_from_db()
    assert order.order_number in page
    assert "退还 15.00 元到余额" in page
    assert order.status == Status.PAID


def test_staff_refund_an_order_with_a_reason(client, boss):
    order = people.order_in(Status.WAITING)
    had = balance_fen(order.patient.user)

    page = text(act(client, ORDERS, "refund_order", order, confirm="1", reason="医生停诊"))

    order.refresh_from_db()
    event = order.events.latest("pk")
    assert f"订单 {order.order_number}" in page
    assert "已执行" in page
    assert order.status == Status.CANCELLED
    assert (event.role, event.actor) == (Role.STAFF, boss)
    assert order.paid_with.refunds.get().reason == "医生停诊"
    assert balance_fen(order.patient.user) == had + 1500
    assert LogEntry.objects.get().change_message == "退款（取消订单，全额退回）：医生停诊"
    done = StaffRequest.objects.get()
    assert (done.verb, done.state, done.amount_fen) == ("refund_order", "done", 1500)
    assert (done.requested_by, done.decided_by) == (boss, None)


def test_a_used_overdue_monthly_order_is_found_and_refunded(client, boss, settings):
    order = people.order_in(Status.WAITING, order_type=OrderType.MONTHLY)
    assert order.order_number not in text(client.get(ORDERS, {"overdue": "yes"}))
    people.age(order, status_at=settings.ORDER_ANSWER_WINDOW + timedelta(minutes=1))

    found = text(client.get(ORDERS, {"overdue": "yes"}))
    act(client, ORDERS, "refund_order", order, confirm="1", reason="逾期")

    order.refresh_from_db()
    assert order.order_number in found
    assert order.status == Status.CANCELLED
    assert order.period.refunded_at is not None


@pytest.mark.parametrize("status", [s for s in Status if s not in (Status.PAID, Status.WAITING)])
def test_a_refund_that_is_refused_is_a_message(client, boss, status):
    order = people.order_in(status)
    entries = Entry.objects.count()

    asked = text(act(client, ORDERS, "refund_order", order))
    response = act(client, ORDERS, "refund_order", order, confirm="1", reason="x")

    order.refresh_from_db()
    assert order.order_number in asked
    assert response.status_code == 200
    assert "不能退款" in text(response)
    assert order.status == status
    assert Entry.objects.count() == entries
    assert not LogEntry.objects.exists()


def test_one_refusal_does_not_stop_the_other_refunds(client, boss):
    done, paid = people.order_in(Status.ANSWERED), people.order_in(Status.PAID)

    page = text(act(client, ORDERS, "refund_order", paid, done, confirm="1", reason="x"))

    assert "不能退款" in page
    assert "已执行" in page
    assert Refund.objects.get().payment.order == paid


def test_too_many_orders_at_once_are_refused(client, boss):
    orders = [people.order_in(Status.PAID) for _ in range(21)]

    page = text(act(client, ORDERS, "refund_order", *orders, confirm="1", reason="x"))

    assert "一次最多处理 20 条" in page
    assert not Refund.objects.exists()


def test_a_failed_refund_is_found_and_sent_again(client, boss):
    failed, fine = failed_refund(), people.refund(people.order_in(Status.PAID))
    number = failed.payment.order.order_number

    orders = text(client.get(ORDERS, {"refund": RefundStatus.FAILED.value}))
    data = {"confirm": "1", "reason": "账户已恢复"}
    page = text(act(client, REFUNDS, "retry_refund", failed, fine, **data))

    failed.refresh_from_db()
    fine.refresh_from_db()
    assert number in orders
    assert fine.payment.order.order_number not in orders
    assert page.count("已执行") == 1
    assert page.count("不能退款") == 1
    assert (failed.status, failed.refund_id) == (RefundStatus.OPEN, None)
    assert fine.status == RefundStatus.SUCCEEDED
    assert refunds.refund_of(failed.payment.order) == failed


def hold(amount_fen: int = 1400) -> SuspenseCharge:
    """Money that arrived for an order, but not as much as was due."""
    order = people.place_order(people.make_patient(), people.make_doctor())
    payment = Payment.objects.create(
        order=order,
        payer=order.patient.user,
        channel="wx",
        order_no=order.order_number,
        amount_fen=1500,
        state="pending",
        charge_id=f"ch_{order.pk}",
    )
    settle(PaidCharge(payment.charge_id, payment.order_no, "wx", amount_fen, timezone.now()))
    return SuspenseCharge.objects.get(payment=payment)


def test_held_charges_show_why_and_leave_the_queue_once_decided(client, boss):
    held = hold()

    waiting = text(client.get(HELD, {"resolved": "no"}))
    asked = text(act(client, HELD, "keep_suspense", held))
    closed = text(act(client, HELD, "keep_suspense", held, confirm="1", reason="无人认领"))

    for words in (held.charge_id, "金额或渠道不符", held.order_no, "14.00", "15.00"):
        assert words in waiting
    assert "不能撤销" in asked
    assert "已执行" in closed
    assert held.charge_id not in text(client.get(HELD, {"resolved": "no"}))
    assert held.charge_id in text(client.get(HELD, {"resolved": "yes"}))
    assert LogEntry.objects.get().change_message == "转入平台：无人认领"
    assert "已经处理" in text(act(client, HELD, "keep_suspense", held, confirm="1", reason="x"))
