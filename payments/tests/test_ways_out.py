"""Whatever the provider or its console does to a refund, staff can end it, and the books agree."""

from datetime import timedelta

import pytest
from django.db.models.signals import post_init
from django.utils import timezone

from api import failpoints
from api.errors import StaffRefusal
from payments import console_refunds, refund_outbox, refunds, staff_acts, suspense_acts
from payments.models import (
    Bearer,
    Discrepancy,
    Payment,
    Refund,
    RefundMeans,
    RefundStatus,
    Resolution,
    SuspenseCharge,
    SuspenseResolution,
)
from payments.reconcile import comparison, discrepancies
from qaorder import orders
from qaorder.lifecycle import Role
from qaorder.models import Order, Status
from tests.support import books, people
from tests.support.paying import recharge
from tests.support.people import make_user, refund
from tests.support.ways_out import accept, paid_order, settle_all, told, waiting_refund
from tests.support.world import drain

pytestmark = pytest.mark.django_db(transaction=True)


def wrongly_noticed(provider, **changes):
    """Held money: the charge of an order, and its notice with these wrong facts."""
    order = people.new_order()
    charge = people.charge_for(order)
    provider.pay(charge["id"])
    event = provider.events("charge.succeeded")[-1]
    event["data"]["object"] |= changes
    provider.deliver(event)
    return order, SuspenseCharge.objects.get(charge_id=charge["id"])


def told_of(provider, row):
    """The difference that the notice of a console's refund of held money leaves."""
    made = provider.console_refund(row.charge_id, 500)
    provider.deliver_all("refund.succeeded")
    return Discrepancy.objects.get(refund_id=made["id"])


def compare():
    """Compare with the provider all that this test did, as if it were ten minutes ago."""
    Payment.objects.update(created_at=timezone.now() - timedelta(minutes=10))
    Refund.objects.update(finished_at=timezone.now() - timedelta(minutes=10))
    return comparison.compare(timezone.now() - timedelta(hours=1), timezone.now())


def test_a_success_told_late_does_not_count_once_staff_took_it_back(provider):
    order, _ = paid_order(provider)
    refund(order)
    drain()
    (succeeded,) = provider.events("refund.succeeded")
    provider.fail_refund_late(Refund.objects.get().refund_id)
    provider.deliver_all("refund.failed")
    console_refunds.take_back(Discrepancy.objects.get())

    outcome = provider.deliver(succeeded).json()["outcome"]

    assert (outcome, Refund.objects.get().status) == ("differs", RefundStatus.FAILED)
    assert books.balances() == {"clearing:alipay": -1500, "in_transit": 1500}
    provider.sandbox.store.run("UPDATE charges SET created = created - 600")
    compare()
    assert not Discrepancy.objects.filter(resolved_at=None).exists()
    refunds.retry(Refund.objects.get())
    settle_all(provider)
    assert books.balances() == {}
    books.assert_whole(provider)


def test_accepted_it_takes_the_place_of_a_refund_of_ours_that_waits_to_be_sent(provider):
    order, payment = paid_order(provider)
    row = told(provider, payment)
    refund(order)

    accept(row)
    settle_all(provider)

    assert Refund.objects.get().status == RefundStatus.SUCCEEDED
    row.refresh_from_db()
    assert row.resolution == Resolution.ACCEPTED
    assert books.balances() == {}
    books.assert_whole(provider)


def test_a_part_waits_for_the_end_of_our_own_refund_and_staff_are_told_so(provider):
    order, payment = paid_order(provider)
    row = told(provider, payment, 500)
    refund(order)

    with pytest.raises(StaffRefusal, match="处理中"):
        accept(row)
    settle_all(provider)
    accept(row)

    assert sorted(Refund.objects.values_list("amount_fen", flat=True)) == [500, 1000]


