"""Refunds made in the provider's console: found at once, and every one of them has a way out."""

from datetime import timedelta

import pytest
from django.utils import timezone

from api.errors import CannotRefund, InsufficientBalance, StaffRefusal
from jobs import orders as sweeps
from payments import console_refunds, refunds, suspense_acts
from payments.models import (
    Bearer,
    Discrepancy,
    Notice,
    Payment,
    Refund,
    RefundOrigin,
    RefundStatus,
    Resolution,
    SuspenseCharge,
    SuspenseResolution,
)
from payments.reconcile import comparison
from qaorder import orders
from qaorder.lifecycle import Role
from qaorder.models import Order, OrderType, Status
from tests.support import books, people
from tests.support.paying import recharge
from tests.support.people import refund
from tests.support.ways_out import accept, paid_order, settle_all, told

pytestmark = pytest.mark.django_db(transaction=True)

UNKNOWN, UNDONE = "refund_unknown", "refund_undone"


@pytest.mark.parametrize("way", ["notice", "comparison"])
@pytest.mark.parametrize("amount", [None, 500])
def test_it_is_a_difference_however_it_is_found_and_moves_nothing_yet(provider, way, amount):
    order, payment = paid_order(provider)
    before = books.balances()
    provider.console_refund(payment.charge_id, amount)

    if way == "notice":
        answers = provider.deliver_all("refund.succeeded")
        assert [a.json()["outcome"] for a in answers] == ["differs"]
    else:
        Payment.objects.update(created_at=timezone.now() - timedelta(minutes=10))
        provider.sandbox.store.run("UPDATE charges SET created = created - 600")
        comparison.compare(timezone.now() - timedelta(hours=1), timezone.now())

    row = Discrepancy.objects.get()
    assert (row.kind, row.payment, row.resolved_at) == (UNKNOWN, payment, None)
    assert row.provider_amount_fen == (amount or 1500)
    assert books.balances() == before
    order.refresh_from_db()
    assert order.status == Status.PAID


def test_it_stops_the_release_of_its_orders_money_until_it_is_decided(provider):
    order, payment = paid_order(provider, Status.ANSWERED)
    row = told(provider, payment, 500)

    orders.finish_order(order=order, role=Role.PATIENT)

    order.refresh_from_db()
    assert (order.status, order.released_at) == (Status.FINISHED, None)
    assert books.balances()["in_transit"] == 1500
    console_refunds.dispute(row)
    order.refresh_from_db()
    assert order.released_at is not None
    doctor = order.doctor.user
    assert books.balances() == {
        "clearing:alipay": -1000,
        "platform": -500,
        f"earnings:{doctor.pk}": 1500,
    }
    books.assert_whole(provider)


@pytest.mark.parametrize("status", [Status.PAID, Status.WAITING])
@pytest.mark.parametrize("amount", [None, 500])
def test_accepted_before_the_answer_it_cancels_the_order_and_the_rest_goes_back_too(
    provider, status, amount
):
    order, payment = paid_order(provider, status)

    accept(told(provider, payment, amount))
    settle_all(provider)

    order.refresh_from_db()
    assert order.status == Status.CANCELLED
    assert sorted(Refund.objects.values_list("amount_fen", "status")) == (
        [(500, 1), (1000, 1)] if amount else [(1500, 1)]
    )
    assert Discrepancy.objects.get().resolution == Resolution.ACCEPTED
    assert books.balances() == {}
    books.assert_whole(provider)