@pytest.mark.parametrize("bearer", [Bearer.DOCTOR, Bearer.PLATFORM])
def test_a_part_accepted_after_our_own_refund_failed_leaves_what_was_taken_for_it(provider, bearer):
    order, payment = paid_order(provider, Status.FINISHED)
    row = told(provider, payment, 500)
    refunds.refund_completed(order=order, bearer=bearer, reason="投诉")
    settle_all(provider)

    accept(row, Bearer.PLATFORM)
    refunds.retry(Refund.objects.get(origin="service"))
    settle_all(provider)

    assert set(Refund.objects.values_list("status", "bearer")) == {(1, bearer)}
    books.assert_whole(provider)


def test_the_failure_of_the_whole_says_nothing_of_the_rest_that_is_sent_later(provider):
    order, payment = paid_order(provider)
    provider.sandbox.script_refunds("refuse")
    refund(order)
    settle_all(provider)
    accept(told(provider, payment, 500))

    provider.deliver_all("refund.failed")
    refunds.retry(Refund.objects.get(origin="service"))
    settle_all(provider)

    assert not Discrepancy.objects.filter(kind="refund_differs").exists()
    assert set(Refund.objects.values_list("amount_fen", "status")) == {(500, 1), (1000, 1)}
    books.assert_whole(provider)


@pytest.mark.parametrize("amount", [1500, 500])
def test_held_money_whose_return_in_the_console_failed_late_is_there_again(provider, amount):
    _, row = wrongly_noticed(provider, order_no="20260101000001")
    made = provider.console_refund(row.charge_id, amount)
    provider.deliver_all("refund.succeeded")
    provider.fail_refund_late(made["id"])
    provider.deliver_all("refund.failed")

    console_refunds.take_back(Discrepancy.objects.get())

    row.refresh_from_db()
    assert (row.resolution, row.remaining_fen) == ("", 1500)
    books.assert_whole(provider)
    suspense_acts.refund(row, reason="退回")
    settle_all(provider)
    assert books.balances() == {}
    books.assert_whole(provider)


def test_a_refund_done_again_after_it_was_taken_back_counts_once_staff_accept_it(provider):
    order, payment = paid_order(provider)
    refund(order)
    drain()
    made = provider.refunds()[0]
    provider.fail_refund_late(made["id"])
    provider.deliver_all("refund.failed")
    console_refunds.take_back(Discrepancy.objects.get())
    done = made | {"status": "succeeded", "succeed": True}
    provider.deliver(provider.sandbox.event("refund.succeeded", done))

    accept(Discrepancy.objects.get(resolved_at=None))

    again = provider.deliver(provider.sandbox.event("refund.succeeded", done))
    assert again.json()["outcome"] == "applied"
    ours = Refund.objects.get()
    assert (ours.status, ours.refund_id) == (RefundStatus.SUCCEEDED, made["id"])
    assert books.balances() == {}
    assert not Discrepancy.objects.filter(resolved_at=None).exists()


def test_a_part_returned_again_after_it_failed_late_leaves_the_rest_undecided(provider):
    _, row = wrongly_noticed(provider, order_no="20260101000001")
    made = provider.console_refund(row.charge_id, 500)
    provider.deliver_all("refund.succeeded")
    provider.fail_refund_late(made["id"])
    provider.deliver_all("refund.failed")
    console_refunds.take_back(Discrepancy.objects.get())

    again = provider.sandbox.event("refund.succeeded", made | {"status": "succeeded"})
    assert provider.deliver(again).json()["outcome"] == "differs"
    accept(Discrepancy.objects.get(resolved_at=None))

    row.refresh_from_db()
    assert (row.resolution, row.remaining_fen) == ("", 1000)
    assert books.balances()["suspense"] == 1000


def test_a_part_of_held_money_returned_while_staff_return_it_all_can_be_accepted(provider):
    _, row = wrongly_noticed(provider, order_no="20260101000001")
    suspense_acts.refund(row, reason="退回")
    difference = told_of(provider, row)
    settle_all(provider)

    accept(difference)
    suspense_acts.refund(row, reason="退回余款")
    settle_all(provider)

    row.refresh_from_db()
    assert (row.resolution, row.refunded_fen) == (SuspenseResolution.REFUNDED, 500)
    assert books.balances() == {}
    books.assert_whole(provider)


def test_held_money_that_staff_gave_away_leaves_nothing_to_accept(provider):
    _, row = wrongly_noticed(provider, order_no="20260101000001")
    suspense_acts.keep(row)
    difference = told_of(provider, row)

    with pytest.raises(StaffRefusal, match="另行处理"):
        accept(difference)
    console_refunds.dispute(difference)

    assert books.balances() == {"clearing:alipay": -1000, "platform": 1000}
    books.assert_whole(provider)


def test_a_pending_return_of_held_money_that_staff_gave_away_is_a_difference_in_the_end(provider):
    order = people.new_order()
    charge = people.charge_for(order)
    provider.pay(charge["id"])
    made = provider.console_refund(charge["id"], 500, "pending")
    provider.deliver(provider.sandbox.event("refund.succeeded", made))
    provider.deliver_all("charge.succeeded")
    suspense_acts.keep(SuspenseCharge.objects.get())

    provider.sandbox.settle_refund(made["id"], "succeeded")
    provider.deliver_all("refund.succeeded")

    assert Discrepancy.objects.get().resolved_at is None


def test_a_console_refund_of_money_that_was_held_by_mistake_concerns_its_order(provider):
    order, row = wrongly_noticed(provider, amount=100)
    provider.deliver(provider.events("charge.succeeded")[-1] | {"id": "evt_right"})
    row.refresh_from_db()
    assert row.resolution == SuspenseResolution.CORRECTED

    provider.console_refund(row.charge_id, 500)
    provider.deliver_all("refund.succeeded")

    difference = Discrepancy.objects.get(kind="refund_unknown")
    order.refresh_from_db()
    assert difference.payment == order.paid_with
    accept(difference)
    settle_all(provider)
    assert books.balances() == {}
    books.assert_whole(provider)


def test_a_refund_that_hangs_at_the_provider_can_be_given_up_when_it_is_overdue(provider):
    row = waiting_refund(provider)
    Refund.objects.update(created_at=timezone.now())
    boss = make_user(is_staff=True, is_superuser=True)

    with pytest.raises(StaffRefusal, match="等待期限"):
        staff_acts.request("give_up_refund", row, actor=boss, reason="x")
    Refund.objects.update(created_at=timezone.now() - timedelta(days=4))
    staff_acts.request("give_up_refund", row, actor=boss, reason="x")

    row.refresh_from_db()
    assert row.status == RefundStatus.FAILED
    books.assert_whole(provider)


def test_the_late_success_of_what_was_given_up_and_paid_otherwise_is_a_difference(provider):
    row = waiting_refund(provider)
    refunds.end_otherwise(refunds.give_up(row), RefundMeans.BALANCE)

    provider.sandbox.settle_refund(row.refund_id, "succeeded")
    provider.deliver_all("refund.succeeded")

    console_refunds.dispute(Discrepancy.objects.get())
    assert books.balances()["platform"] == -1500
    books.assert_whole(provider)


def test_what_was_given_up_and_asked_for_again_ends_with_what_the_provider_still_has(provider):
    row = waiting_refund(provider)
    refunds.retry(refunds.give_up(row))
    settle_all(provider)
    row.refresh_from_db()
    assert (row.status, len(provider.refunds())) == (RefundStatus.OPEN, 1)

    provider.sandbox.settle_refund(row.refund_id, "failed")
    settle_all(provider)

    row.refresh_from_db()
    assert row.status == RefundStatus.FAILED
    refunds.retry(row)
    settle_all(provider)
    row.refresh_from_db()
    assert row.status == RefundStatus.SUCCEEDED
    books.assert_whole(provider)