@pytest.mark.parametrize("status", [Status.ANSWERED, Status.FINISHED])
@pytest.mark.parametrize("amount", [None, 500])
@pytest.mark.parametrize("bearer", [Bearer.DOCTOR, Bearer.PLATFORM])
def test_accepted_after_the_answer_the_order_stays_and_who_staff_say_pays(
    provider, settings, status, amount, bearer
):
    settings.PLATFORM_SHARE_PERCENT = 30
    order, payment = paid_order(provider, status)
    back = amount or 1500

    accept(told(provider, payment, amount), bearer)
    settle_all(provider)
    if status == Status.ANSWERED:
        orders.finish_order(order=Order.objects.get(pk=order.pk), role=Role.PATIENT)

    order.refresh_from_db()
    share = {"platform": 450, "doctor": 1050}
    if bearer == Bearer.DOCTOR:
        left = 1500 - back
        share = {"platform": left * 30 // 100, "doctor": left - left * 30 // 100}
    else:
        share["platform"] -= back
    expected = {
        "platform": share["platform"],
        f"earnings:{order.doctor.user_id}": share["doctor"],
        "clearing:alipay": back - 1500,
    }
    assert order.status == Status.FINISHED
    assert books.balances() == {code: fen for code, fen in expected.items() if fen}
    books.assert_whole(provider)


def test_two_parts_accepted_one_after_the_other_round_to_what_was_released(provider, settings):
    settings.PLATFORM_SHARE_PERCENT = 33
    order, payment = paid_order(provider, Status.FINISHED)
    for amount in (333, 444, 723):
        accept(told(provider, payment, amount), Bearer.DOCTOR)
        settle_all(provider)

    assert books.balances() == {}
    books.assert_whole(provider)


@pytest.mark.parametrize("first", ["console", "service"])
def test_a_refund_asked_for_meanwhile_is_the_consoles_where_that_covers_it(provider, first):
    order, payment = paid_order(provider)
    if first == "console":
        row = told(provider, payment)
        refund(order)
    else:
        refund(order)
        provider.console_refund(payment.charge_id)
    settle_all(provider)

    ours = Refund.objects.get()
    assert (ours.status, ours.origin) == (RefundStatus.SUCCEEDED, RefundOrigin.CONSOLE)
    assert not Discrepancy.objects.filter(resolved_at=None).exists()
    if first == "console":
        row.refresh_from_db()
        assert row.resolution == Resolution.MENDED
    assert len(provider.refunds()) == 1
    assert books.balances() == {}
    books.assert_whole(provider)


@pytest.mark.parametrize("decision", ["accept", "dispute"])
def test_a_refund_asked_for_meanwhile_fails_where_the_consoles_does_not_cover_it(
    provider, decision
):
    order, payment = paid_order(provider)
    row = told(provider, payment, 500)
    refund(order)
    settle_all(provider)
    ours = Refund.objects.get(origin="service")
    assert ours.status == RefundStatus.FAILED

    if decision == "accept":
        accept(row)
        settle_all(provider)
        refunds.retry(Refund.objects.get(pk=ours.pk))
        settle_all(provider)
        assert sorted(Refund.objects.values_list("amount_fen", flat=True)) == [500, 1000]
        assert books.balances() == {}
    else:
        console_refunds.dispute(row)
        refunds.end_otherwise(ours, refunds.RefundMeans.BALANCE)
        assert books.wallet(order.patient.user) == 1500
        assert books.balances()["platform"] == -500
    books.assert_whole(provider)


def test_what_was_disputed_is_never_taken_for_a_refund_of_ours_later(provider):
    order, payment = paid_order(provider)
    console_refunds.dispute(told(provider, payment))
    refund(order)
    settle_all(provider)

    ours = Refund.objects.get()
    assert ours.status == RefundStatus.FAILED
    refunds.end_otherwise(ours, refunds.RefundMeans.OUTSIDE)
    assert books.balances() == {"platform": -1500, "bank": 1500}
    books.assert_whole(provider)


def test_with_nothing_left_to_take_it_can_only_be_disputed(provider):
    order, payment = paid_order(provider)
    provider.reject_refunds(payment.charge_id)
    refund(order)
    settle_all(provider)
    refunds.end_otherwise(Refund.objects.get(), refunds.RefundMeans.BALANCE)
    row = told(provider, payment)

    with pytest.raises(StaffRefusal):
        accept(row)
    console_refunds.dispute(row)

    assert books.wallet(order.patient.user) == 1500
    books.assert_whole(provider)


@pytest.mark.parametrize("decide", [accept, console_refunds.dispute], ids=["accept", "dispute"])
def test_it_is_decided_once(provider, decide):
    _, payment = paid_order(provider)
    row = told(provider, payment)
    decide(row)
    before = books.everything()

    for again in (accept, console_refunds.dispute):
        with pytest.raises(StaffRefusal):
            again(row)

    assert books.everything()["ledger.Entry"] == before["ledger.Entry"]


def test_a_pending_one_that_fails_is_nothing_to_decide_and_the_release_goes_on(provider):
    order, payment = paid_order(provider, Status.ANSWERED)
    made = provider.console_refund(payment.charge_id, 500, "pending")
    provider.deliver(provider.sandbox.event("refund.succeeded", made))
    orders.finish_order(order=order, role=Role.PATIENT)
    assert Order.objects.get().released_at is None

    provider.sandbox.settle_refund(made["id"], "failed")
    provider.deliver_all("refund.failed")

    assert Discrepancy.objects.get().resolution == Resolution.GONE
    assert Order.objects.get().released_at is not None
    books.assert_whole(provider)


def test_a_refund_that_fails_after_it_succeeded_is_a_difference_that_staff_take_back(provider):
    order, payment = paid_order(provider)
    refund(order)
    settle_all(provider)
    ours = Refund.objects.get()
    provider.fail_refund_late(ours.refund_id)

    outcomes = [a.json()["outcome"] for a in provider.deliver_all("refund.failed")]

    row = Discrepancy.objects.get()
    assert (outcomes, row.kind) == (["differs"], UNDONE)
    ours.refresh_from_db()
    assert ours.status == RefundStatus.SUCCEEDED
    console_refunds.take_back(row)
    ours.refresh_from_db()
    assert ours.status == RefundStatus.FAILED
    assert books.balances() == {"clearing:alipay": -1500, "in_transit": 1500}
    books.assert_whole(provider)
    refunds.end_otherwise(ours, refunds.RefundMeans.BALANCE)
    assert books.wallet(order.patient.user) == 1500
    books.assert_whole(provider)


def test_a_disputed_one_that_fails_late_gives_the_platform_its_money_back(provider):
    _, payment = paid_order(provider)
    row = told(provider, payment, 500)
    console_refunds.dispute(row)
    provider.fail_refund_late(row.refund_id)
    provider.deliver_all("refund.failed")

    console_refunds.take_back(Discrepancy.objects.get(kind=UNDONE))

    assert "platform" not in books.balances()
    books.assert_whole(provider)


@pytest.mark.parametrize("amount", [1500, 500])
def test_a_charge_that_arrives_already_refunded_opens_nothing_and_is_held(provider, amount):
    order = people.new_order()
    charge = people.charge_for(order)
    provider.pay_and_tell(charge["id"], then_refund=amount)

    order.refresh_from_db()
    row = SuspenseCharge.objects.get()
    assert order.status == Status.UNPAID
    assert (row.reason, row.refunded_fen) == ("到账时渠道已退款", amount)
    assert row.resolution == ("refunded" if amount == 1500 else "")
    assert books.balances().get("suspense", 0) == 1500 - amount
    books.assert_whole(provider)
    if amount < 1500:
        suspense_acts.refund(row, reason="退回余款")
        settle_all(provider)
        assert books.balances() == {}
        books.assert_whole(provider)
    assert people.try_to_pay(order, "alipay").status_code == 200


def test_a_refunds_notice_that_is_quicker_than_its_charges_opens_nothing(provider):
    order = people.new_order()
    charge = people.charge_for(order)
    provider.pay(charge["id"])
    provider.console_refund(charge["id"])
    provider.deliver_all("refund.succeeded")
    provider.deliver_all("charge.succeeded")

    order.refresh_from_db()
    assert order.status == Status.UNPAID
    assert SuspenseCharge.objects.get().reason == "到账时渠道已退款"


def test_held_money_returned_in_the_console_needs_no_decision(provider):
    order = people.new_order()
    charge = people.charge_for(order)
    provider.pay(charge["id"])
    event = provider.events("charge.succeeded")[0]
    event["data"]["object"]["order_no"] = "20260101000001"
    provider.deliver(event)
    provider.console_refund(charge["id"])
    for _ in range(2):
        provider.deliver_all("refund.succeeded")

    row = SuspenseCharge.objects.get()
    assert (row.resolution, row.refunded_fen) == (SuspenseResolution.REFUNDED, 1500)
    assert books.balances() == {}
    books.assert_whole(provider)


@pytest.mark.parametrize("spent", [False, True])
def test_a_refunded_recharge_is_taken_off_the_balance_while_it_is_there(provider, spent):
    user = people.new_order().patient.user
    charge = recharge(payer=user, channel="alipay", amount_fen=2000)
    provider.pay_and_tell(charge["id"])
    if spent:
        order = Order.objects.get()
        people.try_to_pay(order, "balance")
    row = told(provider, Payment.objects.get(charge_id=charge["id"]))

    if spent:
        with pytest.raises(InsufficientBalance):
            accept(row)
        console_refunds.dispute(row)
        assert books.wallet(user) == 500
    else:
        accept(row)
        settle_all(provider)
        assert books.wallet(user) == 0
    books.assert_whole(provider)


def test_a_monthly_order_refunded_in_the_console_ends_its_period(provider):
    order, payment = paid_order(provider, order_type=OrderType.MONTHLY)

    accept(told(provider, payment))
    settle_all(provider)

    order.refresh_from_db()
    assert order.status == Status.CANCELLED
    assert order.period.refunded_at is not None
    books.assert_whole(provider)


def test_a_charge_noticed_again_with_another_amount_is_a_difference_and_never_a_posting(provider):
    order, payment = paid_order(provider)
    before = books.balances()
    event = provider.events("charge.succeeded")[0]
    event["data"]["object"]["amount"] = 100
    event["id"] = "evt_other"

    assert provider.deliver(event).json()["outcome"] == "differs"

    assert books.balances() == before
    assert Discrepancy.objects.get().kind == "differs"
    assert not SuspenseCharge.objects.exists()


def test_a_notice_that_was_not_ours_counts_once_the_settings_are_right(provider, settings):
    order = people.new_order()
    charge = people.charge_for(order)
    provider.pay(charge["id"])
    settings.PINGPP_LIVEMODE = True
    assert provider.deliver_all()[0].json()["outcome"] == "not_ours"

    settings.PINGPP_LIVEMODE = False
    outcomes = [provider.deliver_all()[0].json()["outcome"] for _ in range(2)]

    assert outcomes == ["applied", "repeated"]
    assert Notice.objects.count() == 1
    order.refresh_from_db()
    assert order.status == Status.PAID


def test_a_word_about_an_earlier_attempt_says_nothing_of_the_next(provider):
    order, payment = paid_order(provider)
    refund(order)
    provider.sandbox.script_refunds("refuse")
    settle_all(provider)
    failed = provider.sandbox.refunds.page(payment.charge_id, {})["data"][0]
    refunds.retry(Refund.objects.get())

    provider.deliver(provider.sandbox.event("refund.failed", failed))

    assert Refund.objects.get().status == RefundStatus.OPEN
    settle_all(provider)
    assert Refund.objects.get().status == RefundStatus.SUCCEEDED
    books.assert_whole(provider)


def test_an_order_is_finished_by_the_clock_though_its_release_waits(provider):
    order, payment = paid_order(provider, Status.ANSWERED)
    told(provider, payment, 500)
    Order.objects.update(status_at=timezone.now() - timedelta(days=8))

    assert sweeps.finish_answered() == 1

    order.refresh_from_db()
    assert (order.status, order.released_at) == (Status.FINISHED, None)
    book_only_waits = [f for f in books.audit() if f.rows]
    assert book_only_waits == []


def test_another_members_order_is_not_refunded_twice_by_staff(provider):
    order, _ = paid_order(provider, Status.FINISHED)
    refunds.refund_completed(order=order, bearer=Bearer.PLATFORM, reason="投诉")

    with pytest.raises(CannotRefund):
        refunds.refund_completed(order=order, bearer=Bearer.DOCTOR, reason="投诉")
    settle_all(provider)

    books.assert_whole(provider)