def test_a_disputed_refund_of_held_money_that_fails_late_is_taken_back(provider):
    _, row = wrongly_noticed(provider, order_no="20260101000001")
    provider.sandbox.script_refunds("wait")
    ours = suspense_acts.refund(row, reason="退回")
    settle_all(provider)
    ours.refresh_from_db()
    Refund.objects.update(created_at=timezone.now() - timedelta(days=4))
    refunds.give_up(ours)
    suspense_acts.keep(row)
    provider.sandbox.settle_refund(ours.refund_id, "succeeded")
    provider.deliver_all("refund.succeeded")
    console_refunds.dispute(Discrepancy.objects.get())
    provider.fail_refund_late(ours.refund_id)
    provider.deliver_all("refund.failed")

    console_refunds.take_back(Discrepancy.objects.get(kind="refund_undone"))

    assert books.balances() == {"clearing:alipay": -1500, "platform": 1500}
    books.assert_whole(provider)


def test_a_refund_that_the_provider_does_not_have_is_taken_back_and_paid_otherwise(provider):
    order, _ = paid_order(provider)
    refund(order)
    settle_all(provider)
    provider.sandbox.store.run("DELETE FROM refunds")
    provider.sandbox.store.run("UPDATE charges SET created = created - 600")
    compare()
    row = Discrepancy.objects.get()
    assert row.kind == "refund_absent"
    boss = make_user(is_staff=True, is_superuser=True)

    done = staff_acts.request("take_back_refund", row, actor=boss, reason="渠道确认未退")
    refunds.end_otherwise(Refund.objects.get(), RefundMeans.BALANCE)

    assert done.amount_fen == 1500
    assert books.wallet(order.patient.user) == 1500
    books.assert_whole(provider)


def test_a_refund_told_of_twice_is_taken_back_once(provider):
    order, payment = paid_order(provider)
    refund(order)
    settle_all(provider)
    done = Refund.objects.get()
    absent, undone = (
        discrepancies.note(kind, payment.charge_id, payment=payment, refund_id=done.refund_id)
        for kind in ("refund_absent", "refund_undone")
    )
    boss = make_user(is_staff=True, is_superuser=True)
    staff_acts.request("take_back_refund", absent, actor=boss, reason="x")
    staff_acts.request("retry_refund", done, actor=boss, reason="x")
    before = books.balances()

    with pytest.raises(StaffRefusal):
        staff_acts.request("take_back_refund", undone, actor=boss, reason="x")

    assert books.balances() == before


@pytest.mark.parametrize("amount", [None, "500", 0, -1, 2**70, True, 5.5, [], {}])
def test_a_refund_whose_amount_cannot_be_read_is_shown_to_staff_and_moves_nothing(provider, amount):
    _, payment = paid_order(provider)
    made = provider.console_refund(payment.charge_id, 500)
    before = books.balances()

    event = provider.sandbox.event("refund.succeeded", made | {"amount": amount})
    outcome = provider.deliver(event).json()["outcome"]

    row = Discrepancy.objects.get()
    assert (outcome, row.kind, row.payment) == ("differs", "refund_differs", payment)
    assert books.balances() == before
    assert discrepancies.resolve(row, Resolution.STAFF)


def test_our_metadata_on_a_refund_of_another_charge_is_not_believed(provider):
    order, _ = paid_order(provider)
    _, other = paid_order(provider)
    ours = refund(order)
    made = provider.console_refund(other.charge_id)

    shown = made | {"metadata": {"refund": str(ours.pk), "attempt": "1"}}
    provider.deliver(provider.sandbox.event("refund.succeeded", shown))

    assert Discrepancy.objects.get().payment == other
    ours.refresh_from_db()
    assert (ours.status, ours.refund_id) == (RefundStatus.OPEN, None)


def test_parts_that_sum_to_more_than_the_charge_can_only_be_disputed(provider):
    _, payment = paid_order(provider, Status.ANSWERED)
    accept(told(provider, payment, 1500))
    settle_all(provider)
    more = provider.refunds()[-1] | {"id": "re_more", "amount": 1}
    provider.deliver(provider.sandbox.event("refund.succeeded", more))
    row = Discrepancy.objects.get(refund_id="re_more")

    with pytest.raises(StaffRefusal, match="平台承担"):
        accept(row)
    console_refunds.dispute(row)

    assert [finding for finding in books.audit() if finding.rows] == []


def test_accepting_a_part_of_a_large_order_waits_for_a_second_member(provider, settings):
    settings.STAFF_DOUBLE_CHECK_FEN = 1000
    order, payment = paid_order(provider)
    row = told(provider, payment, 500)
    boss = make_user(is_staff=True, is_superuser=True)

    waiting = staff_acts.request(
        "accept_console_refund", row, actor=boss, reason="x", bearer=Bearer.PLATFORM
    )

    assert (waiting.state, waiting.amount_fen) == ("waiting", 1500)
    assert Order.objects.get(pk=order.pk).status == Status.PAID


def test_a_recharge_that_is_not_booked_is_not_taken_off_the_balance(provider):
    user = people.new_order().patient.user
    for _ in range(2):
        charge = recharge(payer=user, channel="alipay", amount_fen=2000)
        provider.pay(charge["id"])
    first, second = provider.events("charge.succeeded")
    provider.deliver(first)
    row = told(provider, Payment.objects.get(charge_id=second["data"]["object"]["id"]))

    with pytest.raises(StaffRefusal, match="还没有入账"):
        accept(row)

    assert books.wallet(user) == 2000


def test_what_the_provider_did_for_a_refund_that_staff_ended_meanwhile_is_a_difference(provider):
    order, _ = paid_order(provider)
    row = refund(order)
    Refund.objects.update(created_at=timezone.now() - timedelta(days=4))

    def end() -> None:
        failpoints.hooks.clear()
        refunds.end_otherwise(refunds.give_up(row), RefundMeans.BALANCE)

    failpoints.hooks["refund.sent"] = end
    try:
        refund_outbox.send_due()
    finally:
        failpoints.hooks.clear()

    assert Discrepancy.objects.get().kind == "refund_unknown"


def test_a_comparison_reads_the_differences_of_its_own_charges_only():
    for number in range(30):
        discrepancies.note("stranger", f"ch_{number}")
    seen = []

    def count(sender, **_):
        seen.append(sender)

    post_init.connect(count, Discrepancy)
    try:
        gone = discrepancies.close_gone({"ch_7", "ch_none"}, set())
    finally:
        post_init.disconnect(count, Discrepancy)

    assert (gone, len(seen)) == (1, 1)


def test_staff_are_told_why_an_act_is_refused(provider):
    boss = make_user(is_staff=True, is_superuser=True)
    order, payment = paid_order(provider)
    refunds.refund_order(order=order, role=Role.STAFF, actor=boss)
    row = payment.refunds.get()

    for verb, target, word in (
        ("refund_order", order, "不能退款：订单须已支付、还没有回答。"),
        ("retry_refund", row, "不能退款：须为退款失败的退款"),
        ("take_back_refund", told(provider, paid_order(provider)[1]), "渠道有退款，本地无记录"),
    ):
        with pytest.raises(StaffRefusal, match=word):
            staff_acts.request(verb, target, actor=boss, reason="x")


def test_no_verb_can_be_refused_without_a_word_of_why():
    raising = {"refund_order", "refund_completed", "accept_console_refund", "assign_suspense"}
    raising |= {name for name in staff_acts.VERBS if staff_acts.VERBS[name].model is Refund}

    assert all(staff_acts.VERBS[name].needs for name in raising | {"take_back_refund"})


def test_a_served_order_stays_finished_by_both_sides_while_a_difference_is_open(provider):
    order, payment = paid_order(provider, Status.ANSWERED)
    row = told(provider, payment, 500)
    orders.finish_order(order=order, role=Role.DOCTOR)

    accept(row, Bearer.DOCTOR)
    settle_all(provider)

    assert Order.objects.get(pk=order.pk).released_at is not None
    assert books.balances()[f"earnings:{order.doctor.user_id}"] == 1000
    books.assert_whole(provider)
